"""A store that a test keeps records in, its journal, its outages, what it refuses."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from daqpv.cli import main
from daqpv.core import Event, Events, EventSeverity
from daqpv.runs import Entry, RunRecord
from daqpv.store.tables.own import OWN
from daqpv.store.tables.rows import Source
from daqpv.store.writing.sql_store import SqlStore
from tests.support.waiting import DEADLINE


def event(number: int, *, at: float | None = None, **more: Any) -> Event:
    fields: dict[str, Any] = {
        "time": time.time() if at is None else at,
        "severity": EventSeverity.INFORMATION,
        "name": "number",
        "text": f"event {number}",
    }
    return Event(**fields | more)


class Kept:
    """A store with its spool, and what it said; used like a daqpv process would."""

    def __init__(self, url: str, folder: Path, **options: Any) -> None:
        self.url = url
        self.said: list[Event] = []
        self.events = Events(process="main@host")
        self.events.add(self.said.append)
        self.spool = folder / "spool" / "main"
        settings: dict[str, Any] = {"experiment": "e1", "spool_limit": 1e9}
        self.store = SqlStore(
            url,
            process="main@host",
            spool=self.spool,
            events=self.events,
            **settings | options,
        )

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110 - threads move it
                await asyncio.sleep(0.01)

    async def written(self) -> None:
        """Wait until nothing waits any more."""
        await self.until(lambda: not self.store.figures().backlog)

    async def waiting(self, count: int) -> None:
        """Wait until so many records are safe in the spool."""
        await self.until(lambda: self.safe >= count)

    @property
    def safe(self) -> int:
        return self.store._writer._spool.count

    def names(self) -> list[str]:
        return [event.name for event in self.said if event.device == "Arch"]

    async def asked(self, sql: str) -> list[tuple[Any, ...]]:
        def query(connection: Any) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(text(sql))]

        return await self.store.ask(query, timeout=DEADLINE)

    async def texts(self) -> list[str]:
        return [t for (t,) in await self.asked("SELECT text FROM event ORDER BY id")]


@asynccontextmanager
async def running(url: str, folder: Path, **options: Any) -> AsyncIterator[Kept]:
    kept = Kept(url, folder, **options)
    kept.store.open()
    kept.store.begin()
    task = asyncio.create_task(kept.events.run())
    try:
        yield kept
    finally:
        task.cancel()
        await asyncio.to_thread(kept.store.close)
        kept.events.close()


def numbers(*counts: int) -> list[str]:
    return [f"event {n}" for n in range(*counts)]


SOURCE = Source("w" * 32, "main@host")


def never(source: Source, entry: Any, reason: str) -> None:
    pytest.fail(f"{entry} is refused: {reason}")


def entries(first: int, last: int) -> list[Any]:
    return [OWN.entry(n, event(n), "main@host") for n in range(first, last + 1)]


def lost(kept: Kept) -> bool:
    return kept.store.figures().online is False


def found(kept: Kept) -> bool:
    return kept.store.figures().online is True


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another program holds the database."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def retry(folder: Path, url: str, *paths: Path) -> Result:
    file = folder / "e.yaml"
    spool = folder / "spools"
    file.write_text(
        f"experiment: e1\nprefix: 'A:'\nstore: {{url: '{url}', spool: {spool}}}\n"
    )
    return CliRunner().invoke(main, ["db", "retry", str(file), *map(str, paths)])


def record(seen: float, title: str) -> RunRecord:
    return RunRecord(number=7, entry=Entry.OPEN, start=1.0, seen=seen, title=title)


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9000"
down_revision = "NEWEST"


def upgrade() -> None:
    with op.batch_alter_table("journal") as journal:
        journal.add_column(sa.Column("note", sa.String(10), nullable=True))
"""
