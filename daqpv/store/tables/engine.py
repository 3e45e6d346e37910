"""Makes the SQLAlchemy engines for SQLite, PostgreSQL and MariaDB.

Every exchange has a deadline, so that a lost store or a network that drops all packets
cannot block a thread for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from daqpv.errors import StoreError
from daqpv.store.tables.url import shown

ANSWER = 10  # [s] longest time that a server may take for one statement
LOCKED = 1  # [s] to wait for a lock
_CONNECT = 2  # [s]; libpq takes less for 2

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_EXTRAS = {"psycopg": "postgres", "pymysql": "mysql"}


def make_engine(
    url: str, *, writes: bool = False, makes: bool = True, answer: int = ANSWER
) -> Engine:
    """Make an engine. It does not connect yet.

    Args:
        url: ``sqlite:///FILE``, ``postgresql://...``, ``mysql://...``, ``mariadb://``.
        writes: its transactions write: SQLite then takes the lock at their beginning,
            where it waits for others, and not in the middle, where it would not.
        makes: a file of SQLite that is not there is made.
        answer: longest time that a server may take for one statement [s].

    Raises:
        StoreError: the URL is not valid, or its driver is not installed.
    """
    parsed = _parsed(url)
    kind = parsed.get_backend_name()
    if kind not in _DRIVERS:
        raise StoreError(f"{shown(url)}: wanted is one of {', '.join(_DRIVERS)}")
    if kind == "sqlite" and not makes:
        path = quote(str(Path(parsed.database or "").absolute()))
        options = {"mode": "rw", "uri": "true"}
        parsed = parsed.set(database=f"file:{path}", query=options)
    try:
        engine = create_engine(
            parsed.set(drivername=_DRIVERS[kind]),
            connect_args=_connect_args(kind, answer),
            pool_pre_ping=True,
            pool_size=4,
            **({} if kind == "sqlite" else {"isolation_level": "READ COMMITTED"}),
        )
    except ImportError as error:
        extra = _EXTRAS.get(str(error.name), "")
        raise StoreError(
            f"{shown(url)} wants a driver that is not installed: "
            f"pip install 'daqpv[{extra}]'"
        ) from error
    if kind == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite(writes=writes))
        event.listen(engine, "begin", _begin(writes=writes))
    return engine


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn errors of SQLAlchemy and the drivers into StoreError, without secrets."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"{shown(url)}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The driver's error message: its first line, without SQL."""
    cause = getattr(error, "orig", None) or error
    code, text = 0, str(cause)
    if len(cause.args) == 2 and isinstance(cause.args[0], int):  # pymysql's
        code, text = cause.args
    line = next(iter(str(text).strip().splitlines()), type(cause).__name__)
    return f"{line} ({code})" if code else line


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:  # the port is not a number
        raise StoreError("the URL of the store cannot be understood") from error


def _set_up_sqlite(*, writes: bool) -> Callable[[Any, object], None]:
    def set_up(connection: Any, record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy's "begin" begins, not the driver
        if writes:
            connection.execute("PRAGMA journal_mode = WAL")  # the file remembers it
            connection.execute("PRAGMA synchronous = FULL")  # survives a power cut
            connection.execute("PRAGMA foreign_keys = ON")

    return set_up


def _begin(*, writes: bool) -> Callable[[Any], None]:
    statement = "BEGIN IMMEDIATE" if writes else "BEGIN"

    def begin(connection: Any) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(statement)

    return begin


def _connect_args(kind: str, answer: int) -> dict[str, Any]:
    match kind:
        case "sqlite":
            return {"timeout": LOCKED, "check_same_thread": False}
        case "postgresql":
            return {
                "connect_timeout": _CONNECT,
                "options": f"-c statement_timeout={answer}s -c lock_timeout={LOCKED}s",
                "application_name": "daqpv",
                "client_encoding": "utf8",
                "tcp_user_timeout": 1000 * ANSWER // 2,  # [ms]
                "keepalives_idle": ANSWER // 2,
                "keepalives_interval": 1,
                "keepalives_count": 3,
            }
        case _:
            return {
                "connect_timeout": _CONNECT,
                "read_timeout": answer,
                "write_timeout": answer,
                "charset": "utf8mb4",
                "init_command": f"SET SESSION innodb_lock_wait_timeout = {LOCKED}, "
                "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",  # cuts nothing
            }
