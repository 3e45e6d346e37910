"""What is logged becomes events: everybody's warnings, with facts and tracebacks."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator
from types import ModuleType

import pytest
import structlog

from daqpv.core import Event, Events, EventSeverity
from daqpv.links.program_log import ProgramLog


@pytest.fixture
def heard() -> Iterator[list[Event]]:
    events = Events(process="main@hut")
    heard: list[Event] = []
    events.add(heard.append)
    with ProgramLog(events):
        yield heard


@pytest.mark.parametrize("name", ["caproto.ctx", "their.library", "alembic", "x"])
def test_everybodys_warnings_and_errors_are_events(
    heard: list[Event], name: str
) -> None:
    logging.getLogger(name).info("never mind")
    logging.getLogger(name).warning("%s is late", "CoBo0")
    logging.getLogger(name).critical("the end")
    assert [(event.severity, event.text) for event in heard] == [
        (EventSeverity.WARNING, "CoBo0 is late"),
        (EventSeverity.ERROR, "the end"),
    ]
    assert {event.fields["logger"] for event in heard} == {name}


def test_what_our_own_code_says_is_an_event_and_how_it_debugs_is_none(
    heard: list[Event],
) -> None:
    for name in ("daqpv.serve", "daqpv.iocs.pump"):
        logging.getLogger(name).debug("x")
        logging.getLogger(name).info("it listens")
    assert [event.severity for event in heard] == [EventSeverity.INFORMATION] * 2


def test_an_event_says_where_in_the_program_it_comes_from(heard: list[Event]) -> None:
    logging.getLogger("daqpv.some").warning("oh")
    assert heard[0].function == (
        "daqpv.some.test_an_event_says_where_in_the_program_it_comes_from"
    )
    assert (heard[0].name, heard[0].device, heard[0].process) == ("log", "", "main@hut")


def test_an_error_has_its_traceback(heard: list[Event]) -> None:
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("daqpv.some").exception("it failed")
    assert heard[0].text == "it failed: ValueError: a bug"
    trace = str(heard[0].fields["exception"]).splitlines()
    assert trace[0] == "Traceback (most recent call last):"
    assert "test_program_log.py" in trace[1]


def test_extra_facts_of_a_record_are_facts_of_the_event(heard: list[Event]) -> None:
    logging.getLogger("daqpv").warning("slow", extra={"took": 1.5})
    assert heard[0].fields == {"logger": "daqpv", "took": 1.5}


def test_what_structlog_says_comes_with_what_is_bound(heard: list[Event]) -> None:
    log = structlog.get_logger("daqpv.some").bind(device="CoBo0")
    log.warning("late by %d s", 3, port=46005)
    try:
        raise ValueError("a bug")
    except ValueError:
        log.exception("it failed")
    late, failed = heard
    assert late.text == "late by 3 s"
    facts = {"logger": "daqpv.some", "device": "CoBo0", "port": 46005}
    assert late.fields == facts
    assert failed.severity is EventSeverity.ERROR
    assert str(failed.fields["exception"]).endswith("ValueError: a bug")


def test_a_line_that_comes_again_and_again_is_folded() -> None:
    events = Events()
    heard: list[Event] = []
    events.add(heard.append)
    with ProgramLog(events):
        for n in range(1000):
            logging.getLogger("x").warning("%d", n)
        logging.getLogger("x").warning("another")
    events.close()
    assert [event.count for event in heard] == [1] * 6 + [995]


async def test_what_a_thread_logs_arrives_on_the_loop() -> None:
    events = Events()
    threads: list[threading.Thread] = []
    heard = asyncio.Event()

    def sink(event: Event) -> None:
        threads.append(threading.current_thread())
        heard.set()

    events.add(sink)
    with ProgramLog(events):
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(events.run())
            await asyncio.to_thread(logging.getLogger("x").warning, "oh")
            await heard.wait()
            running.cancel()
    assert threads == [threading.current_thread()]


def test_a_sink_that_logs_whenever_it_is_told_something_is_no_loop(
    heard: list[Event],
) -> None:
    events = Events()
    events.add(lambda _: logging.getLogger("daqpv.sink").warning("told"))
    with ProgramLog(events):
        logging.getLogger("x").warning("oh")
    assert len(heard) < 20


def test_after_its_end_nothing_is_an_event_any_more(heard: list[Event]) -> None:
    events = Events()
    late: list[Event] = []
    events.add(late.append)
    with ProgramLog(events):
        pass
    logging.getLogger("x").warning("oh")
    assert not late


def test_it_can_end_while_a_thread_imports_structlog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if the thread that imports it has not got any further."""
    monkeypatch.delitem(sys.modules, "structlog")
    with ProgramLog(Events()):
        monkeypatch.setitem(sys.modules, "structlog", ModuleType("structlog"))
