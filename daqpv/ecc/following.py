"""Following an ECC server, whoever commands it: GetState again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from daqpv.core import Command, Condition, Device, Events, EventSeverity, Poller
from daqpv.ecc.codes import EccState, Operation, Transition
from daqpv.ecc.guard import Guard, unguarded
from daqpv.ecc.link import EccLink, StateAnswer
from daqpv.ecc.snapshot import EccSnapshot
from daqpv.errors import DaqError, LinkError, UnknownOutcomeError

FAST = 0.2  # [s] distance of two GetState while the server is between two states
PATIENT = 1.0  # [s] the same, after a GetState that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each exchange with an ECC server may take [s]."""

    operations: Mapping[Operation, float]
    state: float = 3.0
    configs: float = 10.0


@dataclass(slots=True)
class OnWire:
    """An operation of ours, from its sending until its outcome is read back.

    Attributes:
        operation: what was sent.
        command: for which command; it may be aborted, and so end before.
        task: the exchange and the reading back.
        answered: the exchange has ended; the state is to be read back.
    """

    operation: Operation
    command: Command
    task: asyncio.Task[DaqError | None] | None = None
    answered: bool = False

    @property
    def is_done(self) -> bool:
        """Whether its outcome was read back."""
        return self.task is not None and self.task.done()

    @property
    def label(self) -> str:
        """What the server does meanwhile."""
        return self.operation.transition.label


