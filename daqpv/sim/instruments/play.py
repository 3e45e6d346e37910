"""What a simulated instrument does: variables, their change, rules of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daqpv.instruments.settings import Rule, Simulator
from daqpv.sim.instruments.making import Maker

_TIMES = ("t", "dt")


class Play:
    """A simulated instrument, without its connection.

    Args:
        name: of the instrument, for messages.
        settings: of its simulator.
        speed: its time runs so many times faster.
        encoding: of its lines.
        seed: of the noise; None: another one each time.

    Attributes:
        variables: their present values, by name; tests may set them.

    Raises:
        SimulatorError: a formula or pattern cannot be used; it is named.
    """

    def __init__(
        self,
        name: str,
        settings: Simulator,
        *,
        speed: float = 1.0,
        encoding: str = "utf-8",
        seed: int | None = None,
    ) -> None:
        self.settings = settings
        self.speed = speed
        self.variables: dict[str, Any] = dict(settings.variables)
        self._make = make = Maker(name, encoding, seed)
        self._time, self._step = 0.0, settings.tick
        names = (*self.variables, *_TIMES)
        self._change = make.formulas(settings.change, "change", names)
        self._points = make.formulas(settings.points, "points", names)
        stream, when = settings.stream, settings.stream_when
        self._stream = None if stream is None else make.pattern(stream, "stream")
        self._when = None if when is None else make.formula(when, "stream_when", names)
        self._rules = [
            _Rule(make, rule, f"rules[{n}]", self.variables)
            for n, rule in enumerate(settings.rules)
        ]

    def advance(self, seconds: float) -> None:
        """Let time pass [s of the computer]: variables change.

        Raises:
            SimulatorError: a formula has no result.
        """
        self._step = seconds * self.speed
        self._time += self._step
        values = self.values()
        for name, formula in self._change.items():
            values[name] = self.variables[name] = self._make.result(formula, values)

    def values(self) -> dict[str, Any]:
        """The variables, and the times ``t`` and ``dt`` [s], which they may hide."""
        return {"t": self._time, "dt": self._step, **self.variables}

    # -- of instruments with registers, OIDs, nodes

    def point(self, name: str) -> Any:
        """The value of a channel; 0 if nothing is known of it.

        Raises:
            SimulatorError: its formula has no result.
        """
        if name in self._points:
            return self._make.result(self._points[name], self.values())
        return self.variables.get(name, 0)

    def write(self, name: str, value: Any) -> None:
        """Somebody has written the channel `name`."""
        self.variables[name] = value

    # -- of instruments that speak in lines

    def streamed(self) -> bytes | None:
        """The line that it sends unasked now, without terminator; None: none.

        Raises:
            SimulatorError: its formula has no result.
        """
        values = self.values()
        if self._stream is None:
            return None
        if self._when is not None and not self._make.result(self._when, values):
            return None
        return self._make.line(self._stream, values)

    def taken(self, line: bytes) -> Turn | None:
        """Take the first rule that fits a question or command; None: none fits.

        Raises:
            SimulatorError: a formula has no result.
        """
        for rule in self._rules:
            captured = rule.captured(line, self.values())
            if captured is not None:
                rule.act(captured, self.variables, self.values())
                return Turn(self, rule, captured)
        return None


class _Rule:
    """A rule, ready to be used."""

    def __init__(
        self, make: Maker, rule: Rule, key: str, variables: Mapping[str, Any]
    ) -> None:
        self._make = make
        self._ask = make.pattern(rule.ask, f"{key}.ask")
        names = (*variables, *self._ask.names, *_TIMES)
        self._when = (
            None if rule.when is None else make.formula(rule.when, f"{key}.when", names)
        )
        self._set = make.formulas(rule.set, f"{key}.set", names)
        answer = rule.answer
        self._answer = None if answer is None else make.pattern(answer, f"{key}.answer")
        self.refuses = rule.refuse

    def captured(self, line: bytes, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The values in a line; None if it does not fit."""
        try:
            found = self._ask.parse(line)
        except ValueError:
            return None
        if self._when and not self._make.result(self._when, {**values, **found}):
            return None
        return found

    def act(
        self,
        captured: Mapping[str, Any],
        variables: dict[str, Any],
        values: Mapping[str, Any],
    ) -> None:
        """Set the variables that were captured, then those of `set`, in order."""
        variables |= {name: captured[name] for name in captured if name in variables}
        seen = {**values, **captured}
        for name, formula in self._set.items():
            seen[name] = variables[name] = self._make.result(formula, seen)

    def answer(self, values: Mapping[str, Any]) -> bytes | None:
        """The answer with these values, without terminator; None: there is none."""
        return None if self._answer is None else self._make.line(self._answer, values)


class Turn:
    """A question or command that was understood.

    Attributes:
        refuses: whether the rule says so.
    """

    def __init__(self, play: Play, rule: _Rule, captured: Mapping[str, Any]) -> None:
        self._play, self._rule, self._captured = play, rule, captured
        self.refuses = rule.refuses

    def answer(self) -> bytes | None:
        """The answer with the present variables; None: there is none.

        Raises:
            SimulatorError: a value is missing, or does not fit.
        """
        return self._rule.answer({**self._captured, **self._play.values()})
