"""Makes formulas and patterns of a simulator; their errors name the instrument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from daqpv.errors import SimulatorError
from daqpv.instruments.formula import Formula
from daqpv.instruments.parsing import Pattern


class Maker:
    """Makes and uses the formulas and patterns of one simulator.

    Args:
        name: of the instrument.
        encoding: of its lines.
        seed: of the noise; None: another one each time.
    """

    def __init__(self, name: str, encoding: str, seed: int | None) -> None:
        self.name = name
        self.encoding = encoding
        self._random = Random(seed)

    def formula(self, text: object, key: str, names: Iterable[str]) -> Formula:
        """A formula over `names`; it may call ``noise(sigma)``.

        Raises:
            SimulatorError: it cannot be used; `key` says where it stands.
        """
        own: dict[str, Callable[..., Any]] = {"noise": self._noise}
        try:
            return Formula(str(text), names=set(names), functions=own)
        except ValueError as error:
            raise self.wrong(f"{key}: {error}") from error

    def formulas(
        self, texts: Mapping[str, object], key: str, names: Iterable[str]
    ) -> dict[str, Formula]:
        """Several formulas, by name."""
        names = tuple(names)
        return {
            name: self.formula(text, f"{key}.{name}", names)
            for name, text in texts.items()
        }

    def pattern(self, text: str, key: str) -> Pattern:
        """A pattern of lines.

        Raises:
            SimulatorError: it is none; `key` says where it stands.
        """
        try:
            return Pattern(text, encoding=self.encoding)
        except ValueError as error:
            raise self.wrong(f"{key}: {error}") from error

    def result(self, formula: Formula, values: Mapping[str, Any]) -> Any:
        """The result of a formula.

        Raises:
            SimulatorError: it has none.
        """
        try:
            return formula(values)
        except ValueError as error:
            raise self.wrong(str(error)) from error

    def line(self, pattern: Pattern, values: Mapping[str, Any]) -> bytes:
        """The line of a pattern with `values`, without terminator.

        Raises:
            SimulatorError: a value is missing, or does not fit.
        """
        used = {name: values[name] for name in pattern.names if name in values}
        try:
            line = pattern.format(**used)
        except ValueError as error:
            raise self.wrong(f"{pattern.text!r}: {error}") from error
        return line.encode(self.encoding) if isinstance(line, str) else line

    def wrong(self, text: str) -> SimulatorError:
        """The error of a section that cannot be used."""
        return SimulatorError(
            f"the simulator of {self.name}: {text}. Correct its section `simulator`"
        )

    def _noise(self, sigma: float = 1.0) -> float:
        return self._random.gauss(0.0, sigma)
