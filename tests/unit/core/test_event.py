"""Events: said once to every sink."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import replace

import pytest

from daqpv.core import Event, Events, EventSeverity, Folding, Origin

EVENT = Event(time=1.0, severity=EventSeverity.WARNING, name="lost", text="Gone.")


def test_every_sink_receives_every_event() -> None:
    events = Events()
    one: list[Event] = []
    other: list[Event] = []
    events.add(one.append)
    events.add(other.append)
    events.emit(EVENT)
    assert one == other == [EVENT]


def test_a_sink_that_raises_harms_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events = Events()
    good: list[Event] = []

    def bad(event: Event) -> None:
        raise ValueError("disk full")

    events.add(bad)
    events.add(good.append)
    events.emit(EVENT)
    events.emit(EVENT)
    assert len(good) == 2
    assert "event sink failed" in caplog.text


def test_a_sink_that_emits_is_no_loop_and_all_sinks_see_one_order() -> None:
    events = Events()
    before: list[Event] = []
    after: list[Event] = []
    events.add(before.append)
    events.add(lambda event: events.emit(replace(EVENT, name="of the sink")))
    events.add(after.append)
    events.emit(EVENT)
    assert [event.name for event in before[:2]] == ["lost", "of the sink"]
    assert before == after
    assert len(before) < 200


def test_a_sink_whose_failure_is_an_event_that_fails_it_again_is_no_loop() -> None:
    events = Events()
    good: list[Event] = []

    class AsEvent(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            events.emit(replace(EVENT, name="log", text=record.getMessage()))

    def bad(event: Event) -> None:
        raise ValueError("disk full")

    handler = AsEvent()
    logging.getLogger().addHandler(handler)
    try:
        events.add(bad)
        events.add(good.append)
        events.emit(EVENT)
    finally:
        logging.getLogger().removeHandler(handler)
    assert good[0] == EVENT
    assert len(good) < 200


def test_the_process_and_the_devices_pv_name_part_are_stamped() -> None:
    events = Events(process="main@hut", prefix="AT:")
    seen: list[Event] = []
    events.add(seen.append)
    for device in ("AT:ECC:CoBo0:", "AT:Sys:", "gas", ""):
        events.emit(replace(EVENT, device=device))
    assert [event.device for event in seen] == ["ECC:CoBo0", "Sys", "gas", ""]
    assert {event.process for event in seen} == {"main@hut"}


def test_an_event_of_another_process_keeps_its_process() -> None:
    events = Events(process="main@hut")
    seen: list[Event] = []
    events.add(seen.append)
    events.emit(replace(EVENT, process="left@hut"))
    assert seen[0].process == "left@hut"


# -- again and again -------------------------------------------------------------------

ONCE = Folding(singly=1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def folded(clock: Clock) -> tuple[Events, list[Event]]:
    events = Events(clock=clock)
    seen: list[Event] = []
    events.add(seen.append)
    return events, seen


async def look(events: Events) -> None:
    """Let the events see what the clock says."""
    task = asyncio.ensure_future(events.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})


async def test_what_happens_again_is_told_with_its_count_after_a_minute() -> None:
    clock = Clock()
    events, seen = folded(clock)
    for n in range(1000):
        events.emit(replace(EVENT, text=f"Gone {n}."), ONCE)
    assert [event.text for event in seen] == ["Gone 0."]
    clock.now = 59.0
    await look(events)
    assert len(seen) == 1
    clock.now = 61.0
    await look(events)
    assert seen[1].text == "Gone 999. (999 times, this was the last)"
    assert [event.count for event in seen] == [1, 999]


async def test_what_goes_on_is_told_once_a_minute() -> None:
    clock = Clock()
    events, seen = folded(clock)
    for second in range(600):
        clock.now = float(second)
        events.emit(EVENT, ONCE)
        await look(events)
    events.close()
    assert len(seen) == 11
    assert sum(event.count for event in seen) == 600


async def test_what_has_stopped_is_told_at_once_when_it_comes_again() -> None:
    clock = Clock()
    events, seen = folded(clock)
    for moment in (0.0, 61.0, 130.0):
        clock.now = moment
        await look(events)
        events.emit(EVENT, ONCE)
    assert [event.count for event in seen] == [1, 1, 1]


def test_different_things_are_told_apart() -> None:
    events, seen = folded(Clock())
    for same in ("a", "b", "a", "b"):
        events.emit(replace(EVENT, text=same), Folding(same=same, singly=1))
    events.emit(replace(EVENT, device="ECC:CoBo1"), ONCE)
    events.emit(replace(EVENT, name="found"), ONCE)
    assert [event.text for event in seen] == ["a", "b", "Gone.", "Gone."]


def test_the_end_tells_what_was_counted() -> None:
    events, seen = folded(Clock())
    for _ in range(3):
        events.emit(EVENT, ONCE)
    events.close()
    events.close()
    assert [event.count for event in seen] == [1, 2]


def test_a_storm_takes_little_memory_and_every_one_is_counted() -> None:
    events, seen = folded(Clock())
    begin = time.process_time()
    for n in range(100_000):
        events.emit(replace(EVENT, text=f"{n}"), Folding(same=f"{n}", singly=1))
    took = time.process_time() - begin
    events.close()
    assert sum(event.count for event in seen) == 100_000
    assert len(seen) < 11_000
    assert took < 5.0  # 0.4 s (2026-11-20)


# -- threads ---------------------------------------------------------------------------


async def test_an_event_of_another_thread_reaches_the_sinks_on_the_loop() -> None:
    events = Events()
    threads: list[threading.Thread] = []
    heard = asyncio.Event()

    def sink(event: Event) -> None:
        threads.append(threading.current_thread())
        heard.set()

    events.add(sink)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(events.run())
        await asyncio.sleep(0)
        begin = time.monotonic()
        await asyncio.to_thread(events.emit, EVENT)
        await heard.wait()
        assert time.monotonic() - begin < 0.9  # not with the next look
        running.cancel()
    assert threads == [threading.current_thread()]


def test_what_other_threads_said_before_the_end_is_told() -> None:
    events, seen = folded(Clock())
    thread = threading.Thread(target=events.emit, args=[EVENT])
    thread.start()
    thread.join()
    events.close()
    assert seen == [EVENT]


def test_a_storm_of_another_thread_takes_bounded_memory_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events, seen = folded(Clock())

    def storm() -> None:
        for _ in range(50_000):
            events.emit(EVENT)

    thread = threading.Thread(target=storm)
    thread.start()
    thread.join()
    events.close()
    assert sum(event.count for event in seen) == 10_000
    assert "40000 events of other threads were too many" in caplog.text


def test_a_sink_added_by_a_sink_receives_what_follows() -> None:
    events = Events()
    late: list[Event] = []
    events.add(lambda event: events.add(late.append) if not late else None)
    events.emit(EVENT)
    events.emit(EVENT)
    assert late


def test_the_facts_of_an_event_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        EVENT.fields["a"] = 1  # type: ignore[index]


def test_an_origin_is_a_user_on_a_host() -> None:
    assert str(Origin("ann", "hut")) == "ann@hut"


def test_a_report_is_an_event_of_now() -> None:
    events = Events(process="main@hut", prefix="AT:")
    heard: list[Event] = []
    events.add(heard.append)
    ann, before = Origin("ann", "hut"), time.time()
    events.report("lost", "Gone.", device="AT:Pump:P1:", fields={"n": 1}, by=ann)
    (event,) = heard
    assert before <= event.time <= time.time()
    assert event == Event(
        time=event.time,
        severity=EventSeverity.INFORMATION,
        name="lost",
        text="Gone.",
        device="Pump:P1",
        fields={"n": 1},
        origin=ann,
        process="main@hut",
        function=f"{__name__}.test_a_report_is_an_event_of_now",
    )
