"""Derives the common state of all ECC servers from their snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from daqpv.core import CLOCK, Clock, Condition, Device, Events, Interlock, Tasks
from daqpv.ecc import EccSnapshot, EccState, Server, is_below
from daqpv.runs.detector import Member, lost_word
from daqpv.system.plan import READY, TAKING_DATA, Part, Table
from daqpv.system.plural import where
from daqpv.system.servers import (
    is_moving,
    is_there,
    may_take_data,
    rehearse,
    spread,
    standing,
    unlisted,
)
from daqpv.system.snapshot import SystemSnapshot, SystemState

PERIOD = 1.0  # [s] period at which the time stamp follows those of the servers
PATIENCE = 180.0  # [s] default for the longest operation

WITHOUT_RUN = range(EccState.IDLE, EccState.RUNNING)
"""States in which no run is open: going there stops the one that is."""

_RELEVANT = frozenset(
    {"state", "transition", "asked", "condition", "known", "enabled", "online"}
    | {"busy", "goal", "config", "configs", "role"}
)
_TROUBLES = (Condition.OFFLINE, Condition.HUNG, Condition.ERROR, Condition.BROKEN)


class Following(Device[SystemSnapshot]):
    """All ECC servers as one: their common state, and the states that may follow.

    Args:
        servers: all of the experiment, of any process.
        table: the order of the groups.
        events: where events go.
        prefix: of its PVs.
        patience: how long the way down waits for operations of others [s].
        snapshot: the initial one, before the first poll.
        reconfigures: a MuTAnT that has started is configured anew before a run.
        interlock: forbids commands while a run is open; None: there are no runs.
        clock: gives all its times.

    Attributes:
        interlock: the same.
    """

    def __init__(  # noqa: PLR0913 - it joins all that the system is about
        self,
        servers: Sequence[Server],
        *,
        table: Table,
        events: Events,
        prefix: str = "",
        patience: float = PATIENCE,
        snapshot: SystemSnapshot | None = None,
        reconfigures: bool = False,
        interlock: Interlock | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        known = snapshot or SystemSnapshot()
        super().__init__("Sys", known, events=events, prefix=prefix, clock=clock)
        self._servers = tuple(servers)
        self._table = table
        self._patience = patience
        self._reconfigures = reconfigures
        self._fresh: set[str] = set()  # servers not started since they were configured
        self._tasks = Tasks()
        self._news = asyncio.Event()
        self._is_walking = False
        self.interlock = interlock or Interlock()
        self.interlock.watch(self._news.set)
        for server in self._servers:
            server.watch(self._seen_of)
            server.watch(partial(self._freshness_of, server.name))
        self.watch(self._seen_of_own)
        self._look()

    async def run(self) -> None:
        """Follow the servers until cancelled."""
        async with self._tasks:
            while True:
                self._look()
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(PERIOD):
                        await self._news.wait()

    # What a run asks (daqpv.runs.Detector)

    @property
    def is_settled(self) -> bool:
        """Whether each server in use was read or is lost, and one answers."""
        known = all(one.snapshot.known for one in self._enabled())
        return known and bool(self._online())

    @property
    def is_running(self) -> bool:
        """Whether all servers in use that answer take data."""
        return self._state() is SystemState.RUNNING

    @property
    def is_paused(self) -> bool:
        """Whether all servers in use that answer are Paused."""
        return self._state() is SystemState.PAUSED

    @property
    def takes_data(self) -> bool:
        """Whether a server that answers takes data, or soon may."""
        return any(may_take_data(one.snapshot) for one in self._online())

    @property
    def members(self) -> tuple[Member, ...]:
        """All servers, in use or not."""
        return tuple(map(_member, self._servers))

    @property
    def troubled(self) -> tuple[str, ...]:
        """Servers in use that are lost or broken, each with its condition."""
        return tuple(
            f"{one.name} is {where(one.snapshot)}"
            for one in self._enabled()
            if one.snapshot.condition in _TROUBLES
        )

    @property
    def unready(self) -> tuple[str, ...]:
        """Servers in use that are not Ready, each with its state."""
        return tuple(
            f"{one.name} is {where(one.snapshot)}"
            for one in self._enabled()
            if not is_there(one.snapshot) or one.snapshot.state is not READY
        )

    @property
    def missing_clock(self) -> Member | None:
        """A MuTAnT that is not in use."""
        clocks = [one for one in self._servers if standing(one)[0] is Part.MUTANT]
        unused = (_member(one) for one in clocks if not one.snapshot.enabled)
        return next(unused, None)

    @property
    def configs(self) -> str:
        """Configure names of the servers in use, joined by ", "."""
        found = {one.snapshot.config_configure for one in self._enabled()}
        return ", ".join(sorted(found))

    # The snapshot

    def _enabled(self) -> list[Server]:
        return [one for one in self._servers if one.snapshot.enabled]

    def _online(self) -> list[Server]:
        return [one for one in self._enabled() if is_there(one.snapshot)]

    def _heading(self) -> EccState:
        """The highest state of a server, or end of its transition."""
        levels = [one.snapshot.heading for one in self._online()]
        return EccState(max([*levels, self.snapshot.goal], default=0))

    def _seen_of(self, snapshot: EccSnapshot, changed: Collection[str]) -> None:
        if not _RELEVANT.isdisjoint(changed):
            self._news.set()

    def _freshness_of(
        self, name: str, snapshot: EccSnapshot, changed: Collection[str]
    ) -> None:
        if snapshot.state in TAKING_DATA:
            self._fresh.discard(name)
        elif is_there(snapshot) and snapshot.state < READY:
            self._fresh.add(name)

    def _seen_of_own(self, snapshot: SystemSnapshot, changed: Collection[str]) -> None:
        if "busy" in changed:
            self._news.set()

    def _state(self) -> SystemState:
        states = {one.snapshot.state for one in self._online()}
        return SystemState(states.pop()) if len(states) == 1 else SystemState.MIXED

    def _look(self) -> None:
        """Show the present states of the servers."""
        enabled, online = self._enabled(), self._online()
        snapshots = [one.snapshot for one in enabled]
        newest = max((one.time for one in snapshots), default=self.clock.time())
        is_newer = newest > self.snapshot.time
        conditions = {one.condition for one in snapshots}
        worst = next((one for one in _TROUBLES if one in conditions), Condition.OK)
        moving = self._is_walking or any(o.snapshot.transitioning for o in online)
        self.change(
            replace(
                self.snapshot,
                known=all(one.known for one in snapshots),
                online=0 < len(enabled) == len(online),
                condition=worst if self.snapshot.enabled else Condition.DISABLED,
                state=self._state() if online else self.snapshot.state,
                transitioning=moving,
                online_count=len(online),
                enabled_count=len(enabled),
                total=len(self._servers),
                disabled=tuple(o.name for o in self._servers if not o.snapshot.enabled),
                troubled=self.troubled,
                config_name=_config_name(snapshots),
                allowed=self._allowed(enabled, online),
            ),
            at=newest if is_newer else None,
        )

    def _allowed(self, enabled: list[Server], online: list[Server]) -> int:
        """Bit n: a put of state n by an operator would be accepted now."""
        if not online:
            return 0
        if self.interlock.reason:
            return sum(1 << state for state in WITHOUT_RUN)
        goal, heading = EccState(self.snapshot.goal), self._heading()
        at_rest = (
            len(online) == len(enabled)
            and self.snapshot.enabled
            and not self.snapshot.busy
            and not any(is_moving(one.snapshot) for one in online)
        )
        standings, bare = spread(online), unlisted(online)
        bits = 0
        for target in list(EccState)[1:]:
            if goal:  # the same joins, a lower one takes over
                free = target is goal or is_below(target, goal)
            elif is_below(target, heading):
                free = True
            elif self.interlock.rival:
                free = False
            else:
                plan = self._table.plan(standings, target)
                free = at_rest and plan.blocked is None
                if free and bare:
                    free = not rehearse(plan, bare)[1]
            bits |= free << target
        return bits


def _loss(snapshot: EccSnapshot) -> str:
    is_seen = snapshot.known and snapshot.served
    return lost_word(snapshot.condition) if is_seen else where(snapshot)


def _member(server: Server) -> Member:
    snapshot = server.snapshot
    is_seen = snapshot.known
    if not snapshot.enabled:
        state = snapshot.state.label if is_seen else ""
    else:
        state = snapshot.state.label if is_there(snapshot) else _loss(snapshot)
    return Member(
        name=server.name,
        prefix=server.prefix,
        enabled=snapshot.enabled,
        is_known=is_seen or not snapshot.enabled,
        is_there=is_there(snapshot),
        state=state,
        may_take_data=not is_seen or may_take_data(snapshot),
        routers=tuple(link.router for link in snapshot.links),
    )


def _config_name(snapshots: Sequence[EccSnapshot]) -> str:
    """The configure name that all have; "" if it is not one."""
    found = {one.config_configure for one in snapshots}
    return found.pop() if len(found) == 1 else ""
