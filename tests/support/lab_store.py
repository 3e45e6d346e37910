"""The SQLite file of an experiment: what is in it, and how it is locked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.support.experiment import Lab

LOCKED = "BEGIN EXCLUSIVE"


def entries(lab: Lab) -> list[tuple[Any, ...]]:
    """Number, state and title of all runs, and whether they have no end."""
    with closing(sqlite3.connect(lab.folder / "exp.db")) as store:
        query = "SELECT number, entry, title, stop IS NULL FROM run ORDER BY number"
        try:
            return store.execute(query).fetchall()
        except sqlite3.OperationalError:  # not made yet
            return []


def events(lab: Lab) -> list[tuple[str, str]]:
    """Name and text of all events."""
    with closing(sqlite3.connect(f"file:{lab.folder}/exp.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT name, text FROM event ORDER BY id").fetchall()


@contextmanager
def locked(lab: Lab) -> Iterator[None]:
    """Another program locks the database."""
    with closing(sqlite3.connect(lab.folder / "exp.db", isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 10000")
        other.execute(LOCKED)
        yield
        other.execute("ROLLBACK")
