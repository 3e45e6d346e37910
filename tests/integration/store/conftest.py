"""Stores to test with: SQLite files, and real servers of PostgreSQL and MariaDB.

A server is started when a test first wants it, once per test process, on a free port,
in a directory of its own, without waiting for the disk. Each test gets a database.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.store import ENGINES, SERVERS, StoreServer


@pytest.fixture(scope="session")
def store_servers() -> Iterator[Callable[[str], StoreServer]]:
    """Start a server, or give the one that was started; skip if there is none."""
    started: dict[str, StoreServer] = {}

    def server(name: str) -> StoreServer:
        if name not in started:
            if SERVERS[name].find() is None:
                message = f"{name} is not installed: `make test` as root installs it"
                if os.environ.get("CI") == "true":
                    pytest.fail(message)
                pytest.skip(message)
            started[name] = SERVERS[name]()
        started[name].start()
        return started[name]

    yield server
    for one in started.values():
        one.remove()


@pytest.fixture(params=ENGINES)
def store_url(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    store_servers: Callable[[str], StoreServer],
) -> str:
    """The URL of an empty store, in each of the engines."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return store_servers(request.param).database()


@pytest.fixture(params=["postgresql", "mariadb"])
def store_server(
    request: pytest.FixtureRequest, store_servers: Callable[[str], StoreServer]
) -> Iterator[StoreServer]:
    """A server that may be stopped and killed; it runs again after the test."""
    server = store_servers(request.param)
    yield server
    server.send(signal.SIGCONT)
    server.start()


LATIN1 = "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"


@pytest.fixture
def latin1(store_servers: Callable[[str], StoreServer]) -> str:
    """A database of PostgreSQL that does not take every text."""
    return store_servers("postgresql").database(LATIN1)
