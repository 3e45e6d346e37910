"""All ECC servers as one device."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from daqpv.core import Command, Condition, Device, Events
from daqpv.ecc import (
    EccSnapshot,
    EccState,
    EccTarget,
    Server,
    StateGoal,
    back,
    is_below,
    leads_to,
)
from daqpv.errors import OperationError, RefusedError
from daqpv.system.configs import choose_everywhere
from daqpv.system.plan import READY, TAKING_DATA, Part, Table
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
from daqpv.system.walk import Means, Walk, several
from daqpv.system.words import are, where

PERIOD = 1.0  # [s] the time stamp follows the servers' so often
PATIENCE = 180.0  # [s] the longest that an operation takes, if nobody says otherwise

_RELEVANT = frozenset(
    {"state", "transition", "asked", "condition", "known", "enabled", "online"}
    | {"busy", "goal", "config", "configs", "role"}
)
_TROUBLES = (Condition.OFFLINE, Condition.HUNG, Condition.ERROR, Condition.BROKEN)


class System(Device[SystemSnapshot]):
    """All ECC servers as one: their common state, and the way to any other.

    Servers are commanded in the groups of the table, the next when each of the last
    has been read back. Disabled ones are left alone.

    Args:
        servers: all of the experiment, wherever they are served.
        table: the order of the groups.
        events: where events go.
        prefix: of its PVs.
        patience: how long the way down waits for what others have on the wire [s].
        snapshot: what is known before the servers are looked at.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        table: Table,
        events: Events,
        prefix: str = "",
        patience: float = PATIENCE,
        snapshot: SystemSnapshot | None = None,
        reconfigures: bool = False,
    ) -> None:
        known = snapshot or SystemSnapshot()
        super().__init__("Sys", known, events=events, prefix=prefix)
        self._servers = tuple(servers)
        self._table = table
        self._patience = patience
        self._reconfigures = reconfigures
        self._fresh: set[str] = set()  # who was not started since it was configured
        self._tasks: asyncio.TaskGroup | None = None
        self._news = asyncio.Event()
        self._is_walking = False
        for server in self._servers:
            server.watch(self._seen_of)
            server.watch(partial(self._freshness_of, server.name))
        self.watch(self._seen_of_own)
        self._look()

    async def run(self) -> None:
        """Follow the servers until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                while True:
                    self._look()
                    self._news.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(PERIOD):
                            await self._news.wait()
            finally:
                self._tasks = None  # nothing is sent any more

    # Commands

    async def reach(self, target: EccState | SystemState) -> None:
        """Bring all servers to `target`, in the order of the table.

        Raises:
            BusyError: another command runs, and `target` is not below its goal.
            RefusedError: it cannot be done as things are; nothing was sent.
            OperationError: it halted, or on the way down somebody was left behind.
            AbortedError: somebody else's wish took over.
            UnknownOutcomeError: it halted at a server that gave no answer.
        """
        what = f"go to {target.label}"
        if target in (SystemState.BROKEN, SystemState.MIXED):
            raise self._refused(
                what,
                "Choose Idle, Described, Prepared, Ready, Running or Paused.",
            )
        target = EccState(target)
        goal = StateGoal(target, down=is_below(target, self._heading()))
        if await self._join_or_make_way(what, goal):
            return
        with self._pursue(what, goal) as walk:
            if goal.down:
                self.change(target=EccTarget(target))
                await walk.down(target)
            else:
                self._check_enabled()
                walk.check_up(target)
                self.change(target=EccTarget(target))
                await walk.up(target)

    async def start(self) -> None:
        """Bring all servers to Running, for a run; errors as `reach`.

        A MuTAnT that has started since it was configured is configured anew, if so
        set.
        """
        goal = StateGoal(EccState.RUNNING, down=False)
        if await self._join_or_make_way("start", goal):
            return
        with self._pursue("start", goal) as walk:
            self._check_enabled()
            walk.check_up(EccState.RUNNING)
            self.change(target=EccTarget.RUNNING)
            if self._reconfigures:
                await walk.reconfigure(fresh=self._fresh)
            await walk.up(EccState.RUNNING)

    async def pause(self) -> None:
        """Pause all servers; errors as `reach`."""
        await self.reach(EccState.PAUSED)

    async def resume(self) -> None:
        """Resume all servers; errors as `reach`."""
        await self.reach(EccState.RUNNING)

    async def stop(self) -> None:
        """Stop whatever takes data, in order, and nothing else.

        It is never refused. Each group has 15 s, and each gets its turn.

        Raises:
            OperationError: somebody may still take data.
        """
        goal = StateGoal(READY, down=True, exact=False)
        if await self._join_or_make_way("stop", goal):
            return
        with self._pursue("stop", goal) as walk:
            if any(may_take_data(one.snapshot) for one in self._enabled()):
                self.change(target=EccTarget.READY)
            if failures := await walk.stop():
                raise OperationError(
                    f"Stop: not all have stopped. {several(failures.values())}"
                )

    async def step_back(self) -> None:
        """Bring all servers one state back.

        Raises:
            RefusedError: they are in different states, or Idle.
            CommandError: as for `reach`.
        """
        heading = self._heading()
        operation = back(heading)
        after = leads_to(heading, operation) if operation else None
        goal = StateGoal(after or heading, down=True, exact=False)
        if await self._join_or_make_way("step back", goal):
            return
        waiting = replace(goal, down=False)  # it may be refused: Stop joins it not yet
        with self._pursue("step back", waiting) as walk:
            await walk.rest(after or heading)
            state = self._common_state()
            operation = back(state)
            after = leads_to(state, operation) if operation else None
            if after is None:
                raise RefusedError("All are Idle: there is no state before it.")
            walk.accepted(StateGoal(after, down=True, exact=False))
            self.change(goal=EccTarget(after), target=EccTarget(after))
            await walk.down(after)

    def abort(self) -> None:
        """End the running command before its next step; what is on the wire goes on."""
        if self.running is not None:
            self.running.abort()

    async def configure_name(self, name: str) -> None:
        """Choose the prepare and configure name of all servers; all or none.

        Raises:
            BusyError: another command runs.
            RefusedError: a server does not list that, or has gone beyond it.
        """
        with self.command(f"choose configuration {name!r}") as command:
            self._check_enabled()
            await choose_everywhere(
                command, self._enabled(), name.strip(), prefix=self.prefix
            )

    def enabled_changed(self) -> None:
        """Show what the servers are, or that nobody cares."""
        self._look()

    def busy_with(self, running: Command) -> str:
        """Say what a put that is refused should wait for, or how to end it."""
        step = f"{self.snapshot.step}, " if self._is_walking else ""
        return (
            f"{step}{running.what} since {running.elapsed:.1f} s. "
            f"Wait, or: caput {self.prefix}Abort 1"
        )

    # What a run asks (daqpv.runs.Detector)

    @property
    def is_settled(self) -> bool:
        """Whether each server in use was read or found lost, and one answers."""
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
    def troubled(self) -> tuple[str, ...]:
        """Servers in use that are lost or broken, each with what it is."""
        return tuple(
            f"{one.name} is {where(one.snapshot)}"
            for one in self._enabled()
            if one.snapshot.condition in _TROUBLES
        )

    @property
    def unready(self) -> tuple[str, ...]:
        """Servers in use that are not Ready, each with what it is."""
        return tuple(
            f"{one.name} is {where(one.snapshot)}"
            for one in self._enabled()
            if not is_there(one.snapshot) or one.snapshot.state is not READY
        )

    @property
    def missing_clock(self) -> str:
        """Name of a MuTAnT that is not in use; "" if none."""
        clocks = [one for one in self._servers if standing(one)[0] is Part.MUTANT]
        return next((one.name for one in clocks if not one.snapshot.enabled), "")

    @property
    def configs(self) -> str:
        """Configure names of the servers in use, joined by ", "."""
        found = {one.snapshot.config_configure for one in self._enabled()}
        return ", ".join(sorted(found))

    # What a command stands on

    def _refused(self, what: str, why: str) -> RefusedError:
        error = RefusedError(why)
        self.refuse(what, error)
        return error

    def _check_enabled(self) -> None:
        if not self.snapshot.enabled:
            raise RefusedError(
                f"The system is disabled. To enable it: caput {self.prefix}Enable 1"
            )

    async def _join_or_make_way(self, what: str, goal: StateGoal) -> bool:
        return await self.join_or_make_way(
            what, goal, is_there=lambda: self._state() == goal.level
        )

    @contextmanager
    def _pursue(self, what: str, goal: StateGoal) -> Iterator[Walk]:
        """Hold the command slot, and show what it is held for."""
        try:
            with self.command(what, goal=goal) as command:
                if self._tasks is None:
                    raise RefusedError(
                        "The servers are not followed now. Nothing was sent."
                    )
                with self._walking(goal):
                    yield Walk(command, self._means(self._tasks))
        finally:
            self._look()  # now that the slot is free

    @contextmanager
    def _walking(self, goal: StateGoal) -> Iterator[None]:
        self._is_walking = True
        self.change(goal=EccTarget(goal.level), step="", progress=0.0)
        self._look()
        try:
            yield
            self.change(step="", progress=100.0)
        finally:
            self._is_walking = False
            self.change(goal=EccTarget.NONE)
            self._look()

    def _means(self, tasks: asyncio.TaskGroup) -> Means:
        return Means(
            servers=self._servers,
            table=self._table,
            tasks=tasks,
            news=self._news,
            show=self._show_step,
            prefix=self.prefix,
            patience=self._patience,
        )

    def _show_step(self, step: str, progress: float) -> None:
        self.change(step=step, progress=round(progress, 1), message=step)

    def _common_state(self) -> EccState:
        """The state that all have.

        Raises:
            RefusedError: there is none; with the cure.
        """
        there = [one for one in self._enabled() if is_there(one.snapshot)]
        states = [one.snapshot.state for one in there]
        if not states:
            raise RefusedError("No server answers. Nothing was sent.")
        most = max(EccState, key=lambda state: (states.count(state), -state))
        others = [one for one in there if one.snapshot.state is not most]
        if others:
            raise RefusedError(
                f"{are(others)}, the others {most.label}: "
                f"caput {self.prefix}Target {most.label}"
            )
        return most

    # What is seen

    def _enabled(self) -> list[Server]:
        return [one for one in self._servers if one.snapshot.enabled]

    def _online(self) -> list[Server]:
        return [one for one in self._enabled() if is_there(one.snapshot)]

    def _heading(self) -> EccState:
        """The highest state that is, or that is being made for."""
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
        """Show what the servers are now."""
        enabled, online = self._enabled(), self._online()
        snapshots = [one.snapshot for one in enabled]
        newest = max((one.time for one in snapshots), default=time.time())
        seen = {"at": newest} if newest > self.snapshot.time else {}
        conditions = {one.condition for one in snapshots}
        worst = next((one for one in _TROUBLES if one in conditions), Condition.OK)
        moving = self._is_walking or any(one.transitioning for one in snapshots)
        self.change(
            **seen,
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
        )

    def _allowed(self, enabled: list[Server], online: list[Server]) -> int:
        """Bit n: a wish for state n would be accepted now."""
        if not online:
            return 0
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
            else:
                plan = self._table.plan(standings, target)
                free = at_rest and plan.blocked is None
                if free and bare:
                    free = not rehearse(plan, bare)[1]
            bits |= free << target
        return bits


def _config_name(snapshots: Sequence[EccSnapshot]) -> str:
    """The configure name that all have; "" if it is not one."""
    found = {one.config_configure for one in snapshots}
    return found.pop() if len(found) == 1 else ""
