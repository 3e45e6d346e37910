"""How the lines of a text file become values, one line at a time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from daqpv.errors import counted, quoted
from daqpv.instruments.driver import Fault, Raw
from daqpv.instruments.parsing.times import Times
from daqpv.instruments.settings import Channel, ChannelType, Columns

_NUMBERS = (ChannelType.NUMBER, ChannelType.INTEGER)
TIME = "time"


class Row(NamedTuple):
    """What one line says.

    Attributes:
        time: of the line, UTC [s since 1970]; None: the file has none.
        values: by channel; a column that cannot be read is a `Fault`.
        problem: what is wrong with the line, or ""; it may have values nevertheless.
    """

    time: float | None
    values: dict[str, Raw]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A column of a channel.

    Attributes:
        channel: its key.
        index: of the column, from 0.
        is_number: whether it has numbers; else texts, as they stand there.
        words: texts that may stand in place of a number.
    """

    channel: str
    index: int
    is_number: bool
    words: frozenset[str]


@dataclass(frozen=True)
class Layout:
    """The columns of the files of one instrument.

    Args:
        columns: the settings.
        channels: of the instrument.

    Attributes:
        count: columns of a line; 0: not fixed.
        times: the columns of the time, from 0.
        cells: those of channels.
        stamps: reads the time; None: lines have none.
        numbers: channels that have numbers.

    Raises:
        ValueError: the settings do not fit together.
    """

    columns: Columns
    channels: Mapping[str, Channel]
    count: int = field(init=False)
    times: tuple[int, ...] = field(init=False)
    cells: tuple[Cell, ...] = field(init=False)
    stamps: Times | None = field(init=False)
    numbers: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        columns, put = self.columns, object.__setattr__
        times = () if columns.time is None else columns.time_columns
        put(self, "times", tuple(column - 1 for column in times))
        names = self._names()
        free = self._free(len(names))
        cells = [
            self._cell(name, index)
            for name, index in zip(names, free, strict=True)
            if name != "-"
        ]
        put(self, "cells", tuple(cells))
        last = max((*free, *self.times), default=-1)
        is_fixed = columns.alias is None and not columns.slices
        put(self, "count", last + 1 if is_fixed else 0)
        stamps = None
        if columns.time is not None:
            number = 1 if columns.slices else len(times)
            try:
                stamps = Times(columns.time, columns.zone, number)
            except ValueError as error:
                raise ValueError(f"columns: time: {error}") from None
        put(self, "stamps", stamps)
        numbers = (key for key, one in self.channels.items() if one.type in _NUMBERS)
        put(self, "numbers", frozenset(numbers))

    def _names(self) -> Sequence[str]:
        columns = self.columns
        if columns.alias is not None:
            return ()
        if columns.slices:
            return [name for name in columns.slices if name != TIME]
        return columns.names or [k for k, one in self.channels.items() if one.is_read]

    def _free(self, number: int) -> list[int]:
        """The first columns without a time."""
        if self.columns.slices:
            return [i for i, name in enumerate(self.columns.slices) if name != TIME]
        most = number + len(self.times)
        return [i for i in range(most) if i not in self.times][:number]

    def _cell(self, name: str, index: int) -> Cell:
        channel = self.channels.get(name)
        if channel is None:
            raise ValueError(
                f"columns: there is no channel {name!r}; to leave its column out, "
                "name it '-'"
            )
        words = frozenset(channel.words)
        return Cell(name, index, channel.type in _NUMBERS, words)

    @property
    def is_plain(self) -> bool:
        """Whether many lines can be read at once: their columns are of fixed number."""
        return (
            self.count > 0
            and bool(self.cells)
            and len(self.columns.between) <= 1
            and not (self.columns.more or self.columns.fewer)
        )

    def splitter(self) -> Callable[[str], list[str]]:
        """A function that parts a line into the texts of its columns."""
        columns = self.columns
        if columns.slices:
            parts = [slice(first - 1, last) for first, last in columns.slices.values()]
            return lambda line: [line[part].strip() for part in parts]
        if columns.quote is not None:
            return _quoted(columns.between, columns.quote)
        if not columns.between:
            return str.split
        between = columns.between
        return lambda line: line.split(between)


