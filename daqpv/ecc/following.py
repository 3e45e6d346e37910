"""Reads the state of an ECC server by GetState into its snapshot."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from daqpv.core import Condition, EventSeverity, Polled
from daqpv.ecc.codes import EccState, Transition
from daqpv.ecc.guard import Guard
from daqpv.ecc.link import EccLink, StateAnswer
from daqpv.ecc.snapshot import EccSnapshot
from daqpv.ecc.wire import Wire
from daqpv.errors import LinkError, UnknownOutcomeError

FAST = 0.2  # [s] distance of two GetState while the server is between two states
PATIENT = 1.0  # [s] the same, after a GetState that failed

Polling = Polled[EccSnapshot, StateAnswer]


class Follower:
    """Shows the state of an ECC server, and waits for a state.

    Args:
        ecc: the server as a device, which is polled.
        link: to the server.
        wire: our operations.
        guard: of the order between the servers.
        timeout: for one GetState [s].
    """

    def __init__(
        self, ecc: Polling, link: EccLink, wire: Wire, guard: Guard, *, timeout: float
    ) -> None:
        self._ecc = ecc
        self._link = link
        self._wire = wire
        self._guard = guard
        self._timeout = timeout
        self._response_time = 0.0  # of the last GetState [s]

    async def poll(self) -> StateAnswer:
        """Ask GetState once.

        Raises:
            LinkError: no good answer.
        """
        began = self._ecc.clock.monotonic()
        answer = await self._link.state(timeout=self._timeout)
        self._response_time = self._ecc.clock.monotonic() - began
        return answer

    def period(self) -> float:
        """Until the next GetState [s]."""
        period = self._ecc.snapshot.poll_period
        failures = self._ecc.poller.failures
        moving = self._ecc.snapshot.transitioning or self._wire.busy is not None
        if not moving or failures.is_lost:
            return period
        # after a failed poll less often: a failure of a second is not a loss
        return min(period, PATIENT if failures.is_missing else FAST)

    # Waiting

    async def observe(self) -> StateAnswer:
        """Ask GetState, besides the schedule.

        Raises:
            LinkError: no good answer.
        """
        answer = await self._ecc.poller.observe()
        assert answer is not None  # GetState always says something
        return answer

    async def observe_until_lost(self) -> StateAnswer:
        """The same, repeated after a failure, so that one does not bar the way down.

        Raises:
            LinkError: the server is lost.
        """
        while True:
            try:
                return await self.observe()
            except LinkError:
                if self._ecc.poller.failures.is_lost:
                    raise
            await asyncio.sleep(PATIENT)

    async def settled(self, expected: EccState | None = None) -> EccState:
        """Ask until the server is `expected`, or in no transition.

        Raises:
            UnknownOutcomeError: the server was lost meanwhile.
        """
        ecc, poller = self._ecc, self._ecc.poller
        answer = await poller.ask()
        while answer is None or (answer.transition and answer.state is not expected):
            if poller.failures.is_lost:
                raise UnknownOutcomeError(
                    f"{ecc.name} was lost in the middle of {ecc.snapshot.doing.label}: "
                    f"{poller.reason} What became of it shows when the server is back."
                )
            answer = await poller.next_answer(2 * self.period())
        return answer.state

    # The snapshot

    def show(self, answer: StateAnswer, *, is_back: bool) -> None:
        """Show an answer to GetState, and report changes.

        Args:
            answer: of the server.
            is_back: the server was not known or lost before.
        """
        ecc, old = self._ecc, self._ecc.snapshot
        ecc.change(self._seen(answer), at=ecc.clock.time())
        how = self._how(old, is_back)
        if is_back:
            again = " again" if old.last_seen else ""
            self._message(f"Connected{again}: {answer.state.label}")
            ecc.emit("online", f"{ecc.name} answers{again}: {answer.state.label}")
        elif how:
            self._tell_foreign(old, how)
        if old.known and old.last_seen and answer.state is not old.state:
            self._tell_state(old.state, how)

    def _seen(self, answer: StateAnswer) -> EccSnapshot:
        now = self._ecc.snapshot
        doing = self._wire.doing(within=min(now.poll_period, PATIENT))
        transition = answer.transition or doing
        return replace(
            now,
            known=True,
            online=True,
            condition=self._condition(answer.state),
            state=answer.state,
            transition=transition,
            step_time=self._step_time(transition),
            response_time=round(self._response_time, 3),
            barred=self._guard.barred(answer.state),
            last_seen=self._ecc.seen(),
        )

    def _condition(self, state: EccState) -> Condition:
        if not self._ecc.snapshot.enabled:
            return Condition.DISABLED
        return Condition.BROKEN if state is EccState.BROKEN else Condition.OK

    def _step_time(self, transition: Transition) -> float:
        """How long `transition` has taken; begins at the first sight of it [s]."""
        now = self._ecc.snapshot
        if transition is Transition.NONE and now.transition is Transition.NONE:
            return now.step_time
        if transition is not now.transition and transition is not Transition.NONE:
            self._wire.begin()
        return round(self._wire.elapsed, 2)

    def _how(self, old: EccSnapshot, is_back: bool) -> str:
        """The cause of the change, in words; "" if it is our operation."""
        if is_back:
            return "" if self._wire.busy else " while it was lost"
        if self._has_restarted(old):
            return ", the server has restarted"
        return "" if self._wire.busy else ", asked by another client"

    def _has_restarted(self, old: EccSnapshot) -> bool:
        """No operation leads there at once."""
        is_idle = self._ecc.snapshot.state is EccState.IDLE
        return is_idle and old.state >= EccState.READY

    def _tell_foreign(self, old: EccSnapshot, how: str) -> None:
        new = self._ecc.snapshot
        if new.transition is not old.transition and new.transitioning:
            self._message(f"{new.transition.label}{how}")
        elif new.state is not old.state:
            self._message(f"{new.state.label}{how}")
        elif old.transitioning and not new.transitioning:
            what = f"{old.transition.label}{how}, is over"
            self._message(f"{new.state.label}: {what}")

    def _tell_state(self, before: EccState, how: str) -> None:
        now = self._ecc.snapshot.state
        broken = now is EccState.BROKEN
        self._ecc.emit(
            "state",
            f"{self._ecc.name}: {before.label} -> {now.label}{how}",
            severity=EventSeverity.ERROR if broken else EventSeverity.INFORMATION,
            by=self._wire.by,
            before=before.label,
            now=now.label,
        )

    def _message(self, text: str) -> None:
        self._ecc.change(replace(self._ecc.snapshot, message=text))
