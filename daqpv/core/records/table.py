"""Declares tables of the store: columns, key, versions. No database is needed.

A column gives its SQL type, and how a value of a record is encoded and decoded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from daqpv.core.events.event import Origin
from daqpv.core.records.plain import cut, microseconds, plain

NAME = 60  # characters of a name
WHO = 120  # of user@host, name@host, a PV
TEXT = 2_000_000  # of a text without limit; MariaDB takes 16 MB at once

_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LABEL = re.compile(r"[a-z][a-z0-9]{0,25}")
_OWN = ("experiment", "journal", "alembic_version", "id", "experiment_id")

REQUIRED = object()
"""The default of a column that every whole row has."""


class SqlType(Enum):
    """What a column is in a database."""

    INTEGER = auto()
    BIG = auto()
    SMALL = auto()
    REAL = auto()
    TEXT = auto()
    JSON = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column, and the attribute of the records that it holds.

    Attributes:
        name: of the column, lower case.
        type: in the database.
        length: of a text [characters]; 0: only that of the engine.
        nullable: whether the value may be None.
        attribute: of the record.
        encode: the plain value of the attribute's.
        decode: the attribute's value of the plain one; None: it is the same.
        default: the plain value in a row that was written before the table had the
            column: the spool may hold such rows. REQUIRED: such a row updates an
            existing one, and inserts none.
    """

    name: str
    type: SqlType
    length: int = 0
    nullable: bool = False
    attribute: str
    encode: Callable[[Any], Any] = plain
    decode: Callable[[Any], Any] | None = None
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Branch:
    """The versions of the tables of a distribution other than daqpv.

    Attributes:
        label: Alembic's label of the branch: a lower case word. Version 1 is
            ``LABEL_0001``.
        scripts: Alembic's scripts, ``0001_first.py`` ...; the first has
            ``branch_labels = (LABEL,)`` and ``depends_on = "0001"``. None: there is one
            version, which is made of the declaration of the tables.
    """

    label: str
    scripts: Path | None = None

    def __post_init__(self) -> None:
        if not _LABEL.fullmatch(self.label):
            raise ValueError(f"the branch {self.label!r} is not a lower case word")

    @property
    def newest(self) -> str:
        """The version that the declaration describes."""
        numbers = ("0001",) if self.scripts is None else numbers_in(self.scripts)
        return f"{self.label}_{max(numbers, default='0001')}"


def numbers_in(scripts: Path) -> list[str]:
    """The numbers of the scripts in a folder: of ``0001_first.py`` "0001"."""
    return [path.name[:4] for path in scripts.glob("[0-9][0-9][0-9][0-9]_*.py")]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A table of the store. Each row belongs to an experiment, too.

    Attributes:
        name: of the table.
        columns: besides ``experiment_id``, and ``id`` if there is no key.
        key: columns that say of which thing a row is: a later row of the same thing
            takes the place of the earlier one. None: each row is added.
        age: the column that grows with each newer state of a thing. A record that was
            refused and comes late does not replace a newer one.
        always: so of each record, not only of one that comes late.
        indexes: columns by the name of the index, after ``experiment_id``.
        branch: whose versions the table has; None: daqpv's own.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    age: str = ""
    always: bool = False
    indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    branch: Branch | None = None

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        for name in (self.name, *names):
            if not _WORD.fullmatch(name) or name in _OWN:
                raise ValueError(f"table {self.name}: {name!r} is not a name for it")
        if len(set(names)) < len(names):
            raise ValueError(f"table {self.name}: two columns have the same name")
        indexed = (name for columns in self.indexes.values() for name in columns)
        for name in filter(None, (*self.key, self.age, *indexed)):
            if name not in names:
                raise ValueError(f"table {self.name} has no column {name!r}")
        for column in self.columns:
            is_endless = column.type is SqlType.TEXT and not column.length
            if is_endless and column.name in self.key:  # MariaDB makes no key of it
                raise ValueError(f"table {self.name}: {column.name} has no length")


# -- columns ---------------------------------------------------------------------------


def text(name: str, length: int = 0, *, default: Any = REQUIRED) -> Column:
    """A text; what is longer than `length`, or than TEXT, is cut."""
    return Column(
        name=name,
        type=SqlType.TEXT,
        length=length,
        attribute=name,
        encode=_text_of(length or TEXT),
        default=default,
    )


def whole(
    name: str, kind: SqlType = SqlType.INTEGER, *, default: Any = REQUIRED
) -> Column:
    """A whole number: INTEGER, BIG or SMALL."""
    return Column(name=name, type=kind, attribute=name, encode=int, default=default)


def real(name: str) -> Column:
    """A number; None, NaN and infinity are null."""
    return Column(
        name=name, type=SqlType.REAL, nullable=True, attribute=name, encode=_finite
    )


def time(name: str, *, nullable: bool = False) -> Column:
    """A time or a duration: seconds in the record, microseconds in the table."""
    return Column(
        name=name,
        type=SqlType.BIG,
        nullable=nullable,
        attribute=name,
        encode=_microseconds,
        decode=_seconds,
    )


def value(name: str) -> Column:
    """A value of JSON: None, bool, int, float, str, list, dict."""
    return Column(name=name, type=SqlType.JSON, attribute=name)


def number_of(name: str, kind: type[Enum]) -> Column:
    """A member of an enumeration of numbers, kept by its number."""
    return Column(
        name=name, type=SqlType.SMALL, attribute=name, encode=int, decode=kind
    )


def name_of(name: str, kind: type[Enum], length: int = 20) -> Column:
    """A member of an enumeration of texts, kept by its text."""
    return Column(
        name=name,
        type=SqlType.TEXT,
        length=length,
        attribute=name,
        encode=str,
        decode=kind,
    )


def who() -> Column:
    """The attribute `origin` of a record: ``user@host``; empty if it is None."""
    return Column(
        name="who",
        type=SqlType.TEXT,
        length=WHO,
        attribute="origin",
        encode=lambda by: "" if by is None else cut(str(by), WHO),
        decode=Origin.parse,
    )


def _text_of(most: int) -> Callable[[Any], str]:
    def encode(value: object) -> str:
        text = str(value)
        if len(text) <= most and text.isascii() and "\0" not in text:
            return text  # nearly always
        return cut(text, most)

    return encode


def _microseconds(moment: float | None) -> int | None:
    return None if moment is None else microseconds(moment)


def _seconds(moment: int | None) -> float | None:
    return None if moment is None else moment / 1e6


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)
