"""Polls a device, and decides when it is lost and when it is back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from daqpv.core.devices.failures import PollFailures
from daqpv.core.devices.snapshot import Condition
from daqpv.core.timing.deadline import Deadline
from daqpv.core.timing.schedule import rest
from daqpv.core.timing.turns import Turns
from daqpv.errors import LinkError, NoAnswerError, ProtocolError, sentence

_SLOT = 0.01  # [s] to whose multiples, by the loop's clock, schedules are shifted

GRACE = 1.0  # [s] from the deadline to a cancel: links give a better reason in time

A = TypeVar("A")


class Poller(Generic[A]):
    """Polls with a period until cancelled; there is one poll at a time.

    The polls keep to a schedule that begins at a random moment of the first period, so
    many pollers do not poll together; but those whose moments are in the same 10 ms do:
    a process that wakes once for several polls needs half the time of one that wakes
    for each. Times that pass during a slow poll, or while the process is suspended, are
    left out.

    Args:
        poll: one poll. It raises LinkError, or ValueError if an answer cannot be read,
            and returns None if there was an answer and nothing new in it: a lost device
            stays lost.
        answered: called with each answer, and whether the device was not known or lost
            before it.
        lost: called once per loss, and when the sort of loss changes, with the
            condition of the device and a sentence.
        period: gives the time until the next poll [s].
        timeout: for one poll [s].
        enabled: whether it polls.
        name: of the device, for sentences.

    Attributes:
        enabled: the same; while it is False nothing counts as lost.
        failures: since the last answer.
        reason: of the last failed poll, a sentence.
        answer: the last one; None before the first.
    """

    def __init__(
        self,
        poll: Callable[[], Awaitable[A | None]],
        *,
        answered: Callable[[A, bool], None],
        lost: Callable[[Condition, str], None],
        period: Callable[[], float],
        timeout: float,
        enabled: bool = True,
        name: str = "device",
    ) -> None:
        self.enabled = enabled
        self.failures = PollFailures()
        self.reason = ""
        self.answer: A | None = None
        self._name = name
        self._poll = poll
        self._answered = answered
        self._lost = lost
        self._period = period
        self._timeout = timeout
        self._condition: Condition | None = None  # None: not known
        self._turns = Turns()  # answers stay in order
        self._rest: asyncio.Future[None] | None = None
        self._deadline = Deadline(timeout + GRACE)
        self._fresh: asyncio.Event | None = None  # set when the next answer comes

    async def run(self) -> None:
        """Poll until cancelled."""
        loop = asyncio.get_running_loop()
        beat = loop.time() - random.random() * self._period()
        beat -= beat % _SLOT
        try:
            while True:
                self._rest = loop.create_future()
                if self.enabled:
                    try:  # noqa: SIM105 - `suppress` takes longer
                        await self.observe()
                    except LinkError:
                        pass
                now = loop.time()
                timer = loop.call_at(now + rest(self._period(), now - beat), self.wake)
                try:
                    await self._rest
                finally:
                    timer.cancel()
        finally:
            self._deadline.close()

    def wake(self) -> None:
        """Poll now, or read the period anew; the schedule stays as it is."""
        if self._rest is not None and not self._rest.done():
            self._rest.set_result(None)

    def enable(self, enabled: bool) -> None:
        """Poll from now on, as if for the first time, or do not."""
        self.enabled = enabled
        self.failures.clear()
        if enabled:
            self._condition = None
        elif self._condition is not None:
            self._condition = Condition.OK
        self.wake()

    def give_up(self) -> None:
        """End the poll that runs, if any: nobody waits for its answer any more."""
        self._deadline.expire()

    async def ask(self) -> A | None:
        """Poll once, besides the schedule; None if it failed."""
        with suppress(LinkError):
            return await self.observe()
        return None

    async def observe(self) -> A | None:
        """Poll once, besides the schedule; None if there was nothing new.

        Raises:
            LinkError: there was no good answer; the failure is counted.
        """
        if not self._turns.is_mine():
            await self._turns.take()
        try:
            try:
                with self._deadline:
                    answer = await self._poll()
            except TimeoutError as error:
                text = f"no answer in {self._timeout + GRACE:g} s"
                text = text if self.enabled else "given up: it is not asked any more"
                raise self._missed(NoAnswerError(text, timed_out=True)) from error
            except ValueError as error:
                text = f"{self._name}: an answer cannot be read: {error}"
                raise self._missed(ProtocolError(text)) from error
            except LinkError as error:
                self._missed(error)
                raise
            self.failures.clear()
            if answer is not None:
                self._news(answer)
            return answer
        finally:
            self._turns.give()

    async def next_answer(self, within: float) -> A | None:
        """Wait for the next answer; poll if none comes; None if that failed.

        Args:
            within: how long to wait before polling [s].
        """
        self._fresh = fresh = self._fresh or asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await fresh.wait()
                return self.answer
        return await self.ask()

    def _news(self, answer: A) -> None:
        is_back = self._condition is not Condition.OK
        self._condition = Condition.OK
        self.answer, fresh, self._fresh = answer, self._fresh, None
        if fresh is not None:
            fresh.set()
        self._answered(answer, is_back)

    def _missed(self, error: LinkError) -> LinkError:
        """Count a failed poll; returns its error."""
        self.reason = sentence(error)
        condition = self.failures.count(error)
        if condition is None or not self.enabled or condition is self._condition:
            return error
        self._condition = condition
        self._lost(condition, self.reason)
        return error
