"""A group of gates: requests are staged, checked together, and applied."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daqpv.core import Slot
from daqpv.errors import (
    AbortedError,
    CommandError,
    DaqError,
    OperationError,
    RefusedError,
    UnknownOutcomeError,
    sentence,
)
from daqpv.instruments.gate.gate import Gate
from daqpv.instruments.gate.outlet import Outlet, Staged
from daqpv.instruments.gate.rules import Value, is_number
from daqpv.instruments.settings import SetGroup

Holds = Callable[[Mapping[str, Value]], object]


class GateGroup:
    """Settable channels that are changed together.

    A request stays until it was applied, whatever is put besides. Direct puts of its
    channels have to pass the check of the group, too.

    Args:
        name: of the group.
        settings: its section of the file.
        gates: those of the instrument, by channel.
        outlet: the instrument.
        holds: computes the check of the group from the values of all its channels, and
            raises ArithmeticError, ValueError, TypeError or DaqError if it cannot;
            None: the group has no check.

    Attributes:
        staged: what it shows.
    """

    def __init__(
        self,
        name: str,
        settings: SetGroup,
        gates: Mapping[str, Gate],
        outlet: Outlet,
        *,
        holds: Holds | None = None,
    ) -> None:
        self.name = name
        self._gates = {channel: gates[channel] for channel in settings.channels}
        self._settings = settings
        self._outlet = outlet
        self._holds = holds
        self._subject = f"{outlet.name}: {name}"
        self._slot = Slot(self._subject, outlet)
        self._requests: dict[str, Value] = {}
        for gate in self._gates.values():
            gate.watch(self._update)
            gate.checks.append(self._check_put)
        self.staged = self._now()

    def request(self, channel: str, value: Any) -> None:
        """Request a value for the next Apply; NaN takes the request back.

        Limits and the check are not enforced yet: `staged` says whether they hold.

        Raises:
            RefusedError: the channel has no such value.
        """
        gate = self._gates[channel]
        if is_number(value) and math.isnan(value):
            self._requests.pop(channel, None)
        else:
            self._requests[channel] = gate.rules.formed(value)
        self._update()

    async def apply(self) -> None:
        """Set all channels that are requested, in the order of the group.

        First everything is checked. When one fails, the rest is not written.

        Raises:
            RefusedError: not allowed, or to be confirmed; nothing was sent.
            CommandError: a channel has failed; the text says which are set.
        """
        with self._slot.command(f"apply {self.name}"):
            wanted = self._checked()
            self._confirm(wanted)
            order = list(wanted)
            for number, channel in enumerate(order):
                left = {one: wanted[one] for one in order[number:]}
                try:
                    await self._put(channel, left)
                except DaqError as error:
                    done, rest = order[:number], order[number + 1 :]
                    raise self._failure(error, channel, done, rest) from error

    async def _put(self, channel: str, left: Mapping[str, Value]) -> None:
        """Set a channel, the first of those that are left.

        Another client may have changed those that are not requested, or are set.
        """
        if problem := self._problem(left):
            raise RefusedError(problem)
        value = left[channel]
        await self._gates[channel].put_checked(value)
        if self._requests.get(channel) == value:
            del self._requests[channel]
        self._update()

    # Checks

    def _checked(self) -> dict[str, Value]:
        """The requests, in order, each passed by its gate, and all by the check.

        Raises:
            RefusedError: they are not.
        """
        problems, wanted = [], {}
        for channel, gate in self._gates.items():
            if channel in self._requests:
                try:
                    wanted[channel] = gate.check(self._requests[channel])
                except RefusedError as error:
                    problems.append(sentence(error))
        if not problems and (problem := self._problem(wanted)):
            problems.append(problem)
        if problems:
            raise RefusedError(" ".join(dict.fromkeys(problems)))
        return wanted

    def _confirm(self, wanted: Mapping[str, Value]) -> None:
        """Ask once for all that has to be confirmed."""
        asked = [c for c, value in wanted.items() if self._gates[c].unconfirmed(value)]
        if asked:
            raise RefusedError(
                " ".join(self._gates[c].question(wanted[c]) for c in asked)
            )
        for channel in wanted:
            self._gates[channel].confirmed()

    def _check_put(self, channel: str, value: Value) -> None:
        """The check of a direct put: the other channels stay as they are."""
        if problem := self._problem({channel: value}):
            raise RefusedError(problem)

    def _problem(self, wanted: Mapping[str, Value]) -> str:
        """Why the check does not hold with `wanted`; "" if it does.

        The other channels count as they are; those under way with all that they may be.
        """
        if self._holds is None:
            return ""
        spans = [
            {wanted[channel]} if channel in wanted else gate.span
            for channel, gate in self._gates.items()
        ]
        for values in itertools.product(*spans):
            if problem := self._judged(dict(zip(self._gates, values, strict=True))):
                return problem
        return ""

    def _judged(self, values: Mapping[str, Value | None]) -> str:
        known = {name: one for name, one in values.items() if one is not None}
        if missing := [name for name in values if name not in known]:
            return (
                f"{self._subject}: {', '.join(missing)} is not known yet: request it, "
                "too, and apply the group."
            )
        assert self._holds is not None
        try:
            if self._holds(known):
                return ""
        except (ArithmeticError, ValueError, TypeError, DaqError) as error:
            return f"{self._subject}: the check cannot be computed: {sentence(error)}"
        why = self._settings.reason or f"{self._settings.check} does not hold"
        having = ", ".join(
            f"{name} {self._gates[name].rules.text(one)}" for name, one in known.items()
        )
        return f"{self._subject}: {why} ({having})."

    # What it shows

    def _update(self) -> None:
        now = self._now()
        if now != self.staged:
            self.staged = now
            self._outlet.show_staged(self.name, now)

    def _now(self) -> Staged:
        """The requests, and whether an Apply would be accepted."""
        requests = tuple(
            (channel, self._requests.get(channel, gate.setpoint.value))
            for channel, gate in self._gates.items()
        )
        reason = self._reason()
        return Staged(requests, is_valid=not reason, reason=reason)

    def _reason(self) -> str:
        for channel, value in self._requests.items():
            try:
                self._gates[channel].rules.checked(value)
            except RefusedError as error:
                return str(error)
        return self._problem(self._requests)

    def _failure(
        self, error: DaqError, failed: str, done: Sequence[str], rest: Sequence[str]
    ) -> CommandError:
        """The error of an Apply that ended in the middle: what is set, what not."""
        if not done and isinstance(error, RefusedError):
            return RefusedError(f"{self._subject}: {error}")
        parts = [f"{_listed(done)} set"] if done else []
        parts.append(f"{failed} failed: {str(error).rstrip('.')}")
        if rest:
            parts.append(f"not written: {', '.join(rest)}")
        text = f"{self._subject}: {'; '.join(parts)}."
        for kind in (AbortedError, UnknownOutcomeError):
            if isinstance(error, kind):
                return kind(text)
        return OperationError(text)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