class FollowedEcc(Device[EccSnapshot]):
    """An ECC server as seen: its snapshot follows what the server says.

    It is asked every `poll_period`, every 0.2 s while it is between two states, and
    for ever while it is lost.

    Attributes:
        configured: what it answered to our last Configure: the configuration in use.
        lag: how late its snapshot may be behind what its process knows [s]: not at all.
    """

    lag = 0.0

    def __init__(
        self,
        name: str,
        link: EccLink,
        *,
        snapshot: EccSnapshot,
        deadlines: Deadlines,
        events: Events,
        prefix: str = "",
        guard: Guard = unguarded,
    ) -> None:
        super().__init__(name, snapshot, events=events, prefix=prefix)
        self.configured = ""
        self._guard = guard
        self._link = link
        self._deadlines = deadlines
        self._poller = Poller(
            self._state,
            answered=self._answered,
            lost=self._lost,
            period=self._period,
            timeout=deadlines.state,
            enabled=snapshot.enabled,
        )
        self._response_time = 0.0
        self._tasks: asyncio.TaskGroup | None = None
        self._wire: OnWire | None = None  # our last operation
        self._step_began = 0.0
        if not snapshot.enabled:
            self.change(replace(self.snapshot, condition=Condition.DISABLED))

    async def run(self) -> None:
        """Follow the server until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await self._poller.run()
            finally:
                self._tasks = None  # nothing is sent any more

    def enabled_changed(self) -> None:
        """Begin to poll, or stop it."""
        self._renewed()
        self._poller.enable(self.snapshot.enabled)

    def _polled(self) -> None:
        """Hook: the server has just answered."""

    def _renewed(self) -> None:
        """Hook: it may be, or come back as, another process with other files."""

    def _period(self) -> float:
        """Until the next GetState [s]."""
        period = self.snapshot.poll_period
        moving = self.snapshot.transitioning or self._is_on_wire()
        if not moving or self._poller.failures.is_lost:
            return period
        # one that fails is asked less often: a hiccup of a second is no loss
        return min(period, PATIENT if self._poller.failures.is_missing else FAST)

    def _is_on_wire(self) -> bool:
        """Whether an operation of ours has not ended yet."""
        return self._wire is not None and not self._wire.is_done

    def _doing(self) -> Transition:
        """What the server has just been asked to do, if it may not have begun yet.

        Soon after it is believed: a request may hang without being done.
        """
        if self._wire is None or self._wire.is_done or self._wire.answered:
            return Transition.NONE
        if self._elapsed() > min(self.snapshot.poll_period, PATIENT):
            return Transition.NONE
        return self._wire.operation.transition

    async def _state(self) -> StateAnswer:
        start = time.monotonic()
        answer = await self._link.state(timeout=self._deadlines.state)
        self._response_time = time.monotonic() - start
        return answer

    async def _observe(self) -> StateAnswer:
        """Ask GetState, besides the schedule.

        Raises:
            LinkError: no good answer.
        """
        answer = await self._poller.observe()
        assert answer is not None  # GetState always says something
        return answer

    async def _observe_until_lost(self) -> StateAnswer:
        """The same, but again after a failure: a hiccup does not bar the way down.

        Raises:
            LinkError: the server is lost.
        """
        while True:
            try:
                return await self._observe()
            except LinkError:
                if self._poller.failures.is_lost:
                    raise
            await asyncio.sleep(PATIENT)

    async def _settled(self, expected: EccState | None = None) -> EccState:
        """Ask until the server is `expected`, or between no two states.

        Raises:
            UnknownOutcomeError: the server was lost meanwhile.
        """
        answer = await self._poller.ask()
        while answer is None or (answer.transition and answer.state is not expected):
            if self._poller.failures.is_lost:
                doing = self.snapshot.doing
                raise UnknownOutcomeError(
                    f"{self.name} was lost in the middle of {doing.label}: "
                    f"{self._poller.reason} What became of it shows when the server is "
                    "back."
                )
            answer = await self._poller.next_answer(2 * self._period())
        return answer.state

    def _answered(self, answer: StateAnswer, is_back: bool) -> None:
        old = self.snapshot
        transition = answer.transition or self._doing()
        self.change(
            replace(
                self.snapshot,
                known=True,
                online=True,
                condition=self._condition(answer.state),
                state=answer.state,
                transition=transition,
                step_time=self._step_time(transition),
                response_time=round(self._response_time, 3),
                barred=self._guard.barred(answer.state),
                last_seen=self.seen(),
            ),
            at=time.time(),
        )
        self._tell(old, is_back)
        self._polled()

    def _condition(self, state: EccState) -> Condition:
        if not self.snapshot.enabled:
            return Condition.DISABLED
        return Condition.BROKEN if state is EccState.BROKEN else Condition.OK

    def _step_time(self, transition: Transition) -> float:
        """How long `transition` has taken; begins at the first sight of it [s]."""
        before = self.snapshot.transition
        if transition is Transition.NONE and before is Transition.NONE:
            return self.snapshot.step_time
        if transition is not before and transition is not Transition.NONE:
            self._step_began = time.monotonic()
        return round(self._elapsed(), 2)

    def _elapsed(self) -> float:
        """Since the present, else the last transition began [s]."""
        return time.monotonic() - self._step_began

    def _tell(self, old: EccSnapshot, is_back: bool) -> None:
        """Say in message and event what an answer changed."""
        new = self.snapshot
        how = ", asked by another client"
        if is_back:
            how = "" if self._is_on_wire() else " while it was lost"
        elif new.state is EccState.IDLE and old.state >= EccState.READY:
            how = ", the server has restarted"  # no operation leads there at once
        elif self._is_on_wire():
            how = ""
        if is_back:
            again = " again" if old.last_seen else ""
            self.change(
                replace(self.snapshot, message=f"Connected{again}: {new.state.label}")
            )
            self.emit("online", f"{self.name} answers{again}: {new.state.label}")
        elif how:
            self._tell_foreign(old, how)
        if old.known and old.last_seen and new.state is not old.state:
            self._tell_state(old.state, how)

    def _tell_foreign(self, old: EccSnapshot, how: str) -> None:
        new = self.snapshot
        if new.transition is not old.transition and new.transitioning:
            self.change(replace(self.snapshot, message=f"{new.transition.label}{how}"))
        elif new.state is not old.state:
            self.change(replace(self.snapshot, message=f"{new.state.label}{how}"))
        elif old.transitioning and not new.transitioning:
            what = f"{old.transition.label}{how}, is over"
            self.change(replace(self.snapshot, message=f"{new.state.label}: {what}"))

    def _tell_state(self, before: EccState, how: str) -> None:
        now = self.snapshot.state
        if now is EccState.IDLE:
            self._renewed()
        broken = now is EccState.BROKEN
        wire = self._wire
        self.emit(
            "state",
            f"{self.name}: {before.label} -> {now.label}{how}",
            severity=EventSeverity.ERROR if broken else EventSeverity.INFORMATION,
            by=wire.command.by if wire and not wire.is_done else None,
            before=before.label,
            now=now.label,
        )

    def _lost(self, condition: Condition, reason: str) -> None:
        self._renewed()
        text = f"{condition.label}: {reason}"
        self.change(
            replace(
                self.snapshot,
                known=True,
                online=condition is Condition.ERROR,
                condition=condition,
                errors=self.snapshot.errors + 1,
                message=text,
            )
        )
        self.emit("lost", text, severity=EventSeverity.ERROR, condition=condition.label)
