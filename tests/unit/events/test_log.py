"""The log as a device: what it shows of what happens here, elsewhere, and before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from daqpv.core import Event, Events, EventSeverity, Origin, Severity
from daqpv.errors import RefusedError, StoreError
from daqpv.events import Log, LogSnapshot
from daqpv.events import log as log_module
from daqpv.events.lines import LONGEST, MOST, long_line, newest_lines, short_line
from tests.support.virtual import SetClock

MOMENT = 1795187884.25  # 2026-11-20 15:18:04 UTC
INFO, WARNING, ERROR = EventSeverity
DEADLINE = 20.0  # [s] for whatever a busy machine may take


def event(text: str = "it happened", **more: Any) -> Event:
    facts: dict[str, Any] = {"time": MOMENT, "severity": INFO, "name": "x"}
    return Event(text=text, **(facts | {"device": "ECC:CoBo0"} | more))


class Kept:
    """A history in memory: what it gives and forgets, and whether it is there."""

    def __init__(self, *events: Event) -> None:
        self.events = list(events)
        self.given = 0
        self.is_away = False
        self.forgotten: list[float] = []

    def _check(self) -> None:
        if self.is_away:
            raise StoreError("away")

    async def last(self, count: int) -> Sequence[Event]:
        self._check()
        self.given = len(self.events)
        return self.events[-count:]

    async def news(self) -> Sequence[Event]:
        self._check()
        news, self.given = self.events[self.given :], len(self.events)
        return news

    async def forget(self, before: float) -> int:
        self._check()
        self.forgotten.append(before)
        old = [one for one in self.events if one.time < before][:2]
        self.events = [one for one in self.events if one not in old]
        self.given -= len(old)
        return len(old)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "SHOW_PERIOD", 0.01)
    monkeypatch.setattr(log_module, "LOOK_PERIOD", 0.01)
    monkeypatch.setattr(log_module, "FORGET_PERIOD", 0.01)
    monkeypatch.setattr(log_module, "FORGET_PAUSE", 0.0)


def make(history: Kept | None = None, **more: Any) -> tuple[Log, Events]:
    events = Events(process="main@hut", prefix="AT:")
    return Log(events, prefix="AT:Log:", history=history, **more), events


@asynccontextmanager
async def running(log: Log) -> AsyncIterator[Callable[..., Any]]:
    """Run it; give what waits until its snapshot fulfils a condition."""

    async def until(condition: Callable[[LogSnapshot], bool]) -> LogSnapshot:
        fulfilled = asyncio.Event()

        def show(snapshot: LogSnapshot, changed: Any) -> None:
            if condition(snapshot):
                fulfilled.set()

        log.watch(show)
        async with asyncio.timeout(DEADLINE):
            await fulfilled.wait()
        return log.snapshot

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(log.run())
        yield until
        task.cancel()


# -- what happens here -----------------------------------------------------------------


async def test_the_last_event_is_shown_with_severity_and_who_did_it() -> None:
    log, events = make()
    async with running(log) as until:
        events.emit(event("refused", severity=WARNING, origin=Origin("ann", "hut")))
        now = await until(lambda now: now.last)
    assert now.last == "2026-11-20 15:18:04 warning CoBo0: refused [ann@hut]"
    assert now.last_severity is WARNING
    assert now.recent == ("15:18:04 W CoBo0: refused",)


async def test_the_last_twenty_are_shown_in_their_order() -> None:
    log, events = make()
    async with running(log) as until:
        for n in range(30):
            events.emit(event(f"number {n}"))
        now = await until(lambda now: "number 29" in now.last)
    assert [line.split()[-1] for line in now.text.splitlines()] == [
        str(n) for n in range(10, 30)
    ]
    assert now.recent[0] == "15:18:04 CoBo0: number 29"
    assert len(now.recent) == 20


async def test_each_severity_is_counted_and_what_is_folded_counts_as_often() -> None:
    log, events = make()
    async with running(log) as until:
        for severity, count in ((INFO, 3), (WARNING, 2), (ERROR, 1), (INFO, 1)):
            events.emit(event(severity=severity, count=count))
        now = await until(lambda now: now.infos == 4)
    assert (now.warnings, now.error_count) == (2, 1)


async def test_what_is_for_the_record_alone_is_not_shown_nor_counted() -> None:
    log, events = make()
    async with running(log) as until:
        events.emit(event("aside", fields={"aside": True}))
        events.emit(event("seen"))
        now = await until(lambda now: now.last)
    assert now.infos == 1
    assert "aside" not in now.text


async def test_what_happened_before_it_runs_is_shown() -> None:
    log, events = make()
    events.emit(event("early"))
    async with running(log) as until:
        await until(lambda now: "early" in now.last)


async def test_a_storm_is_shown_at_a_bounded_rate_with_the_newest_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_module, "SHOW_PERIOD", 0.1)
    log, events = make()
    shown: list[int] = []
    log.watch(lambda now, changed: shown.append(now.infos))
    async with running(log) as until:
        begin = time.monotonic()
        for n in range(1000):  # each of another name: nothing is folded
            for k in range(100):
                events.emit(event(f"number {n} {k}", name=f"n{n}"))
            await asyncio.sleep(0)
        now = await until(lambda now: now.infos == 100_000)
        took = time.monotonic() - begin
    assert now.last.endswith("number 999 99")
    assert len(shown) < 5 + took / 0.1


async def test_no_field_bears_an_alarm() -> None:
    log, events = make()
    async with running(log) as until:
        events.emit(event(severity=ERROR))
        now = await until(lambda now: now.error_count)
    fields = now.__dataclass_fields__
    assert {now.severity(field) for field in fields} == {Severity.NO_ALARM}


# -- notes -----------------------------------------------------------------------------


async def test_a_note_is_an_event_and_is_shown() -> None:
    log, events = make()
    told: list[Event] = []
    events.add(told.append)
    async with running(log) as until:
        log.write("changed the gas bottle\n")
        now = await until(lambda now: now.last)
    assert now.note == "changed the gas bottle"
    assert now.last.endswith(" Log: changed the gas bottle")
    assert [(one.name, one.device) for one in told] == [("note", "Log")]


async def test_notes_that_differ_are_never_counted_as_one() -> None:
    log, events = make()
    told: list[Event] = []
    events.add(told.append)
    for n in range(20_000):
        log.write(f"note {n}")
    assert [one.text for one in told] == [f"note {n}" for n in range(20_000)]
    told.clear()
    for _ in range(2000):
        log.write("note 7")
    assert 0 < len(told) <= 100


async def test_an_empty_note_is_refused() -> None:
    log, _ = make()
    with pytest.raises(RefusedError, match="empty note"):
        log.write("  ")


# -- the store -------------------------------------------------------------------------


async def test_after_a_restart_the_last_events_before_it_are_shown() -> None:
    then = time.time() - 1000
    before = [event(f"of before {n}", process="main@hut", time=then) for n in range(30)]
    log, events = make(Kept(*before))
    events.emit(event("now", time=time.time()))
    async with running(log) as until:
        now = await until(lambda now: "of before" in now.text)
    lines = now.text.splitlines()
    assert len(lines) == 20
    assert lines[0].endswith("of before 11")
    assert lines[-1] == now.last
    assert now.last.endswith("now")
    assert now.infos == 1  # since the start


async def test_what_this_process_has_told_is_not_shown_again_from_the_store() -> None:
    kept = Kept()
    log, events = make(kept)
    events.add(kept.events.append)
    events.emit(event("mine", time=time.time()))
    async with running(log) as until:
        await until(lambda now: "mine" in now.last)
        there = event("of another", process="left@hut", time=time.time())
        kept.events.append(there)
        now = await until(lambda now: "of another" in now.last)
    assert now.text.count("mine") == 1
    assert now.infos == 2


async def test_what_other_processes_tell_is_shown_and_counted() -> None:
    kept = Kept()
    log, _ = make(kept)
    async with running(log) as until:
        while not log._has_begun:  # noqa: ASYNC110, it looks by itself
            await asyncio.sleep(0)
        there = event(severity=ERROR, process="left@hut", time=time.time())
        kept.events.append(replace(there, text="lost"))
        kept.events.append(replace(there, text="aside", fields={"aside": True}))
        now = await until(lambda now: now.error_count)
    assert now.last.endswith("ERROR CoBo0: lost")


async def test_what_comes_late_from_a_spool_is_shown_where_it_belongs() -> None:
    then = time.time() - 1000
    kept = Kept(event("first", time=then))
    log, events = make(kept)
    async with running(log) as until:
        events.emit(event("now", time=time.time()))
        await until(lambda now: "first" in now.text and "now" in now.text)
        kept.events.append(event("second", process="main@hut", time=then + 1))
        now = await until(lambda now: "second" in now.text)
    words = [line.split()[-1] for line in now.text.splitlines()]
    assert words == ["first", "second", "now"]
    assert now.infos == 1  # since the start


async def test_a_clock_that_was_set_back_hides_nothing() -> None:
    kept, clock = Kept(), SetClock()
    log, events = make(kept, clock=clock)
    events.add(kept.events.append)
    async with running(log) as until:
        for n in range(20):
            events.emit(event(f"before {n}", time=time.time()))
        await until(lambda now: now.text.count("before") == 20)
        clock.step = -3600.0
        events.emit(event("here", time=clock.time()))
        there = event("there", process="left@hut", time=clock.time())
        await until(lambda now: "here" in now.last)
        kept.events.append(there)
        now = await until(lambda now: "there" in now.text)
    assert now.last.endswith("there")
    assert now.text.count("here") == 2  # here and there, each once


async def test_a_store_that_is_away_is_looked_for_until_it_is_there() -> None:
    kept = Kept(event("of before", process="left@hut"))
    kept.is_away = True
    log, events = make(kept)
    async with running(log) as until:
        events.emit(event("now", time=MOMENT + 1))
        await until(lambda now: "now" in now.last)
        kept.is_away = False
        await until(lambda now: "of before" in now.text)


async def test_what_is_too_old_is_forgotten_piece_by_piece_and_said() -> None:
    old = [event(time=time.time() - 200_000) for _ in range(5)]
    kept = Kept(*old, event("young", time=time.time() - 50_000))
    log, _ = make(kept, keep=86_400.0)
    async with running(log) as until:
        now = await until(lambda now: "deleted" in now.text)
    assert "5 events older than 1 d deleted" in now.text
    assert [one.text for one in kept.events] == ["young"]


# -- lines -----------------------------------------------------------------------------


def test_a_device_is_named_once() -> None:
    assert short_line(event("CoBo0 answers: Idle")) == "15:18:04 CoBo0 answers: Idle"


def test_nothing_breaks_a_line() -> None:
    line = long_line(event("no power\nERROR", origin=Origin("ann\x1b", "hut")))
    assert line.isprintable()


def test_long_lines_are_cut_and_the_newest_fit() -> None:
    text = newest_lines(["é" * 3000] * 19 + ["the last"])
    assert text.endswith("\nthe last")
    assert max(map(len, text.splitlines())) == LONGEST
    assert len(text.encode()) <= MOST
