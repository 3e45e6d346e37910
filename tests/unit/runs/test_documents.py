"""The texts that are kept with a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from daqpv.core import Event, Events
from daqpv.errors import DaqError, NotConnectedError
from daqpv.runs import Entry, RunDocument, RunEvent, RunRecord
from daqpv.runs.record.documents import Documents


class Files:
    """Of one server; the first readings may fail."""

    def __init__(self, name: str, *failures: DaqError) -> None:
        self.name = name
        self.failures = list(failures)

    async def texts(self) -> Mapping[str, str]:
        await asyncio.sleep(0.1)
        if self.failures:
            raise self.failures.pop(0)
        return {"configure-exp.xcfg": f"<{self.name}/>"}


OFFLINE = NotConnectedError("mac0: connection refused")


@asynccontextmanager
async def documents(
    *sources: Files,
) -> AsyncIterator[tuple[Documents, list[Any], list[Event]]]:
    kept: list[Any] = []
    told: list[Event] = []
    events = Events()
    events.add(told.append)
    device = Documents(sources, keep=kept.append, events=events, prefix="AT:Run:")
    task = asyncio.ensure_future(device.run())
    yield device, kept, told
    task.cancel()
    await asyncio.wait({task})


def begin(number: int, entry: Entry = Entry.OPEN) -> RunRecord:
    return RunRecord(number=number, entry=entry, start=1.0, seen=1.0)


async def test_the_texts_of_all_servers_are_kept_when_a_run_begins() -> None:
    async with documents(Files("CoBo0"), Files("CoBo1")) as (device, kept, told):
        device.observe(begin(12), RunEvent.STARTED)
        await asyncio.sleep(1)
        device.observe(begin(12, Entry.ENDED), RunEvent.STOPPED)
        await asyncio.sleep(60)
        assert kept == [
            RunDocument(
                number=12,
                server=f"CoBo{n}",
                name="configure-exp.xcfg",
                text=f"<CoBo{n}/>",
            )
            for n in range(2)
        ]
        assert (device.snapshot.documents, device.snapshot.missing) == (2, "")
        assert not told


async def test_a_computer_that_was_away_is_asked_again() -> None:
    async with documents(Files("CoBo0", OFFLINE, OFFLINE)) as (device, kept, told):
        device.observe(begin(12), RunEvent.STARTED)
        await asyncio.sleep(60)
        assert len(kept) == 1
        assert not told


async def test_what_is_missing_is_said_and_the_others_are_kept() -> None:
    away = Files("CoBo0", *[OFFLINE] * 3)
    async with documents(away, Files("CoBo1")) as (device, kept, told):
        device.observe(begin(12), RunEvent.STARTED)
        await asyncio.sleep(60)
        assert [one.server for one in kept] == ["CoBo1"]
        assert device.snapshot.missing == "CoBo0: mac0: connection refused."
        assert [event.text for event in told] == [
            "Run 12: configuration files are not kept. CoBo0: mac0: connection refused."
        ]


async def test_the_next_run_does_not_wait_for_the_last_one_for_long() -> None:
    away = Files("CoBo0", *[OFFLINE] * 2)
    async with documents(away) as (device, kept, _):
        device.observe(begin(12), RunEvent.STARTED)
        await asyncio.sleep(1)
        device.observe(begin(13), RunEvent.STARTED)
        await asyncio.sleep(60)
        assert [one.number for one in kept] == [13]
