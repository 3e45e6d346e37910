"""Runs as a table: for a terminal as wide as it is, for a pipe uncut."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from daqpv.core.lines import one_line
from daqpv.core.timing.utc import time_text
from daqpv.runs import RunRecord

_GAP = 1  # blanks between two columns
_LEAST_TITLE = 24  # characters that a title has before the other columns are shortened
_SHORT_TITLE = 8
_LONGEST_OPERATOR = 16


class _Column(NamedTuple):
    """A column; whether it stands at the right."""

    head: str
    right: bool = False


_COLUMNS = (
    _Column("Run", right=True),
    _Column("Class"),
    _Column("Title"),
    _Column("Start (UTC)"),
    _Column("Duration", right=True),
    _Column("Live", right=True),
    _Column("Data", right=True),
    _Column("Entry"),
    _Column("Operator"),
)
_CLASS, _TITLE, _START, _ENTRY, _OPERATOR = 1, 2, 3, 7, 8
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def table(runs: Sequence[RunRecord], width: int | None) -> Iterator[str]:
    """A head, and a line for each of `runs`.

    Args:
        runs: in the order in which they are shown.
        width: of the terminal [characters]; None: nothing is cut.
    """
    heads = [column.head for column in _COLUMNS]
    columns = list(zip(heads, *map(_cells, runs), strict=True))
    widths = _widths(columns)
    if width is not None:
        columns[_OPERATOR] = _all_cut(columns[_OPERATOR], _LONGEST_OPERATOR)
        widths = _widths(columns)
        room = width - _others(widths)
        if room < min(widths[_TITLE], _LEAST_TITLE):
            _shorten(columns)
            widths = _widths(columns)
            room = max(width - _others(widths), _SHORT_TITLE)
        widths[_TITLE] = min(widths[_TITLE], room)
    shown = (
        _padded(cells, width, right=column.right)
        for cells, width, column in zip(columns, widths, _COLUMNS, strict=True)
    )
    for row in zip(*shown, strict=True):
        yield (" " * _GAP).join(row).rstrip()


def duration_text(seconds: float) -> str:
    """Hours, minutes, seconds: "100:00:00"."""
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def amount_text(size: float) -> str:
    """An amount of data with three digits: "12.3 GB"; `size` in bytes."""
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    digits = 0 if not unit or size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{size:.{digits}f} {_UNITS[unit]}"


def _cells(run: RunRecord) -> list[str]:
    return [
        str(run.number),
        one_line(run.kind),
        one_line(run.title),
        time_text(run.start, "minutes"),
        duration_text(run.lasted(time.time())),
        duration_text(run.live_time),
        amount_text(run.data),
        str(run.entry),
        one_line(run.operator),
    ]


def _shorten(columns: list[tuple[str, ...]]) -> None:
    """Shorten what can be, but for the heads."""
    shorter: dict[int, Callable[[str], str]] = {
        _CLASS: lambda text: text[:4],  # Test, Prod, Beam, Junk, Puls
        _START: lambda text: text[5:],  # without the year
        _ENTRY: lambda text: _cut(text, 6),
        _OPERATOR: lambda text: _cut(text, 8),
    }
    for number, shortened in shorter.items():
        head, *cells = columns[number]
        columns[number] = (head, *map(shortened, cells))


def _widths(columns: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(_length, cells)) for cells in columns]


def _others(widths: Sequence[int]) -> int:
    """What all but the title take."""
    return sum(widths) - widths[_TITLE] + _GAP * (len(widths) - 1)


def _padded(cells: Sequence[str], width: int, *, right: bool) -> Iterator[str]:
    """`cells` of a column, each as wide as that."""
    pad = str.rjust if right else str.ljust
    for cell in cells:
        if len(cell) <= width and cell.isascii():  # nearly always
            yield pad(cell, width)
        else:
            short = _cut(cell, width)
            yield pad(short, width - _length(short) + len(short))


def _length(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _all_cut(cells: Sequence[str], width: int) -> tuple[str, ...]:
    return tuple(_cut(cell, width) for cell in cells)


def _cut(text: str, width: int) -> str:
    if _length(text) <= width:
        return text
    return set_cell_size(text, width - 1) + "…"
