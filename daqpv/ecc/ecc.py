"""One ECC server as a device: its state, and its commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Unpack

from daqpv.core import Command, Condition, Cure, Polled, Surroundings, Tasks
from daqpv.ecc.codes import EccState, Operation
from daqpv.ecc.configs import Configs
from daqpv.ecc.following import FAST, Follower
from daqpv.ecc.guard import Guard, unguarded
from daqpv.ecc.link import EccLink, StateAnswer
from daqpv.ecc.path import StateGoal, back, is_below, leads_to, path
from daqpv.ecc.sending import Deadlines, Sender
from daqpv.ecc.snapshot import EccSnapshot, EccTarget
from daqpv.ecc.walking import Walking
from daqpv.ecc.wire import Wire
from daqpv.errors import (
    RefusedError,
)

_DOWN = frozenset({Operation.STOP, Operation.BREAKUP, Operation.UNDO})

_LONGEST_PERIOD = 60.0  # [s]


class Ecc(Polled[EccSnapshot, StateAnswer]):
    """One ECC server: its state, and the way from any state to any other.

    The server answers "success" to operations that it ignores, so each step is checked
    before it is sent and verified after by reading the state back. Other clients
    may command it, too: their actions are seen within one poll period.

    It is polled every `poll_period`, also while it is lost, and every 0.2 s while it is
    between two states.

    Args:
        name: of the server.
        link: to the server.
        snapshot: the initial one, made of the file.
        deadlines: of the exchanges.
        guard: of the order between the servers.
        more: arguments of `Shown`.

    Attributes:
        lag: greatest delay of its snapshot [s]: 0, it is of this process.
    """

    lag = 0.0

    def __init__(
        self,
        name: str,
        link: EccLink,
        *,
        snapshot: EccSnapshot,
        deadlines: Deadlines,
        guard: Guard = unguarded,
        **more: Unpack[Surroundings],
    ) -> None:
        super().__init__(name, snapshot, timeout=deadlines.state, **more)
        self._guard = guard
        self._tasks = Tasks()
        self._wire = Wire(self.clock)
        self._follower = Follower(
            self, link, self._wire, guard, timeout=deadlines.state
        )
        self._configs = Configs(
            self, link, timeout=deadlines.configs, tasks=self._tasks
        )
        self._sender = Sender(
            self,
            link,
            wire=self._wire,
            follower=self._follower,
            guard=guard,
            deadlines=deadlines,
            tasks=self._tasks,
        )
        self._walking = Walking(
            self, self._wire, follower=self._follower, sender=self._sender, guard=guard
        )

    @property
    def configured(self) -> str:
        """The configuration of our last successful Configure, which is in use."""
        return self._sender.configured

    # How it is followed

    async def run(self) -> None:
        """Follow the server until cancelled."""
        async with self._tasks:
            await super().run()

    async def poll(self) -> StateAnswer:
        """Ask GetState once."""
        return await self._follower.poll()

    def period(self) -> float:
        """Until the next GetState [s]."""
        return self._follower.period()

    def answered(self, answer: StateAnswer, is_back: bool) -> None:
        """Show an answer to GetState."""
        if answer.state is EccState.IDLE is not self.snapshot.state:
            self._configs.forget()  # perhaps it has restarted
        self._follower.show(answer, is_back=is_back)
        self._configs.read_soon()

    def lost(self, condition: Condition, reason: str) -> None:
        """Show that the server is lost; it may come back as another process."""
        self._configs.forget()
        super().lost(condition, reason)

    def enabled_changed(self) -> None:
        """Begin to poll, or stop it."""
        self._configs.forget()
        super().enabled_changed()

    async def reach(self, target: EccState) -> None:
        """Walk to `target`; return when the server says that it is there.

        Raises:
            BusyError: another command runs, and `target` is not below its goal.
            RefusedError: no way there (offline, no configuration); nothing was sent.
            OperationError: the server refused a step; it stays where that step began.
            AbortedError: another command took over.
            UnknownOutcomeError: no answer in time, and it is not where it should be.
            LinkError: the server cannot be reached on the way down.
        """
        what = f"go to {target.label}"
        if target is EccState.BROKEN:
            raise self._refused(
                what,
                "Broken and None are not valid targets. Choose Idle, Described, "
                "Prepared, Ready, Running or Paused.",
            )
        goal = StateGoal(target, down=is_below(target, self.snapshot.heading))
        if await self._join_or_make_way(what, goal):
            return
        with self._pursue(what, goal) as command:
            if goal.down:  # accepted: it may have to wait, but it is not refused
                self.change(replace(self.snapshot, target=EccTarget(target)))
            state = await self._walking.begin(command, goal)
            if state is not target:
                if not is_below(target, state):
                    self._walking.check_upward()  # it was lower than last read
                await self._configs.check(command, path(state, target))
                await command.within(self._guard(state, tuple(path(state, target))))
            self.change(replace(self.snapshot, target=EccTarget(target)))
            await self._walking.walk(command, state, target)

    async def operate(self, operation: Operation | None) -> None:
        """Do exactly one operation; return when the server says that it is done.

        Raises:
            RefusedError: `operation` is None, or the server would ignore it now.
            CommandError, LinkError: as for `reach`.
        """
        if operation is None:
            raise self._refused("do no operation", "None is no operation")
        after = leads_to(self.snapshot.heading, operation) or self.snapshot.state
        goal = StateGoal(after, down=operation in _DOWN, exact=False)
        if await self._join_or_make_way(operation.label, goal):
            return
        with self._pursue(operation.label, goal) as command:
            state = await self._walking.begin(command, goal)
            await self._one(command, state, operation)

    async def step_back(self) -> None:
        """Go one state back from the present one.

        Raises:
            RefusedError: there is nothing before Idle.
            CommandError, LinkError: as for `reach`.
        """
        heading = self.snapshot.heading
        operation = back(heading)
        after = leads_to(heading, operation) if operation else None
        goal = StateGoal(after or heading, down=True, exact=False)
        if await self._join_or_make_way("step back", goal):
            return
        with self._pursue("step back", goal) as command:
            state = await self._walking.begin(command, goal)
            operation = back(state)
            if operation is None:
                raise RefusedError(f"{self.name} is Idle: there is no state before it")
            await self._one(command, state, operation)

    async def choose(self, text: str) -> None:
        """Choose a configuration; errors as `Configs.choose`."""
        await self._configs.choose(text)

    async def refresh_configs(self) -> None:
        """Read the list of configurations again; errors as `Configs.refresh`."""
        await self._configs.refresh()

    async def filter_configs(self, text: str) -> None:
        """Show in the list only lines with each word of `text`; "": all."""
        self.change(replace(self.snapshot, config_filter=text))

    async def poll_every(self, period: float) -> None:
        """Ask the server for its state every `period` seconds.

        Raises:
            RefusedError: it is not within 0.2 to 60 s.
        """
        if not FAST <= period <= _LONGEST_PERIOD:  # NaN is not, either
            raise self._refused(
                f"poll every {period:g} s",
                f"the poll period is {FAST:g} to {_LONGEST_PERIOD:g} s, "
                f"not {period:g} s",
            )
        self.change(replace(self.snapshot, poll_period=period))
        self.poller.wake()

    def busy_with(self, running: Command) -> str:
        """The running command, and how to end it, for a put that is refused."""
        text = f"{running.what} since {running.elapsed:.1f} s."
        last = self._wire.last
        if last is not None and last.command is running:
            text = f"{last.label} since {self._wire.elapsed:.1f} s, to {running.what}."
        return f"{text} Wait, or: {Cure(self.prefix, 'Abort', 1)}"

    # What may be begun, and when

    def _refused(self, what: str, why: str) -> RefusedError:
        """A refusal before the command slot is asked for, recorded."""
        error = RefusedError(f"{self.name}: {why}")
        self.refuse(what, error)
        return error

    @contextmanager
    def _pursue(self, what: str, goal: StateGoal) -> Iterator[Command]:
        """Hold the command slot, and show the goal of the command."""
        with self.command(what, goal=goal) as command:
            self.change(replace(self.snapshot, goal=EccTarget(goal.level)))
            try:
                yield command
            finally:
                self.change(replace(self.snapshot, goal=EccTarget.NONE))

    async def _join_or_make_way(self, what: str, goal: StateGoal) -> bool:
        return await self.join_or_make_way(
            what, goal, is_there=lambda: self.snapshot.state == goal.level
        )

    async def _one(
        self, command: Command, state: EccState, operation: Operation
    ) -> None:
        after = leads_to(state, operation)
        if after is None:
            legal = [one.label for one in Operation if leads_to(state, one)]
            raise RefusedError(
                f"{self.name}: no {operation.label!r} from state {state.label!r}, the "
                f"server would ignore it. Possible: {', '.join(legal)}."
            )
        command.goal = StateGoal(after, down=is_below(after, state))
        # before the list is read and the guard asked: Stop has to see it
        self.change(replace(self.snapshot, goal=EccTarget(after)))
        await self._configs.check(command, [operation])
        await command.within(self._guard(state, (operation,)))
        self.change(replace(self.snapshot, target=EccTarget(after)))
        await self._sender.step(command, state, operation)
