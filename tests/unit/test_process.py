"""The process as a device: its figures are true, and a blocked loop shows."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVarTuple

import psutil
import pytest

from daqpv.core import Clock, Event, Events, EventSeverity, Severity, Status
from daqpv.links.process import OwnProcess
from daqpv.process import Figures, Process, ProcessSnapshot
from daqpv.testing import VirtualLoop
from tests.support.virtual import SetClock

QUIET = Figures(
    clients=0,
    connections=0,
    records=0,
    open_files=0,
    system_load=0.0,
    load=0.0,
    memory=0,
    loop_delay=0.0,
)


def process(
    measure: Callable[[], Figures] = lambda: QUIET,
    *,
    clock: Clock | None = None,
    **more: Any,
) -> Process:
    return Process(
        "main",
        measure,
        snapshot=ProcessSnapshot(**more),
        events=Events(),
        clock=clock or Clock(),
    )


def beats(watched: Process) -> list[ProcessSnapshot]:
    """The snapshots of its readings, as they come."""
    seen: list[ProcessSnapshot] = []

    def show(snapshot: ProcessSnapshot, changed: Any) -> None:
        if "heartbeat" in changed and snapshot.heartbeat:
            seen.append(snapshot)

    watched.watch(show)
    return seen


async def run_for(watched: Process, seconds: float) -> None:
    """Run it for so long by the clock of the loop."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await watched.run()


Arguments = TypeVarTuple("Arguments")