def _quoted(separator: str, quote: str) -> Callable[[str], list[str]]:
    def split(line: str) -> list[str]:
        reader = csv.reader([line], delimiter=separator, quotechar=quote, strict=True)
        try:
            return next(reader)
        except csv.Error as error:
            raise ValueError(f"a quote is open: {error}") from None

    return split


class Lines:
    """Reads lines, one at a time.

    Args:
        layout: of the lines.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._columns = layout.columns
        self._split = layout.splitter()
        self._comma = layout.columns.decimal == ","
        named = layout.columns.aliases
        known = {
            key: layout._cell(key, 0)  # noqa: SLF001 - of this module
            for key in layout.channels
        }
        self._aliases = {
            alias: known[key] for alias, key in named.items() if key in known
        }
        self._aliases |= {key: c for key, c in known.items() if key not in named}

    def read(self, line: str, *, after: float | None = None) -> Row | None:
        """What a line says; None: nothing, it is empty or a comment.

        Args:
            line: without its end.
            after: the time of the line before, which tells the equal times apart when
                clocks go back in autumn.
        """
        comment = self._columns.comment
        if not line or line.isspace():
            return None
        if comment is not None and line.lstrip().startswith(comment):
            return None
        if "\0" in line:
            return Row(None, {}, "it has zero bytes, as after a crash of its computer")
        try:
            texts = self._texts(line)
            time = self._time(texts, after)
        except ValueError as error:
            return Row(None, {}, str(error))
        if self._columns.alias is not None:
            return self._single(time, texts)
        return self._row(time, texts)

    def _texts(self, line: str) -> list[str]:
        texts = self._split(line)
        want = self._layout.count
        have = len(texts)
        if have == want + 1 and want and not texts[-1].strip():
            texts.pop()  # the separator stands behind each column
        elif want and (have > want and not self._columns.more):
            raise ValueError(f"{counted(have, 'column')} in place of {want}")
        elif have < want:
            needed = max(self._layout.times, default=-1) + 1
            if not self._columns.fewer or have < needed:
                raise ValueError(f"{counted(have, 'column')} in place of {want}")
        return texts

    def _time(self, texts: Sequence[str], after: float | None) -> float | None:
        stamps = self._layout.stamps
        if stamps is None:
            return None
        if self._columns.slices:
            written = [texts[list(self._columns.slices).index(TIME)]]
        else:
            try:
                written = [texts[index] for index in self._layout.times]
            except IndexError:
                raise ValueError("the column of the time is missing") from None
        return stamps.read(written, after=after)

    def _row(self, time: float | None, texts: Sequence[str]) -> Row:
        values: dict[str, Raw] = {}
        wrong: list[str] = []
        numbers = 0  # that could be read
        for cell in self._layout.cells:
            if cell.index >= len(texts):
                break
            raw = self._value(cell, texts[cell.index])
            if isinstance(raw, Fault):
                wrong.append(f"{cell.channel}: {raw.words}")
            elif cell.is_number and raw is not None:
                numbers += 1
            if raw is not None:
                values[cell.channel] = raw
        if wrong and not numbers:
            return Row(time, {}, wrong[0])
        return Row(time, values, "; ".join(wrong[:3]))

    def _single(self, time: float | None, texts: Sequence[str]) -> Row:
        """The row of a line with one value."""
        columns = self._columns
        assert columns.alias is not None
        assert columns.value is not None
        if len(texts) < max(columns.alias, columns.value):
            return Row(None, {}, f"it has only {len(texts)} columns")
        cell = self._aliases.get(texts[columns.alias - 1].strip())
        if cell is None:
            return Row(time, {})
        raw = self._value(cell, texts[columns.value - 1])
        if isinstance(raw, Fault):
            return Row(time, {}, f"{cell.channel}: {raw.words}")
        return Row(time, {} if raw is None else {cell.channel: raw})

    def _value(self, cell: Cell, text: str) -> Raw | None:
        """The value of a column; None: it is empty."""
        if not cell.is_number:
            return text.strip()
        try:
            return _number(text.replace(",", ".") if self._comma else text)
        except ValueError:
            text = text.strip()
            if text in cell.words:
                return text
            if not text:
                return None
            return Fault(f"{quoted(text)} is no number")


def _number(text: str) -> float:
    """The number of a text, as loggers write it.

    Raises:
        ValueError: it is none, or one as in Python only: ``1_000``.
    """
    if "_" in text:
        raise ValueError(text)
    return float(text)
