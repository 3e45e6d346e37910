"""Defines the entries that wait for the store: numbered rows of a source."""

from __future__ import annotations

from typing import Any, NamedTuple


class Source(NamedTuple):
    """The writer of entries: one start of one process.

    Attributes:
        writer: a random number in hex.
        process: ``name@host``.
    """

    writer: str
    process: str


class Entry(NamedTuple):
    """A record as a row, with its number among those of its writer.

    Attributes:
        number: from 1.
        table: its name.
        row: plain values by column.
    """

    number: int
    table: str
    row: dict[str, Any]
