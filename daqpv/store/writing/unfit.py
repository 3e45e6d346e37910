"""Recognizes errors that come from the values, and not from the state of the store."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import Connection
from sqlalchemy.exc import (
    CompileError,
    DataError,
    DBAPIError,
    IntegrityError,
    StatementError,
)

from daqpv.store.tables.rows import Entry

UNFIT = (
    StatementError,
    CompileError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)
"""What may be raised because of the values; `is_unfit` says whether it was."""

_MARIADB = {
    1048,  # a value is missing
    1264,  # range
    1366,  # text
    1406,  # length
    1644,  # a trigger of the site refuses it
    3140,  # JSON
    4025,  # constraint
}
_POSTGRESQL = {
    "23502",  # a value is missing
    "23514",  # constraint
    "54000",  # a key too long for its index
    "P0001",  # a trigger of the site refuses it
}
_SQLITE = {
    "SQLITE_CONSTRAINT_CHECK",
    "SQLITE_CONSTRAINT_NOTNULL",
    "SQLITE_CONSTRAINT_TRIGGER",
    "SQLITE_MISMATCH",
    "SQLITE_TOOBIG",
}
_FRAME = 1000  # [bytes] of a statement besides its values


def is_unfit(error: BaseException) -> bool:
    """Whether the engine refuses the values; False: its state is the cause."""
    if not isinstance(error, DBAPIError):
        return not isinstance(error, IntegrityError)  # they could not even be sent
    if isinstance(error, DataError):
        return True
    cause = error.orig
    code = cause.args[0] if cause and cause.args else None
    return (
        (type(cause).__module__.startswith("pymysql") and code in _MARIADB)
        or getattr(cause, "sqlstate", None) in _POSTGRESQL
        or getattr(cause, "sqlite_errorname", None) in _SQLITE
    )


def most_bytes(connection: Connection) -> int:
    """Largest statement that the engine takes [bytes]; 0: no limit.

    MariaDB closes the connection on a larger one, as if the server had ended.
    """
    if connection.dialect.name not in ("mysql", "mariadb"):
        return 0
    return int(connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar() or 0)


def refuse_larger(entries: Iterable[Entry], most: int) -> None:
    """Refuse entries larger than `most` [bytes] as a statement; 0: no limit.

    Raises:
        ValueError: they are larger.
    """
    if not most:
        return
    size = sum(map(_size, entries))
    if size > most:
        raise ValueError(
            f"{size} bytes: the server takes {most} at once (max_allowed_packet)"
        )


def _size(entry: Entry) -> int:
    text = json.dumps(entry.row, ensure_ascii=False)
    return _FRAME + len(text.encode()) + text.count("'")
