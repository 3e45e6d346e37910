"""The commands of all ECC servers as one device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from daqpv.core import Command, Cure
from daqpv.core.job import Progress
from daqpv.ecc import EccState, EccTarget, StateGoal, back, is_below, leads_to
from daqpv.errors import OperationError, RefusedError
from daqpv.system.configs import choose_everywhere
from daqpv.system.following import Following
from daqpv.system.means import Means
from daqpv.system.plan import READY
from daqpv.system.plural import are, several
from daqpv.system.servers import is_there, may_take_data
from daqpv.system.snapshot import SystemState
from daqpv.system.walk import Walk


class System(Following):
    """Leads all servers to any state; its arguments are those of `Following`.

    Servers are commanded in the groups of the table; a group begins when each server of
    the one before was read back. Disabled ones get no commands.

    The run uses these methods (daqpv.runs.Detector); operators use those of `Operator`,
    which respect an open run.
    """

    # Commands

    async def reach(self, target: EccState | SystemState) -> None:
        """Bring all servers to `target`, in the order of the table.

        Raises:
            BusyError: another command runs, and `target` is not below its goal.
            RefusedError: it is not possible in the present state; nothing was sent.
            OperationError: it halted, or a server was left behind on the way down.
            AbortedError: another command took over.
            UnknownOutcomeError: it halted at a server that gave no answer.
        """
        what = f"go to {target.label}"
        if target in (SystemState.BROKEN, SystemState.MIXED):
            raise self._refused(
                what,
                f"{target.label} is not a valid target. Choose Idle, Described, "
                "Prepared, Ready, Running or Paused.",
            )
        target = EccState(target)
        goal = StateGoal(target, down=is_below(target, self._heading()))
        if await self._join_or_make_way(what, goal):
            return
        with self._pursue(what, goal) as walk:
            if goal.down:
                self.change(replace(self.snapshot, target=EccTarget(target)))
                await walk.down(target)
            else:
                self._check_upward()
                walk.check_up(target)
                self.change(replace(self.snapshot, target=EccTarget(target)))
                await walk.up(target)

    async def start(self) -> None:
        """Bring all servers to Running, for a run; errors as `reach`.

        A MuTAnT that has started since it was configured is configured again, if
        `reconfigures`.
        """
        goal = StateGoal(EccState.RUNNING, down=False)
        if await self._join_or_make_way("start", goal):
            return
        with self._pursue("start", goal) as walk:
            self._check_upward()
            walk.check_up(EccState.RUNNING)
            self.change(replace(self.snapshot, target=EccTarget.RUNNING))
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
        """Stop all servers that take data, in order, and nothing else.

        It is never refused. Each group has 15 s, and each gets its turn.

        Raises:
            OperationError: a server may still take data.
        """
        goal = StateGoal(READY, down=True, exact=False)
        if await self._join_or_make_way("stop", goal):
            return
        with self._pursue("stop", goal) as walk:
            if any(may_take_data(one.snapshot) for one in self._enabled()):
                self.change(replace(self.snapshot, target=EccTarget.READY))
            if failures := await walk.stop_all():
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
            self.change(
                replace(self.snapshot, goal=EccTarget(after), target=EccTarget(after))
            )
            await walk.down(after)

    def abort(self) -> None:
        """End the running command before its next step; a sent operation goes on."""
        if self.running is not None:
            self.running.abort()

    async def configure_name(self, name: str) -> None:
        """Choose the prepare and configure name of all servers; all or none.

        Raises:
            BusyError: another command runs.
            RefusedError: a server does not list it, or has already used its name.
        """
        with self.command(f"choose configuration {name!r}") as command:
            self._check_upward()
            await choose_everywhere(
                command, self._enabled(), name.strip(), prefix=self.prefix
            )

    def enabled_changed(self) -> None:
        """Show the states of the servers, or that they are not followed."""
        self._look()

    def busy_with(self, running: Command) -> str:
        """The running command, and how to end it, for a put that is refused."""
        step = f"{self.snapshot.step}, " if self._is_walking else ""
        return (
            f"{step}{running.what} since {running.elapsed:.1f} s. "
            f"Wait, or: {Cure(self.prefix, 'Abort', 1)}"
        )

    # Conditions of a command

    def _refused(self, what: str, why: str) -> RefusedError:
        error = RefusedError(why)
        self.refuse(what, error)
        return error

    def _check_upward(self) -> None:
        if not self.snapshot.enabled:
            raise RefusedError(
                "The system is disabled. To enable it:",
                cure=Cure(self.prefix, "Enable", 1),
            )
        if self.interlock.rival:
            raise RefusedError(f"{self.interlock.rival} Nothing was sent.")

    async def _join_or_make_way(self, what: str, goal: StateGoal) -> bool:
        return await self.join_or_make_way(
            what, goal, is_there=lambda: self._state() == goal.level
        )

    @contextmanager
    def _pursue(self, what: str, goal: StateGoal) -> Iterator[Walk]:
        """Hold the command slot, and show the goal of the command."""
        try:
            with self.command(what, goal=goal) as command:
                if not self._tasks.are_open:
                    raise RefusedError(
                        "The servers are not followed now. Nothing was sent."
                    )
                command.watch(self._show_progress)
                with self._walking(goal):
                    yield Walk(command, self._means())
        finally:
            self._look()  # now that the slot is free

    @contextmanager
    def _walking(self, goal: StateGoal) -> Iterator[None]:
        self._is_walking = True
        self.change(
            replace(self.snapshot, goal=EccTarget(goal.level), step="", progress=0.0)
        )
        self._look()
        try:
            yield
            self.change(replace(self.snapshot, step="", progress=100.0))
        finally:
            self._is_walking = False
            self.change(replace(self.snapshot, goal=EccTarget.NONE))
            self._look()

    def _means(self) -> Means:
        return Means(
            servers=self._servers,
            interlock=self.interlock,
            table=self._table,
            tasks=self._tasks,
            news=self._news,
            prefix=self.prefix,
            patience=self._patience,
        )

    def _show_progress(self, progress: Progress) -> None:
        step, percent = progress.step, round(progress.percent, 1)
        self.change(replace(self.snapshot, step=step, progress=percent, message=step))

    def _common_state(self) -> EccState:
        """The common state.

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
                f"{are(others)}, the others {most.label}:",
                cure=Cure(self.prefix, "Target", most.label),
            )
        return most
