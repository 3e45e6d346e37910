"""How many arguments functions of formulas take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daqpv.errors import counted


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of a function.

    Attributes:
        name: of the function.
        least: so many at least.
        most: so many at most; None: any number.
    """

    name: str
    least: int
    most: int | None

    @classmethod
    def of(cls, name: str, function: Callable[..., Any]) -> Signature:
        """Read it from the function."""
        least, most = 0, 0
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                return cls(name, least, None)
            if parameter.kind not in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
                most += 1
                least += parameter.default is parameter.empty
        return cls(name, least, most)

    @property
    def form(self) -> str:
        """How it is called: ``clip(a, b, c)``."""
        letters = ", ".join("abcdefgh"[: max(self.least, 1) if self.most != 0 else 0])
        return f"{self.name}({letters}{', ...' if self.most is None else ''})"

    def wrong(self, given: int) -> str:
        """What is wrong with so many arguments, in words; "": nothing."""
        if self.least <= given and (self.most is None or given <= self.most):
            return ""
        if self.most is None:
            wanted = f"at least {counted(self.least, 'argument')}"
        elif self.least == self.most:
            wanted = counted(self.least, "argument")
        else:
            wanted = f"{self.least} to {counted(self.most, 'argument')}"
        return f"{self.name} takes {wanted}, not {given}"
