"""Schedules, and the task that calls at their times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from daqpv.core.timing.clock import Clock
from daqpv.core.timing.schedule import (
    LOOK,
    Schedule,
    ScheduledTask,
    after,
    cron,
    every,
)
from tests.support.virtual import play

HOUR = 3600.0
DAY = 24 * HOUR


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_after_counts_from_the_last_time() -> None:
    assert after(90).next(at("2026-02-28 23:59")) == at("2026-03-01 00:00:30")


def test_every_keeps_to_its_grid() -> None:
    quarter = every(900, since=at("2026-11-29 00:05"))
    assert quarter.next(at("2026-11-29 07:19:59")) == at("2026-11-29 07:20")
    assert quarter.next(at("2026-11-29 07:20")) == at("2026-11-29 07:35")
    assert quarter.next(at("2026-11-28 23:51")) == at("2026-11-29 00:05")  # before it
    assert every(60).next(at("2026-11-29 07:20:01")) == at("2026-11-29 07:21")


@pytest.mark.parametrize("period", [0.0, -1.0, 1e-7])
def test_a_period_takes_time(period: float) -> None:
    with pytest.raises(ValueError, match="too short"):
        every(period)


def test_schedules_are_values() -> None:
    assert len({after(1), after(1), every(1), every(1), every(2)}) == 3


class VirtualClock(Clock):
    """The clock of a virtual loop; it may be set, and the computer suspended."""

    def __init__(self, wall: str = "2026-11-29 00:00") -> None:
        self.wall = at(wall).timestamp()
        self.suspended = 0.0

    def steady(self) -> float:
        return asyncio.get_running_loop().time() + self.suspended

    def time(self) -> float:
        return self.wall + self.steady()


class Diary:
    """Writes down when it was called, by the steady clock [s]."""

    def __init__(self, clock: VirtualClock, lasting: float = 0.0) -> None:
        self.clock = clock
        self.calls: list[float] = []
        self.lasting = lasting

    async def write(self) -> None:
        self.calls.append(round(self.clock.steady(), 3))
        await asyncio.sleep(self.lasting)


def played(
    schedule: Schedule,
    seconds: float,
    *,
    changes: dict[float, Callable[[VirtualClock, ScheduledTask], None]] | None = None,
    lasting: float = 0.0,
) -> list[float]:
    """When it was called within `seconds`, with `changes` at some of them."""
    clock = VirtualClock()
    diary = Diary(clock, lasting)

    async def run() -> None:
        task = ScheduledTask(diary.write, schedule, clock=clock)
        loop = asyncio.get_running_loop()
        for when, change in (changes or {}).items():
            loop.call_at(when, change, clock, task)
        running = asyncio.create_task(task.run())
        await asyncio.sleep(seconds)
        running.cancel()
        await asyncio.wait({running})

    play(run())
    return diary.calls


def test_it_is_called_at_its_times() -> None:
    assert played(every(60), 185) == [60, 120, 180]
    assert played(cron("*/2 * * * *"), 250) == [120, 240]


def test_after_waits_from_the_end_of_a_call() -> None:
    assert played(after(60), 241, lasting=30) == [60, 150, 240]


def test_times_that_pass_during_a_call_are_left_out() -> None:
    assert played(every(60), 301, lasting=70) == [60, 180, 300]


def suspend(seconds: float) -> Callable[[VirtualClock, ScheduledTask], None]:
    def change(clock: VirtualClock, _: ScheduledTask) -> None:
        clock.suspended += seconds

    return change


def set_clock(seconds: float) -> Callable[[VirtualClock, ScheduledTask], None]:
    def change(clock: VirtualClock, _: ScheduledTask) -> None:
        clock.wall += seconds

    return change


@pytest.mark.parametrize("schedule", [every(HOUR), cron("0 * * * *")])
def test_what_a_suspend_has_missed_is_made_up_for_once(schedule: Schedule) -> None:
    calls = played(schedule, 2 * HOUR, changes={1000.0: suspend(5.5 * HOUR)})
    woken = 1000 + 5.5 * HOUR
    assert woken <= calls[0] <= woken + LOOK
    assert calls[1:] == [6 * HOUR, 7 * HOUR]


def test_what_a_clock_set_ahead_has_missed_is_made_up_for_once() -> None:
    calls = played(cron("0 * * * *"), 2 * HOUR, changes={1000.0: set_clock(5.5 * HOUR)})
    assert 1000 <= calls[0] <= 1000 + LOOK
    assert calls[1:] == [HOUR / 2, 1.5 * HOUR]  # 06:00 and 07:00 by the wall clock


def test_a_clock_that_is_set_back_repeats_nothing() -> None:
    calls = played(cron("0 * * * *"), 4 * HOUR, changes={HOUR + 60: set_clock(-HOUR)})
    assert calls == [HOUR, 3 * HOUR]


def test_a_clock_that_was_far_ahead_is_believed_again() -> None:
    calls = played(
        cron("0 * * * *"),
        3.5 * HOUR,
        changes={1000.0: set_clock(400 * DAY), 2000.0: set_clock(-400 * DAY)},
    )
    assert 1000 <= calls[0] <= 1000 + LOOK
    assert calls[1:] == [HOUR, 2 * HOUR, 3 * HOUR]


@pytest.mark.parametrize("step", [HOUR, -HOUR, 400 * DAY])
@pytest.mark.parametrize("schedule", [every(60), after(60)])
def test_time_that_passes_does_not_depend_on_who_sets_the_clock(
    schedule: Schedule, step: float
) -> None:
    calls = played(schedule, 200, changes={70.0: set_clock(step)})
    assert calls == [60, 120, 180]


def test_soon_calls_at_once_besides_the_schedule() -> None:
    soon = {70.0: lambda _, task: task.soon()}
    assert played(every(60), 130, changes=soon) == [60, 70, 120]
    assert played(after(60), 140, changes=soon) == [60, 70, 130]


def test_soon_during_a_call_means_one_call_more() -> None:
    soon = {n: lambda _, task: task.soon() for n in (70.0, 75.0)}
    assert played(after(60), 120, changes=soon, lasting=20) == [60, 80]


def test_another_schedule_counts_from_the_last_call() -> None:
    def slow_down(_: VirtualClock, task: ScheduledTask) -> None:
        task.schedule = after(100)

    assert played(after(10), 175, changes={25.0: slow_down}) == [10, 20, 120]


def test_what_it_raises_ends_it_for_its_owner() -> None:
    async def fail() -> None:
        raise RuntimeError("a bug")

    async def run() -> None:
        await ScheduledTask(fail, after(1), clock=VirtualClock()).run()

    with pytest.raises(RuntimeError, match="a bug"):
        play(run())
