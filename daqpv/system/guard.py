"""Checks the order between the servers before each step of a single one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias

from daqpv.core import Cure, Interlock
from daqpv.ecc import EccSnapshot, EccState, Operation, Server, is_below, leads_to
from daqpv.ecc.path import path
from daqpv.errors import RefusedError
from daqpv.system.plan import DOWN, READY, STOP, TAKING_DATA, Part, Row, States, Table
from daqpv.system.plural import at, names, they_are, title, without
from daqpv.system.servers import is_there

_LOOK = 0.02  # [s] period of checks of servers whose snapshots come late

_RELEVANT = frozenset(
    {"state", "transition", "asked", "condition", "known", "enabled", "role"}
)
_EVERYWHERE = frozenset(EccState)

Post: TypeAlias = tuple[Part, States | None]
"""A server for the guard: its part, its state and the next one; None: not known."""


def post_of(snapshot: EccSnapshot) -> Post | None:
    """The post of a server; None if it is disabled."""
    if not snapshot.enabled:
        return None
    if not is_there(snapshot):
        return Part.of(snapshot.role), None
    doing = Operation.of(snapshot.doing)
    soon = leads_to(snapshot.state, doing) if doing else None
    return Part.of(snapshot.role), frozenset({snapshot.state, soon or snapshot.state})


def fits(post: Post | None, row: Row, mover: Part) -> bool:
    """Whether a server is where `row` wants it before one of `mover` is sent it."""
    if post is None or row.operation is STOP:
        return True
    part, states = post
    wanted = row.wanted(mover, part)
    if states is None:  # the way down leaves the lost behind
        return row.is_down or wanted == _EVERYWHERE
    return states <= wanted


class Order:
    """The states of all servers, for the guards of those in this process.

    Args:
        servers: gives all of the experiment; asked when first needed.
        table: the order.
        prefix: of the PVs of the system, for the cure.
        interlock: whether anything may go up; None: it may.
    """

    def __init__(
        self,
        servers: Callable[[], Sequence[Server]],
        *,
        table: Table,
        prefix: str,
        interlock: Interlock | None = None,
    ) -> None:
        self.interlock = interlock or Interlock()
        self.table = table
        self.prefix = prefix
        self._find = servers
        self._servers: dict[str, Server] = {}
        self._posts: dict[str, Post | None] = {}
        self._counts: Counter[Post | None] = Counter()
        self._barred = lru_cache(4096)(self._find_barred)

    def guard(self, name: str) -> OrderGuard:
        """The guard of the server `name`."""
        return OrderGuard(name, self)

    @property
    def servers(self) -> dict[str, Server]:
        """All servers, by name."""
        if not self._servers:
            self._servers = {server.name: server for server in self._find()}
            for name, server in self._servers.items():
                server.watch(partial(self._seen, name))
        return self._servers

    def _seen(self, name: str, snapshot: EccSnapshot, changed: Collection[str]) -> None:
        if name in self._posts:
            if _RELEVANT.isdisjoint(changed):
                return
            self._counts[self._posts[name]] -= 1
        self._posts[name] = post = post_of(snapshot)
        self._counts[post] += 1

    def barred(self, name: str, state: EccState) -> int:
        """Bit n: the way of `name` from `state` to state n is forbidden now."""
        part = Part.of(self.servers[name].snapshot.role)
        own = self._posts[name]
        others = frozenset(
            post for post, count in self._counts.items() if count > (post == own)
        )
        return self._barred(part, state, others)

    def _find_barred(
        self, part: Part, state: EccState, others: frozenset[Post | None]
    ) -> int:
        bits = 0
        for target in list(EccState)[1:]:
            now = state
            for operation in path(state, target):
                row = self.table.row(operation, now)
                posts = {*others, (part, frozenset({now}))}
                if not all(fits(post, row, part) for post in posts):
                    bits |= 1 << target
                now = leads_to(now, operation) or now
        return bits


class _Offence(NamedTuple):
    """A server that is not where it has to be for a step of another one."""

    server: Server
    row: Row
    wanted: States


class OrderGuard:
    """Forbids one server the steps that the order between the servers forbids."""

    def __init__(self, name: str, order: Order) -> None:
        self._name = name
        self._order = order

    async def __call__(self, state: EccState, operations: Sequence[Operation]) -> None:
        """Return if the server may go this way (daqpv.ecc.Guard).

        Snapshots of servers in other processes arrive a little later than the ends of
        their commands: the check waits for them before it refuses.
        """
        self._check_rival(operations)
        clock = asyncio.get_running_loop()
        began = clock.time()
        while offences := self._offences(state, operations):
            lag = max(one.server.lag for one in offences)
            if clock.time() - began >= lag:
                raise RefusedError(self._refusal(offences, state, operations))
            await asyncio.sleep(_LOOK)

    def check(self, state: EccState, operation: Operation) -> None:
        """Return if the server may be sent this now (daqpv.ecc.Guard)."""
        self._check_rival((operation,))
        if offences := self._offences(state, (operation,)):
            raise RefusedError(self._refusal(offences, state, (operation,)))

    def barred(self, state: EccState) -> int:
        """Bit n: from `state` the way to state n is forbidden now."""
        bits = self._order.barred(self._name, state)
        if self._order.interlock.rival:
            up = (one for one in list(EccState)[1:] if not is_below(one, state))
            bits |= sum(1 << target for target in up)
        return bits

    def _check_rival(self, operations: Sequence[Operation]) -> None:
        rival = self._order.interlock.rival
        if rival and not DOWN.issuperset(operations):
            raise RefusedError(f"{self._name}: {rival}")

    def _offences(
        self, state: EccState, operations: Sequence[Operation]
    ) -> list[_Offence]:
        """Why the first forbidden of `operations` is; empty if none is."""
        servers = self._order.servers
        mover = Part.of(servers[self._name].snapshot.role)
        for operation in operations:
            row = self._order.table.row(operation, state)
            own: Post = mover, frozenset({state})
            offences = [
                _Offence(one, row, row.wanted(mover, Part.of(one.snapshot.role)))
                for name, one in servers.items()
                if not fits(
                    own if name == self._name else post_of(one.snapshot), row, mover
                )
            ]
            if offences:
                return offences
            state = leads_to(state, operation) or state
        return []

    def _refusal(
        self,
        offences: Sequence[_Offence],
        state: EccState,
        operations: Sequence[Operation],
    ) -> str:
        """The refusal: required states, present states, and the cure."""
        _, row, wanted = offences[0]
        servers = [one.server for one in offences if one.wanted == wanted]
        if len(servers) == 1 and servers[0].name == self._name:
            subject, there = "it", f"it is {state.label}"
        else:
            subject = title(servers[0]) if len(servers) == 1 else names(servers)
            there = they_are(servers)
        for operation in operations:
            state = leads_to(state, operation) or state
        return (
            f"{self._name}: {row.operation.label} wants {subject} {at(wanted)}; "
            f"{there}. {self._cure(servers, wanted, state)}"
        )

    def _cure(self, servers: Sequence[Server], wanted: States, target: EccState) -> str:
        system = self._order.prefix
        lost = [one for one in servers if not is_there(one.snapshot)]
        if lost:
            return without(lost)
        states = {one.snapshot.state for one in servers}
        if states & TAKING_DATA and max(wanted) <= READY:
            return f"First: {Cure(system, 'Stop', 1)}"
        all_of_them = Cure(system, "Target", target.label)
        if len(servers) > 1 or servers[0].name == self._name:
            return f"All: {all_of_them}"
        if servers[0].snapshot.doing:
            return f"Wait, or all: {all_of_them}"
        lower = [state for state in wanted if state < min(states)]
        goal = max(lower) if lower else min(wanted)
        first = Cure(servers[0].prefix, "Target", goal.label)
        return f"First: {first}, or all: {all_of_them}"
