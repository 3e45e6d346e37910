"""The events for the log, from a real store of each engine: last, news, and the end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from daqpv.core import Event, EventSeverity
from daqpv.errors import StoreError
from daqpv.store.reading.history import StoredEvents
from tests.support.keeping import Kept, event, running


async def kept(store: Kept, *events: Event) -> None:
    for one in events:
        store.store.add(one)
    await store.written()


def aside(number: int) -> Event:
    return event(number, fields={"aside": True})


async def test_the_last_for_people_are_found_behind_many_that_are_aside(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as store:
        await kept(store, *(event(n) for n in range(30)), *map(aside, range(30, 500)))
        last = await StoredEvents(store.store, "e1").last(20)
    assert [one.text for one in last] == [f"event {n}" for n in range(10, 30)]


async def test_what_is_ahead_of_our_clock_hides_nothing(
    store_url: str, tmp_path: Path
) -> None:
    """The clock was set back: what happens now comes last."""
    now = time.time()
    async with running(store_url, tmp_path) as store:
        await kept(store, *(event(n, at=now + 3600 + n) for n in range(30)))
        await kept(store, *(event(n, at=now - 5 + n / 100) for n in range(100, 105)))
        last = await StoredEvents(store.store, "e1").last(20)
    numbers = [*range(15, 30), *range(100, 105)]
    assert [one.text for one in last] == [f"event {n}" for n in numbers]


async def test_news_are_what_has_come_since_each_once(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as store:
        history = StoredEvents(store.store, "e1")
        await kept(store, event(0))
        assert [one.text for one in await history.last(20)] == ["event 0"]
        assert await history.news() == []
        await kept(store, event(1), event(2, process="left@hut"))
        news = await history.news()
        assert [one.text for one in news] == ["event 1", "event 2"]
        assert news[1].process == "left@hut"
        assert await history.news() == []


async def test_what_is_too_old_is_deleted_in_pieces_and_nothing_else(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daqpv.store.writing import retention  # noqa: PLC0415

    now = time.time()
    async with running(store_url, tmp_path) as store:
        old = (event(n, at=now - 200_000 + n) for n in range(2500))
        await kept(store, *old, event(9999, at=now - 50_000), event(10_000))
        history = StoredEvents(store.store, "e1")
        pieces = [await history.forget(now - 100_000) for _ in range(4)]
        left = await store.texts()
    assert pieces == [retention.PIECE, retention.PIECE, 500, 0]
    assert left == ["event 9999", "event 10000"]


async def test_the_events_of_other_experiments_are_left_alone(
    store_url: str, tmp_path: Path
) -> None:
    async with (
        running(store_url, tmp_path / "a") as ours,
        running(store_url, tmp_path / "b", experiment="e2") as theirs,
    ):
        await kept(ours, event(1, at=1e9))
        await kept(theirs, event(2, at=1e9))
        assert await StoredEvents(ours.store, "e1").forget(time.time()) == 1
        assert await ours.texts() == ["event 2"]
        assert [one.text for one in await StoredEvents(theirs.store, "e2").last(5)] == [
            "event 2"
        ]


async def test_a_store_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    store: Any = Kept(f"sqlite:///{tmp_path}/none.db", tmp_path)
    history = StoredEvents(store.store, "e1")
    with pytest.raises(StoreError):
        await history.last(20)
    assert await history.news() == []


async def test_the_severity_and_who_did_it_come_back(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as store:
        await kept(store, event(1, severity=EventSeverity.ERROR, count=7))
        (last,) = await StoredEvents(store.store, "e1").last(1)
    assert (last.severity, last.count) == (EventSeverity.ERROR, 7)
