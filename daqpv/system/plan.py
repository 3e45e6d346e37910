"""Defines the order between ECC servers as a table, and plans paths by it.

The MuTAnT gives clock and trigger to the CoBos: it is prepared before them, configured
and started after them, and stopped first. Sources: GET software (GetBench),
src/get/rc/SystemManager.cpp; the clients attpc-daq and attpc_envoy keep the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from daqpv.ecc import EccState, Operation, leads_to

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
DESCRIBE, PREPARE, CONFIGURE, START, STOP, PAUSE, RESUME, BREAKUP, UNDO = Operation
DOWN = frozenset({STOP, BREAKUP, UNDO})

TAKING_DATA = frozenset({RUNNING, PAUSED})
"""The states from which Stop leads back."""

_MOST_STEPS = 60  # of a plan: three groups, at most twice through the nine rows


class Part(StrEnum):
    """The part that a server has in the order; its value is the role in the file."""

    MUTANT = "mutant"
    SLAVE = "mutant-slave"
    COBO = "cobo"

    @property
    def label(self) -> str:
        """The servers of this part, for the Step PV."""
        return {"mutant": "MuTAnT", "mutant-slave": "slaves"}.get(self, "CoBos")

    @classmethod
    def of(cls, role: str) -> Part:
        """The part of a server with `role`; one with all boards counts as a CoBo."""
        return cls.COBO if role == "all" else cls(role)


M, S, C = Part

Parts: TypeAlias = frozenset[Part]
States: TypeAlias = frozenset[EccState]
Standing: TypeAlias = tuple[Part, EccState]
Spread: TypeAlias = frozenset[Standing]
"""The states of the servers: each part with each state of a server of it. Their number
changes no plan."""


class OnFailure(Enum):
    """The action after failures in a group.

    A group is sent out at once, so its other members always come to their end first.
    """

    HALT = "nothing further"
    STOP = "stop what runs"
    GO_ON = "go on to every group, fail at the end"


class Wants(NamedTuple):
    """The states that all servers must have before a group is sent an operation.

    Attributes:
        earlier: those whose group comes before.
        same: those of its own group, itself among them.
        later: those whose group comes after.
    """

    earlier: States = frozenset(EccState)
    same: States = frozenset(EccState)
    later: States = frozenset(EccState)


@dataclass(frozen=True, slots=True)
class Row:
    """One step of the order.

    Attributes:
        name: its key in the file.
        operation: to be sent.
        sources: from which states.
        order: the groups, one after the other; parallel inside.
        wants: the guard.
        on_failure: the action when a member fails.
    """

    name: str
    operation: Operation
    sources: States
    order: tuple[Parts, ...]
    wants: Wants
    on_failure: OnFailure

    @property
    def after(self) -> EccState:
        """Where it leads."""
        state = leads_to(next(iter(self.sources)), self.operation)
        assert state is not None, self
        return state

    @property
    def is_down(self) -> bool:
        """Whether it is a step of the way down, which skips lost servers."""
        return self.operation in DOWN

    def turn(self, part: Part) -> int:
        """Position of `part` in the order, from 0."""
        return next(i for i, group in enumerate(self.order) if part in group)

    def wanted(self, mover: Part, other: Part) -> States:
        """Where servers of `other` have to be before one of `mover` is sent it."""
        mine, theirs = self.turn(mover), self.turn(other)
        if theirs == mine:
            return self.wants.same
        return self.wants.earlier if theirs < mine else self.wants.later

    def offenders(self, mover: Part, spread: Spread) -> Spread:
        """Those in `spread` that are not in a required state."""
        return frozenset(
            (part, state)
            for part, state in spread
            if state not in self.wanted(mover, part)
        )


def _in(*states: EccState) -> States:
    return frozenset(states)


def _most(state: EccState) -> Wants:
    """A guard that permits no server above `state`."""
    states = frozenset(one for one in EccState if one <= state)
    return Wants(states, states, states)


_AT_ONCE = (frozenset(Part),)
_M_S_C = (frozenset({M}), frozenset({S}), frozenset({C}))
_C_S_M = _M_S_C[::-1]
_ANY = Wants()
_CLOCKED = Wants(earlier=_in(PREPARED, READY, RUNNING, PAUSED))
_LINKED = Wants(earlier=_in(READY))
_STARTS = Wants(_in(RUNNING), same=_in(READY, RUNNING), later=_in(READY))
_PAUSES = Wants(_in(PAUSED), same=TAKING_DATA, later=_in(RUNNING))
_RESUMES = Wants(_in(RUNNING), same=TAKING_DATA, later=TAKING_DATA)
_MOST_4 = _most(READY)
_MOST_3 = _most(PREPARED)
_MOST_2 = _most(DESCRIBED)
_HALT, _STOP, _GO_ON = OnFailure

# fmt: off
ROWS = (
    # step               operation  from                order     guard      on failure
    Row("describe",      DESCRIBE,  _in(IDLE),          _AT_ONCE, _ANY,      _HALT),
    Row("prepare",       PREPARE,   _in(DESCRIBED),     _M_S_C,   _CLOCKED,  _HALT),
    Row("configure",     CONFIGURE, _in(PREPARED),      _C_S_M,   _LINKED,   _HALT),
    Row("start",         START,     _in(READY),         _C_S_M,   _STARTS,   _STOP),
    Row("pause",         PAUSE,     _in(RUNNING),       _M_S_C,   _PAUSES,   _HALT),
    Row("resume",        RESUME,    _in(PAUSED),        _C_S_M,   _RESUMES,  _HALT),
    Row("stop",          STOP,      TAKING_DATA,        _M_S_C,   _ANY,      _GO_ON),
    Row("breakup",       BREAKUP,   _in(READY, BROKEN), _M_S_C,   _MOST_4,   _HALT),
    Row("undo_prepare",  UNDO,      _in(PREPARED),      _C_S_M,   _MOST_3,   _HALT),
    Row("undo_describe", UNDO,      _in(DESCRIBED),     _AT_ONCE, _MOST_2,   _HALT),
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Step:
    """One row for one of its groups.

    Attributes:
        row: of the table.
        movers: the standings whose servers are sent the operation.
    """

    row: Row
    movers: Spread

    @property
    def label(self) -> str:
        """Operation and groups: "Configure: CoBos"."""
        parts = {part for part, _ in self.movers}
        groups = " and ".join(part.label for part in Part if part in parts)
        return f"{self.row.operation.label}: {groups}"

    def applied(self, spread: Spread) -> Spread:
        """Where the servers are after it."""
        moved = {(part, self.row.after) for part, _ in self.movers}
        return spread - self.movers | moved


class Plan(NamedTuple):
    """The way to a target.

    Attributes:
        steps: possible ones, in order.
        blocked: the next step, which its guard forbids; None if none is forbidden.
        offenders: the standings because of which it is forbidden.
    """

    steps: tuple[Step, ...]
    blocked: Row | None = None
    offenders: Spread = frozenset()


class Table:
    """The rows, and the plans that they give.

    Args:
        orders: other orders of groups, by the name of the row.
    """

    def __init__(self, orders: Mapping[str, tuple[Parts, ...]] | None = None) -> None:
        orders = orders or {}
        self.rows = {
            row.name: replace(row, order=orders.get(row.name, row.order))
            for row in ROWS
        }
        self.plan = lru_cache(4096)(self._plan)

    def row(self, operation: Operation, state: EccState) -> Row:
        """The row of `operation` sent in `state`, a legal one."""
        rows = [row for row in self.rows.values() if row.operation is operation]
        return next((row for row in rows if state in row.sources), rows[0])

    def _plan(self, spread: Spread, target: EccState) -> Plan:
        """The way from `spread` to `target`, until all are there or a guard forbids."""
        steps: list[Step] = []
        while (step := self._next(spread, target)) is not None:
            if offenders := _offenders(step, spread):
                return Plan(tuple(steps), step.row, offenders)
            steps.append(step)
            spread = step.applied(spread)
            assert len(steps) < _MOST_STEPS, (spread, target)
        return Plan(tuple(steps))

    def _next(self, spread: Spread, target: EccState) -> Step | None:
        """The next step: down first, from the highest; then up, from the lowest."""
        for name, movers in (*self._down(spread, target), *self._up(spread, target)):
            if movers:
                row = self.rows[name]
                first = min(row.turn(part) for part, _ in movers)
                group = {one for one in movers if row.turn(one[0]) == first}
                return Step(row, frozenset(group))
        return None

    def _down(self, spread: Spread, target: EccState) -> Iterator[tuple[str, Spread]]:
        """Servers that must go down: those above `target`, and those out of order."""
        if target <= READY:
            yield "stop", _at(spread, *TAKING_DATA)
        early = self._early(spread, "prepare")
        undone = early if target >= PREPARED else spread
        undone = _at(undone, PREPARED)
        broken = _at(spread, BROKEN)
        if undone or target < READY:
            broken |= _at(spread, READY)
        else:
            broken |= _at(early | self._early(spread, "configure"), READY)
        yield "breakup", broken
        yield "undo_prepare", undone
        if target < DESCRIBED:
            yield "undo_describe", _at(spread, DESCRIBED)

    def _up(self, spread: Spread, target: EccState) -> Iterator[tuple[str, Spread]]:
        for name in ("describe", "prepare", "configure", "start", "pause"):
            row = self.rows[name]
            if row.after <= target:
                yield name, _at(spread, *row.sources)
        if target is RUNNING:
            yield "resume", _at(spread, PAUSED)

    def _early(self, spread: Spread, name: str) -> Spread:
        """Servers that have done a step before a group that precedes theirs."""
        row = self.rows[name]
        behind = [row.turn(part) for part, state in spread if state < row.after]
        return frozenset(
            (part, state)
            for part, state in spread
            if state >= row.after and any(turn < row.turn(part) for turn in behind)
        )


def _at(spread: Spread, *states: EccState) -> Spread:
    return frozenset(one for one in spread if one[1] in states)


def _offenders(step: Step, spread: Spread) -> Spread:
    """The standings because of which `step` may not be done."""
    if step.row.operation is STOP:
        return frozenset()
    running = _at(spread, *TAKING_DATA)
    if any(state < READY for _, state in spread):
        return running  # no server is moved while another one takes data
    found = (step.row.offenders(part, spread) for part, _ in step.movers)
    return frozenset[Standing]().union(*found)
