"""A job: steps, progress, rate, remaining time, abort, outcome and events."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Coroutine

import pytest

from daqpv.core import Clock, EventSeverity
from daqpv.core.events.event import Origin, origin
from daqpv.core.job import LONG, PERIOD, Job, Progress, running
from daqpv.errors import AbortedError, OperationError, RefusedError, ResultCode
from daqpv.testing import VirtualLoop


class LoopClock(Clock):
    """The clock of the running loop, else one that is set by hand."""

    now = 0.0

    def monotonic(self) -> float:
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return self.now


def play(work: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work)


def job(total: float = 0.0) -> Job:
    return Job("copy the rows", total=total, clock=LoopClock())


class Events:
    def __init__(self) -> None:
        self.said: list[tuple[str, EventSeverity]] = []

    def __call__(self, text: str, severity: EventSeverity) -> None:
        self.said.append((text, severity))


# -- progress --------------------------------------------------------------------------


def test_a_step_says_how_much_of_it_is_done() -> None:
    one = job(total=20)
    step = one.step("event", 1000)
    assert one.progress.step == "event, 0 of 1,000"
    step.advance(5)
    assert (one.progress.step, one.progress.percent) == ("event, 5 of 1,000", 25)
    one.step("Waiting")
    assert (one.progress.step, one.progress.done) == ("Waiting", 5)


def test_progress_is_never_more_than_all() -> None:
    one = job(total=2)
    one.step("go").advance(3)
    assert one.progress.percent == 100


def test_without_a_total_there_is_neither_percentage_nor_end() -> None:
    one = job()
    one.step("go").advance(3)
    assert one.progress.percent == 0
    assert math.isnan(one.progress.remaining)
    assert str(one.progress) == "go"


def test_rate_and_remaining_time_are_of_the_last_minute() -> None:
    async def work() -> None:
        one = job(total=2000)
        step = one.step("slow", 2000)
        for _ in range(100):
            await asyncio.sleep(1)
            step.advance(1)
        assert one.progress.rate == pytest.approx(1)
        assert one.progress.remaining == pytest.approx(1900)
        for _ in range(100):
            await asyncio.sleep(1)
            step.advance(10)
        assert one.progress.rate == pytest.approx(10)
        assert str(one.progress) == "slow, 1,100 of 2,000, 55 %, 90 s left"
        await asyncio.sleep(600)  # it hangs: the end moves away
        assert one.progress.remaining > 900

    play(work())


def test_a_first_burst_is_not_taken_for_a_rate() -> None:
    async def work() -> None:
        one = job(total=100)
        await asyncio.sleep(0.001)
        one.step("go", 100).advance(50)
        assert math.isnan(one.progress.rate)
        assert math.isnan(one.progress.remaining)

    play(work())


# -- reports ---------------------------------------------------------------------------


def test_reports_are_throttled_and_the_newest_is_never_held_back() -> None:
    async def work() -> None:
        one, told = job(total=1000), list[Progress]()
        one.watch(told.append)
        step = one.step("go", 1000)
        for _ in range(500):
            step.advance()
        assert [progress.done for progress in told] == [0]
        await asyncio.sleep(2 * PERIOD)
        assert [progress.done for progress in told] == [0, 500]
        step.advance(500)
        step = one.step("more", 10)
        step.advance(10)  # whole: at once
        assert [progress.step for progress in told][-2:] == [
            "more, 0 of 10",
            "more, 10 of 10",
        ]

    play(work())


def test_nothing_is_reported_after_the_end() -> None:
    async def work() -> None:
        one, told = job(total=10), list[Progress]()
        one.watch(told.append)
        step = one.step("go", 10)
        step.advance()
        one.end(None)
        step.advance()
        await asyncio.sleep(1)
        assert [progress.done for progress in told] == [0]

    play(work())


def test_without_an_event_loop_reports_wait_for_the_next() -> None:
    one, told = job(total=3), list[Progress]()
    one.watch(told.append)
    step = one.step("go", 3)
    for _ in range(3):
        step.advance()
    assert [progress.done for progress in told] == [0, 3]


# -- abort and outcome -----------------------------------------------------------------


def test_an_abort_ends_it_before_its_next_step() -> None:
    one = job()
    one.check()
    token = origin.set(Origin(user="maria", host="daq1"))
    thread = threading.Thread(target=one.abort)
    one.abort()
    origin.reset(token)
    thread.start()
    thread.join()
    assert one.is_aborted
    with pytest.raises(AbortedError, match="copy the rows: aborted by maria@daq1"):
        one.check()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, ResultCode.NONE),
        (OperationError("full"), ResultCode.FAILED),
        (asyncio.CancelledError(), ResultCode.ABORTED),
        (ValueError("bug"), ResultCode.INTERNAL),
    ],
)
def test_the_outcome_is_kept(error: BaseException | None, outcome: ResultCode) -> None:
    one = job()
    assert not one.is_over
    one.end(error)
    assert (one.outcome, one.is_over) == (outcome, True)


# -- events ----------------------------------------------------------------------------


def test_one_event_at_the_end() -> None:
    async def work() -> None:
        emit = Events()
        with running(job(), emit) as one:
            one.step("go").advance()
            await asyncio.sleep(30)
        info = EventSeverity.INFORMATION
        assert emit.said == [("Copy the rows: done in 30 s", info)]

    play(work())


def test_a_long_job_says_so() -> None:
    async def work() -> None:
        emit = Events()
        with running(job(total=100), emit) as one:
            step = one.step("rows", 100)
            for _ in range(100):
                await asyncio.sleep(1)
                step.advance()
            one.summary = "100 rows copied"
        first, last = (text for text, _ in emit.said)
        assert first.startswith(f"Copy the rows: {LONG:.0f} s so far. rows, ")
        assert last == "100 rows copied"

    play(work())


@pytest.mark.parametrize(
    ("error", "severity"),
    [
        (OperationError("The disk is full."), EventSeverity.ERROR),
        (RefusedError("Not now."), EventSeverity.WARNING),
    ],
)
def test_a_failure_is_an_event(error: Exception, severity: EventSeverity) -> None:
    async def work() -> None:
        emit = Events()
        with pytest.raises(type(error)), running(job(), emit):
            raise error
        assert emit.said == [(str(error), severity)]

    play(work())


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_nothing_done_is_no_event(is_cancelled: bool) -> None:
    async def work() -> None:
        emit = Events()
        try:
            with running(job(), emit):
                if is_cancelled:
                    raise asyncio.CancelledError
        except asyncio.CancelledError:
            pass
        assert emit.said == []

    play(work())
