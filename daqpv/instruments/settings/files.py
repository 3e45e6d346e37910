"""Settings of instruments that write text files."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from daqpv.config import TIME, Model


def _listed(given: object) -> object:
    return [given] if isinstance(given, str) else given


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Columns(Model):
    """How the lines of a text file become values."""

    separator: str = ","
    """Between columns: a text, or tab, comma, semicolon, colon, space (any white
    space)."""

    header: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Lines at the beginning of each file that have no values."""

    comment: str | None = None
    """Lines that begin so are ignored."""

    time: Texts | None = None
    """How the time is written in the first columns, one text for each of them, or one
    for all, joined by a blank: strptime (``%Y-%m-%d %H:%M:%S``), tokens
    (``YYYY/MM/DD HH:mm:ss``), ``unix`` [s] or ``unix ms``. None: the time of
    reading."""

    time_columns: tuple[Annotated[int, Field(ge=1)], ...] = (1,)
    """The columns of the time, from 1."""

    zone: str = "UTC"
    """Time zone of the time: ``UTC``, ``local``, ``Europe/Paris``, ``+02:00``."""

    names: tuple[str, ...] = ()
    """The channels of the other columns, in order; ``-`` leaves one out."""

    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    """The decimal point: ``.`` or ``,``."""

    quote: str | None = None
    """Quotes around columns, such as ``"\\""``."""

    slices: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """Columns of fixed width, by channel: first and last character, from 1, in place
    of a separator."""

    alias: Annotated[int, Field(ge=1)] | None = None
    """One value per line: the column with the channel's name."""

    value: Annotated[int, Field(ge=1)] | None = None
    """One value per line: the column with the value."""

    encoding: str = "utf-8"
    """Of the file."""


class Files(Model):
    """Text files that a logger appends to; keys of the instrument itself."""

    file: str | None = None
    """Files to follow: a path with ``*``, ``?``, ``**`` for nested folders. Relative to
    the experiment file."""

    columns: Columns | None = None
    """How their lines are read."""

    since: Annotated[float, TIME.within(0, 31557600 * 100)] | None = None
    """At the first start, read lines that are up to so old. Default: all of them count,
    the newest is shown."""
