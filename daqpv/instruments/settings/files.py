"""Settings of instruments that write text files."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    model_validator,
)

from daqpv.config import TIME, LocalPath, Model, wanted
from daqpv.config.fields import Context

SEPARATORS = {
    "tab": "\t",
    "comma": ",",
    "semicolon": ";",
    "colon": ":",
    "space": "",
    "": "",
    " ": "",
}
"""The words for separators; "" is any white space."""


def _listed(given: object) -> object:
    return [given] if isinstance(given, str) else given


Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
]


def _pattern(text: str, info: ValidationInfo[Any]) -> str:
    """A relative one starts at the experiment file's folder."""
    if not text or text.endswith("/"):
        raise wanted("the path of a file, with * and ? for any text: /data/*.csv")
    path = Path(text).expanduser()
    context = info.context
    return str(context.folder / path if isinstance(context, Context) else path)


def _encoding(name: str) -> str:
    """Lines end with the byte 10 in it, so that a file can be read from any line on."""
    try:
        codecs.lookup(name)
        ends_lines = "1\n".encode(name).removeprefix(codecs.BOM_UTF8) == b"1\n"
    except (LookupError, UnicodeError):
        ends_lines = False
    if not ends_lines:
        raise wanted("an encoding such as utf-8 or cp1252 (utf-16 cannot be read)")
    return name


class Columns(Model):
    """How the lines of a text file become values."""

    separator: str = ","
    """Between columns: a text, or tab, comma, semicolon, colon, space (any white
    space)."""

    header: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Lines at the beginning of each file that have no values. A line that repeats one
    of them further below is skipped, too."""

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
    """The channels of the other columns, in order; ``-`` leaves one out. Default: the
    channels of the instrument, in their order."""

    more: bool = False
    """Lines may have further columns at their end, which are ignored. Otherwise they
    are bad."""

    fewer: bool = False
    """Lines may end early; the channels of missing columns get no value. Otherwise they
    are bad."""

    decimal: Annotated[str, Field(min_length=1, max_length=1)] = "."
    """The decimal point: ``.`` or ``,``."""

    quote: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Quotes around columns, such as ``"\\""``."""

    slices: dict[str, tuple[Annotated[int, Field(ge=1)], int]] = Field(
        default_factory=dict
    )
    """Columns of fixed width, by channel: first and last character, from 1, in place
    of a separator. The time has the name ``time``."""

    alias: Annotated[int, Field(ge=1)] | None = None
    """One value per line: the column with the channel's name. Lines of equal time that
    follow each other belong together; those of channels that the instrument does not
    have are ignored."""

    value: Annotated[int, Field(ge=1)] | None = None
    """One value per line: the column with the value."""

    aliases: dict[str, str] = Field(default_factory=dict)
    """One value per line: the channels of names that the file has for them, if they
    differ: ``{"Temp 1": T1}``."""

    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """Of the file."""

    @property
    def between(self) -> str:
        """The separator itself; "" is any white space."""
        return SEPARATORS.get(self.separator, self.separator)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.decimal not in ".,":
            raise wanted("decimal . or ,")
        if self.decimal == self.between and not self.slices:
            raise wanted("a separator that is not the decimal point")
        if self.quote is not None and len(self.between) != 1:
            raise wanted("a separator of one character if columns have quotes")
        if (self.alias is None) != (self.value is None):
            raise wanted("alias and value together")
        if self.alias is not None and (self.slices or self.names):
            raise wanted("either alias and value, or names, or slices")
        if self.slices and self.names:
            raise wanted("either names or slices")
        if self.slices and self.time is not None and "time" not in self.slices:
            raise wanted("the slice of the time: time: [1, 19]")
        if any(first > last for first, last in self.slices.values()):
            raise wanted("slices as [first, last]")
        if len(set(self.time_columns)) < len(self.time_columns):
            raise wanted("different columns in time_columns")
        named = [name for name in self.names if name != "-"]
        if len(set(named)) < len(named):
            raise wanted("each name once")
        return self


class Files(Model):
    """Text files that a logger appends to; keys of the instrument itself."""

    file: Annotated[str, AfterValidator(_pattern)] | None = None
    """Files to follow: a path with ``*``, ``?``, ``**`` for nested folders. Relative to
    the experiment file."""

    columns: Columns | None = None
    """How their lines are read."""

    since: Annotated[float, TIME.within(0, 31557600 * 100)] | None = None
    """At the first start, read lines that are up to so old. Default: all of them count,
    the newest is shown."""

    positions: Annotated[LocalPath, Field(validate_default=True)] = Path()
    """Folder in which daqpv keeps up to where it has read the files. Default: that of
    the experiment file."""
