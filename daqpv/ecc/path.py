"""Finds the operations that lead an ECC server from one state to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from daqpv.core import Goal
from daqpv.ecc.codes import LEGAL, EccState, Operation

_UP = {
    EccState.IDLE: Operation.DESCRIBE,
    EccState.DESCRIBED: Operation.PREPARE,
    EccState.PREPARED: Operation.CONFIGURE,
    EccState.READY: Operation.START,
    EccState.RUNNING: Operation.PAUSE,
}
_DOWN = {
    # Breakup is the one thing that a broken server may still do (to Prepared)
    EccState.BROKEN: Operation.BREAKUP,
    EccState.DESCRIBED: Operation.UNDO,
    EccState.PREPARED: Operation.UNDO,
    EccState.READY: Operation.BREAKUP,
    # Stop first, always: the server would let Breakup stop a run in passing
    EccState.RUNNING: Operation.STOP,
    EccState.PAUSED: Operation.STOP,
}


def back(state: EccState) -> Operation | None:
    """The operation that leads one state back; None from Idle."""
    return _DOWN.get(state)


def is_below(state: EccState, other: EccState) -> bool:
    """Whether `state` is on the way down from `other`.

    The way down is never refused; from Paused to Running it is not: data flow there.
    """
    resumes = state is EccState.RUNNING and other is EccState.PAUSED
    return state < other and not resumes


@dataclass(frozen=True, slots=True)
class StateGoal(Goal):
    """A goal whose level is an EccState."""

    def is_below(self, other: Self) -> bool:
        """Whether this is on the way down from `other`."""
        return is_below(EccState(self.level), EccState(other.level))


def leads_to(state: EccState, operation: Operation) -> EccState | None:
    """Where `operation` leads from `state`; None if the server would ignore it."""
    if state is EccState.BROKEN and operation is Operation.BREAKUP:
        return EccState.PREPARED
    return LEGAL.get((state, operation))


def next_operation(state: EccState, target: EccState) -> Operation:
    """The first operation on the way from `state` to `target`, another state."""
    if state is EccState.BROKEN:
        return Operation.BREAKUP
    if (state, target) == (EccState.PAUSED, EccState.RUNNING):
        return Operation.RESUME
    return (_UP if target > state else _DOWN)[state]


def path(state: EccState, target: EccState) -> Iterator[Operation]:
    """All operations on the way from `state` to `target`, in order."""
    while state is not target:
        operation = next_operation(state, target)
        yield operation
        after = leads_to(state, operation)
        assert after is not None
        state = after
