"""Faults on request: the kind of fault, the method it acts on, and how often."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from pydantic import ConfigDict

from daqpv.ecc.codes import Operation
from daqpv.sim.ecc.soap import ARGUMENTS

EVERY = "*"
"""Instead of a method: all methods without a fault of their own."""


class Kind(StrEnum):
    """What a fault does."""

    REFUSE = "refuse"  # the action fails: ErrorCode and `message`
    SLOW = "slow"  # it takes `seconds` more
    IGNORE = "ignore"  # "success", and nothing done
    CRASH = "crash"  # the process dies in the middle of it
    HANG = "hang"  # no answer, connection left open
    CUT = "cut"  # the connection is cut after the request
    FAULT = "fault"  # SOAP Fault with `message`
    HTML = "html"  # another web server seems to live there
    TRUNCATED = "truncated"  # the answer ends in the middle
    GARBAGE = "garbage"  # the answer is not even HTTP
    OVERSIZED = "oversized"  # an answer of `megabytes`


_WORKING = frozenset({Kind.REFUSE, Kind.SLOW, Kind.CRASH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        do: its kind.
        message: ErrorMessage or text of the Fault; empty: a typical one.
        seconds: by which the method takes longer [s].
        times: number of calls it acts on; None: until it is cleared.
        acts: whether the method does its work although the answer is wrong; refuse,
            slow and crash always do, ignore never does.
        megabytes: size of an oversized answer.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")  # for faults read from JSON

    do: Kind
    message: str = ""
    seconds: float = 0.0
    times: int | None = None
    acts: bool = False
    megabytes: int = 64

    def __post_init__(self) -> None:
        if not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError(f"seconds is {self.seconds}: it must be 0 or more")
        if self.times is not None and self.times < 1:
            raise ValueError(f"times is {self.times}: it must be 1 or more")
        if self.megabytes < 1:
            raise ValueError(f"megabytes is {self.megabytes}: it must be 1 or more")

    @property
    def is_worked(self) -> bool:
        """Whether the method does its work."""
        return self.do in _WORKING or (self.acts and self.do is not Kind.IGNORE)


class Faults:
    """The faults of a simulator, by method."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}

    def check(self, method: str) -> None:
        """Check that `method` can have a fault.

        Raises:
            ValueError: the service has no such method.
        """
        if method != EVERY and method not in ARGUMENTS:
            methods = ", ".join(ARGUMENTS)
            raise ValueError(f"no method {method!r}; there are: {methods}, {EVERY}")

    def set(self, method: str | Operation, fault: Fault | None) -> None:
        """Set the fault of `method` (or EVERY), or with None clear it.

        Raises:
            ValueError: the service has no such method.
        """
        name = method.value if isinstance(method, Operation) else method
        self.check(name)
        if fault is None:
            self._faults.pop(name, None)
        else:
            self._faults[name] = fault

    def clear(self) -> None:
        """Clear all faults."""
        self._faults.clear()

    @property
    def active(self) -> Mapping[str, Fault]:
        """The faults that wait for a call; `times` counts the remaining calls."""
        return MappingProxyType(self._faults)

    def take(self, method: str) -> Fault | None:
        """The fault that acts on this call."""
        name = method if method in self._faults else EVERY
        fault = self._faults.get(name)
        if fault is None or fault.times is None:
            return fault
        if fault.times <= 1:
            del self._faults[name]
        else:
            self._faults[name] = replace(fault, times=fault.times - 1)
        return fault

    def describe(self) -> dict[str, dict[str, object]]:
        """As plain values, for JSON."""
        return {name: asdict(fault) for name, fault in self._faults.items()}