class LateLoop(VirtualLoop):
    """A virtual loop that is a little late."""

    LATE = 0.003  # [s]

    def call_at(
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return super().call_at(when + self.LATE, callback, *args, context=context)


def virtually(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=LateLoop) as runner:
        runner.run(work)


# -- the loop --------------------------------------------------------------------------


def test_the_heartbeat_counts_seconds() -> None:
    watched = process()
    virtually(run_for(watched, 600.5))
    assert watched.snapshot.heartbeat == 600


def block(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    assert isinstance(loop, LateLoop)
    loop.passes(seconds)


def test_beats_that_a_blocked_loop_missed_are_not_made_up_for() -> None:
    watched = process()

    async def blocked_long() -> None:
        loop = asyncio.get_running_loop()
        loop.call_at(2.5, block, loop, 10.0)
        await run_for(watched, 20.5)

    virtually(blocked_long())
    assert watched.snapshot.heartbeat == 2 + 1 + 8


# -- what blocks it --------------------------------------------------------------------


def told(play: Callable[[Process], None], *, seconds: float = 0.5) -> list[Event]:
    """The events of a process on which `play` is played in the third second."""
    heard: list[Event] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        events = Events(clock=loop.time)
        events.add(heard.append)
        watched = Process(
            "main", lambda: QUIET, snapshot=ProcessSnapshot(), events=events
        )
        loop.call_later(2.5, play, watched)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(events.run())
            await run_for(watched, 3 + seconds)
            task.cancel()

    virtually(run())
    return heard


WHERE = "daqpv/links/soap/ecc.py:88 call < daqpv/ecc/ecc.py:99 poll"


def test_a_short_block_says_what_clients_felt_and_where_it_was() -> None:
    (event,) = told(lambda process: process.blocked(0.312, WHERE, "CoBo0"))
    assert event.severity is EventSeverity.INFORMATION
    assert event.text == (
        "Clients waited 312 ms for an answer: daqpv was busy in "
        "daqpv/links/soap/ecc.py:88 call (task CoBo0)"
    )
    assert event.fields == {"duration": 0.312, "where": WHERE, "task": "CoBo0"}


def test_a_long_block_is_a_warning() -> None:
    (event,) = told(lambda process: process.blocked(2.31, WHERE, ""))
    assert event.severity is EventSeverity.WARNING
    assert event.text == (
        "Clients waited 2.3 s for an answer: daqpv was busy in "
        "daqpv/links/soap/ecc.py:88 call. If this comes again, report this line"
    )


def test_short_blocks_of_a_loaded_computer_are_one_event_a_minute() -> None:
    def play(process: Process) -> None:
        for line in range(100):
            process.blocked(0.1, f"a.py:{line} f", "")

    events = told(play, seconds=200)
    assert [event.count for event in events] == [1, 99]


def test_a_culprit_that_goes_on_is_told_once_more_after_a_minute() -> None:
    def play(process: Process) -> None:
        for duration in (0.1, 0.2, 0.4, 0.3):
            process.blocked(duration, "a.py:1 f < b.py:2 g", "")

    first, more = told(play, seconds=200)
    assert (first.fields["duration"], first.count) == (0.1, 1)
    assert (more.fields["duration"], more.count) == (0.3, 3)
    assert more.text.endswith("(3 times, this was the last)")


def test_many_culprits_are_no_flood() -> None:
    def play(process: Process) -> None:
        for line in range(100):
            process.blocked(1.5, f"a.py:{line} f", "")

    events = told(play, seconds=200)
    assert [event.count for event in events] == [1, 1, 1, 1, 1, 1, 94]


def test_a_culprit_is_told_anew_after_its_minute() -> None:
    def play(process: Process) -> None:
        loop = asyncio.get_running_loop()
        for wait in (0, 100, 200):
            loop.call_later(wait, process.blocked, 0.1, "", "")

    events = told(play, seconds=300)
    assert len(events) == 3
    assert all("a call that was over too soon" in event.text for event in events)


# -- the figures -----------------------------------------------------------------------


def test_what_was_measured_is_shown() -> None:
    figures = Figures(
        clients=1,
        connections=2,
        records=3,
        open_files=4,
        system_load=5.0,
        load=6.0,
        memory=7,
        loop_delay=0.8,
    )
    watched = process(lambda: figures)
    virtually(run_for(watched, 1.5))
    shown = {name: getattr(watched.snapshot, name) for name in Figures.__slots__}
    assert figures == Figures(**shown)


def test_the_memory_is_that_of_this_process() -> None:
    own, before = OwnProcess(), OwnProcess().usage().memory
    ballast = b"x" * 100_000_000
    after = own.usage().memory
    assert 80e6 < after - before < 200e6
    assert after < psutil.virtual_memory().total
    del ballast


def test_the_files_are_those_of_this_process() -> None:
    own = OwnProcess()
    before = own.usage().open_files
    pairs = [os.pipe() for _ in range(10)]
    assert own.usage().open_files == before + 20
    for pair in pairs:
        os.close(pair[0])
        os.close(pair[1])


def test_the_load_is_that_of_this_process_since_the_look_before() -> None:
    own = OwnProcess()
    begin, burnt = time.monotonic(), time.process_time()
    while time.process_time() - burnt < 0.3:
        pass
    usage, elapsed = own.usage(), time.monotonic() - begin
    assert usage.load == pytest.approx(100 * 0.3 / elapsed, rel=0.2)


def test_the_load_of_the_computer_is_a_share_of_all_its_processors() -> None:
    own = OwnProcess()
    burnt = time.process_time()
    while time.process_time() - burnt < 0.1:
        pass
    assert 0 < own.usage().system_load <= 100


def test_the_process_says_which_one_it_is() -> None:
    own = OwnProcess()
    assert (own.process_id, own.hostname) == (os.getpid(), socket.gethostname())


# -- what it says of itself ------------------------------------------------------------


def test_times_are_utc_and_say_so() -> None:
    watched = process()
    virtually(run_for(watched, 1.5))
    form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.fullmatch(form, watched.snapshot.started)
    assert re.fullmatch(form, watched.snapshot.now)


def test_the_time_since_the_start_is_told_in_days_and_hours() -> None:
    clock = SetClock()
    watched = process(clock=clock)
    clock.passed = 3 * 86400 + 4 * 3600 + 5 * 60 + 6.5
    virtually(run_for(watched, 1.5))
    assert watched.snapshot.uptime == "3 days, 4:05:06"


def told_by(watched: Process, *, passed: float = 0.0, step: float = 0.0) -> Event:
    """The one event of a process whose clocks jump before its second reading."""
    clock = watched.clock
    assert isinstance(clock, SetClock)
    told: list[Event] = []
    watched._events.add(told.append)

    def jump(*_: Any) -> None:
        if watched.snapshot.heartbeat == 1:
            clock.passed, clock.step = passed, step

    watched.watch(jump)
    virtually(run_for(watched, 4.5))
    (event,) = told
    return event


def test_that_the_process_stood_still_is_told_with_its_length() -> None:
    event = told_by(process(clock=SetClock()), passed=28.0)
    assert (event.name, event.severity) == ("stood still", EventSeverity.WARNING)
    assert event.text.startswith("daqpv stood still for 27 s: ")
    assert event.fields["duration"] == pytest.approx(27, abs=0.5)


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_clock_that_is_set_is_told_and_counts_for_no_time(
    step: float,
) -> None:
    watched = process(hostname="hut", clock=SetClock())
    event = told_by(watched, step=step)
    way = "forward" if step > 0 else "back"
    assert event.name == "clock set"
    assert event.text.startswith(f"The clock of hut was set {way} by 3600.0 s: ")
    assert watched.snapshot.uptime == "0:00:00"


def test_a_simulation_is_a_minor_alarm() -> None:
    alarm = process(simulated=True).snapshot.alarm("simulated")
    assert (alarm.severity, alarm.status) == (Severity.MINOR, Status.STATE)


def test_the_real_thing_has_no_alarm() -> None:
    now = process().snapshot
    fields = now.__dataclass_fields__
    assert {now.severity(field) for field in fields} == {Severity.NO_ALARM}
