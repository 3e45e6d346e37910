"""The poller: one poll at a time, a loss said once, a return said once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from daqpv.core import Condition, Poller, PollFailures
from daqpv.errors import LinkError, NoAnswerError, NotConnectedError, ProtocolError

OFFLINE = NotConnectedError("refused")
HUNG = NoAnswerError("late", timed_out=True)
CUT = NoAnswerError("cut", timed_out=False)
GARBAGE = ProtocolError("HTML")

SORTS = [
    (OFFLINE, Condition.OFFLINE),
    (CUT, Condition.OFFLINE),
    (HUNG, Condition.HUNG),
    (GARBAGE, Condition.ERROR),
]


class Gauge:
    """What is polled: it answers with a number, 10 ms after it was asked."""

    def __init__(self, *, enabled: bool = True) -> None:
        self.fault: LinkError | None = None
        self.is_unchanged = False
        self.takes = 0.01  # [s]
        self.period = 1.0
        self.polls: list[float] = []
        self.asking = self.asked_at_once = 0
        self.said: list[str] = []
        self.poller = Poller(
            self.poll,
            answered=self.answered,
            lost=lambda condition, reason: self.said.append(condition.label),
            period=lambda: self.period,
            timeout=3.0,
            enabled=enabled,
        )

    async def poll(self) -> int | None:
        self.polls.append(asyncio.get_running_loop().time())
        self.asking += 1
        self.asked_at_once = max(self.asked_at_once, self.asking)
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.asking -= 1
        if self.fault is not None:
            raise self.fault
        return None if self.is_unchanged else len(self.polls)

    def answered(self, answer: int, is_back: bool) -> None:
        if is_back:
            self.said.append("back")

    async def until(self, *said: str) -> None:
        async with asyncio.timeout(600):
            while self.said[-len(said) :] != list(said):  # noqa: ASYNC110 - virtual
                await asyncio.sleep(0.01)


@asynccontextmanager
async def polled(*, enabled: bool = True) -> AsyncIterator[Gauge]:
    gauge = Gauge(enabled=enabled)
    polling = asyncio.ensure_future(gauge.poller.run())
    try:
        yield gauge
        assert not polling.done()
    finally:
        polling.cancel()
        await asyncio.wait({polling})


@pytest.fixture
async def gauge() -> AsyncIterator[Gauge]:
    """A gauge that has answered."""
    async with polled() as gauge:
        await gauge.until("back")
        yield gauge


# When it polls


async def test_the_polls_of_many_fall_into_few_moments() -> None:
    gauges = [Gauge() for _ in range(200)]
    async with asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(one.poller.run()) for one in gauges]
        await asyncio.sleep(10)
        for run in runs:
            run.cancel()
    second = [one.polls[5] for one in gauges]
    slots = {round(moment / 0.01) for moment in second}
    assert all(
        moment / 0.01 == pytest.approx(round(moment / 0.01)) for moment in second
    )
    assert 40 < len(slots) <= 101  # within a period of 1 s, and not all at once


async def test_polls_keep_to_a_schedule(gauge: Gauge) -> None:
    await asyncio.sleep(100)
    first, *later = gauge.polls[1:]
    beats = [(moment - first + 0.5) % 1.0 for moment in (first, *later)]
    assert len(beats) == pytest.approx(100, abs=1)
    assert max(beats) - min(beats) < 1e-6


async def test_many_pollers_do_not_poll_together() -> None:
    gauges = [Gauge() for _ in range(20)]
    tasks = [asyncio.ensure_future(one.poller.run()) for one in gauges]
    await asyncio.sleep(2.5)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert len({round(one.polls[-1], 3) for one in gauges}) > 10


async def test_a_slow_poll_leaves_beats_out_and_makes_no_burst(gauge: Gauge) -> None:
    gauge.takes = 2.5
    await asyncio.sleep(30)
    gauge.takes = 0.01
    await asyncio.sleep(10)
    gaps = [b - a for a, b in zip(gauge.polls[2:], gauge.polls[3:], strict=False)]
    assert min(gaps) > 0.1
    assert len(gauge.polls) < 30


async def test_there_is_one_poll_at_a_time(gauge: Gauge) -> None:
    gauge.takes = 0.7
    await asyncio.gather(*(gauge.poller.ask() for _ in range(5)))
    assert gauge.asked_at_once == 1


async def test_who_is_woken_polls_at_once(gauge: Gauge) -> None:
    gauge.period = 3600.0
    await asyncio.sleep(5)
    before = len(gauge.polls)
    gauge.poller.wake()
    await asyncio.sleep(0.1)
    assert len(gauge.polls) == before + 1


async def test_a_poll_without_an_end_is_cut_off(gauge: Gauge) -> None:
    gauge.takes = 1e6
    await gauge.until("Hung")
    assert gauge.asking <= 1
    gauge.takes = 0.01
    await gauge.until("back")


async def test_a_poll_that_is_given_up_ends_at_once_and_is_no_loss(
    gauge: Gauge,
) -> None:
    gauge.takes = 2.0
    asked = asyncio.ensure_future(gauge.poller.observe())
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    gauge.poller.enable(False)
    gauge.poller.give_up()
    with pytest.raises(NoAnswerError, match="given up"):
        await asked
    assert asyncio.get_running_loop().time() == began
    gauge.poller.give_up()  # nothing runs
    gauge.takes = 0.01
    gauge.poller.enable(True)
    await gauge.until("back")
    assert set(gauge.said) == {"back"}


async def test_what_is_disabled_is_not_polled() -> None:
    async with polled(enabled=False) as gauge:
        await asyncio.sleep(10)
        assert gauge.polls == []
        gauge.poller.enable(True)
        await gauge.until("back")


# What it says of losses


@pytest.mark.parametrize(("fault", "condition"), SORTS)
async def test_a_loss_is_said_once_and_so_is_the_return(
    gauge: Gauge, fault: LinkError, condition: Condition
) -> None:
    gauge.fault = fault
    await asyncio.sleep(60)
    assert gauge.said == ["back", condition.label]
    gauge.fault = None
    await asyncio.sleep(60)
    assert gauge.said == ["back", condition.label, "back"]


async def test_the_reason_of_a_loss_is_a_sentence(gauge: Gauge) -> None:
    gauge.fault = OFFLINE
    await gauge.until("Offline")
    assert gauge.poller.reason == "refused."


async def test_two_failures_are_no_loss(gauge: Gauge) -> None:
    gauge.fault = OFFLINE
    before = len(gauge.polls)
    await gauge.poller.ask()
    await gauge.poller.ask()
    gauge.fault = None
    await asyncio.sleep(10)
    assert len(gauge.polls) > before
    assert gauge.said == ["back"]


async def test_nothing_new_does_not_bring_back_what_is_lost(gauge: Gauge) -> None:
    gauge.fault = OFFLINE
    await gauge.until("Offline")
    gauge.fault, gauge.is_unchanged = None, True
    await asyncio.sleep(10)
    gauge.fault = OFFLINE
    await asyncio.sleep(10)
    assert gauge.said == ["back", "Offline"]


async def test_what_is_disabled_is_not_lost(gauge: Gauge) -> None:
    gauge.poller.enable(False)
    gauge.fault = OFFLINE
    for _ in range(5):
        await gauge.poller.ask()
    assert gauge.said == ["back"]


async def test_what_is_enabled_is_known_anew(gauge: Gauge) -> None:
    gauge.poller.enable(False)
    gauge.poller.enable(True)
    await gauge.until("back", "back")


# Answers besides the schedule


async def test_who_asks_hears_why_there_is_no_answer(gauge: Gauge) -> None:
    gauge.fault = HUNG
    with pytest.raises(NoAnswerError):
        await gauge.poller.observe()
    assert await gauge.poller.ask() is None


async def test_the_next_answer_is_that_of_the_schedule(gauge: Gauge) -> None:
    answer = await gauge.poller.next_answer(within=5.0)
    assert answer == len(gauge.polls)


async def test_the_next_answer_is_asked_for_if_none_comes(gauge: Gauge) -> None:
    gauge.period = 3600.0
    await asyncio.sleep(5)
    before = len(gauge.polls)
    assert await gauge.poller.next_answer(within=5.0) == before + 1


# The failures


def test_the_third_failure_decides() -> None:
    failures = PollFailures()
    assert [failures.count(HUNG) for _ in range(3)] == [None, None, Condition.HUNG]


def test_an_answer_forgets_the_failures() -> None:
    failures = PollFailures()
    failures.count(OFFLINE)
    failures.count(OFFLINE)
    failures.clear()
    assert [failures.count(OFFLINE) for _ in range(2)] == [None, None]


def test_failures_of_different_sorts_make_a_loss() -> None:
    failures = PollFailures()
    counted = [failures.count(error) for error in (OFFLINE, HUNG, GARBAGE)]
    assert counted == [None, None, Condition.ERROR]


def test_one_that_wavers_is_judged_once() -> None:
    failures = PollFailures()
    judged = [failures.count(HUNG if n % 2 else OFFLINE) for n in range(100)]
    assert [one for one in judged if one is not None] == [Condition.OFFLINE]


def test_a_lasting_change_of_sort_is_judged() -> None:
    failures = PollFailures()
    for _ in range(5):
        failures.count(OFFLINE)
    assert [failures.count(HUNG) for _ in range(3)] == [None, None, Condition.HUNG]
