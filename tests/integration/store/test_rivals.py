"""Two processes of one name that write into one store, on two computers."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from daqpv.errors import StoreError
from daqpv.store.tables.rows import Source
from daqpv.store.writing.journal import Journal
from daqpv.store.writing.rivals import APART, StoreRivals
from tests.support.keeping import entries, never, running

WORDS = (
    "main@host is not alone: main@far writes into the same store, under the same name."
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Looks:
    """What is found at each look, long after the one before."""

    def __init__(self, store: Any, process: str = "main@host") -> None:
        self._clock = Clock()
        self._rivals = StoreRivals(store, "e1", process, clock=self._clock)

    async def __call__(self, *, after: float = APART) -> str:
        self._clock.now += after
        return await self._rivals.look()


class Writers:
    """Processes at work in a store; each write is later than the one before."""

    def __init__(self, url: str, experiment: str = "e1") -> None:
        self._journal = Journal(url, experiment, never)
        self._numbers = itertools.count(1)

    def write(self, process: str, writer: str = "") -> None:
        number = next(self._numbers)
        source = Source(writer or process, process)
        self._journal.write(source, entries(number, number))

    def close(self) -> None:
        self._journal.close()


async def test_a_rival_is_found_when_it_has_written_twice_and_gone_when_it_ends(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as kept:
        writers, look = Writers(store_url), Looks(kept.store)
        found = []
        for _ in range(3):
            writers.write("main@far")
            found.append(await look())
        assert found == ["", "", WORDS]
        assert await look(after=1.0) == WORDS  # too soon to know more
        assert await look() == ""
        writers.close()


async def test_who_is_no_rival_is_not_found(store_url: str, tmp_path: Path) -> None:
    async with running(store_url, tmp_path) as kept:
        writers, others = Writers(store_url), Writers(store_url, "e2")
        look = Looks(kept.store)
        for _ in range(4):
            writers.write("crate1@far")  # another name
            writers.write("main@host", "a" * 32)  # what an earlier start left
            others.write("main@far", "b" * 32)  # another experiment
            assert await look() == ""
        for one in (writers, others):
            one.close()


async def test_a_store_that_is_away_tells_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'e.db'}"
    async with running(url, tmp_path) as kept:
        writers = Writers(url)
        away = False

        class Store:
            async def ask(self, query: Any, *, timeout: float = 5.0) -> Any:
                if away:
                    raise StoreError("away")
                return await kept.store.ask(query, timeout=timeout)

        look = Looks(Store())
        for _ in range(3):
            writers.write("main@far")
            found = await look()
        assert found == WORDS
        away = True
        assert await look() == WORDS
        writers.close()
