"""Formats runs as a table: fitted to a terminal, or uncut for a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from daqpv.cli.run.facts import duration_text, fact_text
from daqpv.runs import RunRecord
from daqpv.runs.record.fields import FactType, in_order
from daqpv.runs.record.records import FACTS

_GAP = 1  # blanks between two columns
_LEAST_TITLE = 24  # characters that a title has before the other columns are shortened
_SHORT_TITLE = 8
_LONGEST_OPERATOR = 16


class _Column(NamedTuple):
    """A column of the table.

    Attributes:
        name: of the fact; "duration" is made from others.
        head: above the cells.
        cell: of a run.
        right: whether the cells are right-aligned.
    """

    name: str
    head: str
    cell: Callable[[RunRecord], str]
    right: bool


def _lasted(run: RunRecord) -> str:
    return duration_text(run.lasted(time.time()))


_FIRST = ("number", "kind", "title", "start", "live_time", "data", "entry", "operator")
_DURATION = _Column("duration", "Duration", _lasted, right=True)


def _columns() -> Iterator[_Column]:
    for fact in in_order(FACTS, lambda fact: fact.listed, _FIRST):
        cell = partial(fact_text, fact, timespec="minutes")
        is_number = fact.type not in (FactType.TEXT, FactType.MOMENT)
        yield _Column(fact.name, fact.listed, cell, right=is_number)
        if fact.name == "start":
            yield _DURATION


_COLUMNS = tuple(_columns())
_PLACES = {column.name: place for place, column in enumerate(_COLUMNS)}
_TITLE, _OPERATOR = _PLACES["title"], _PLACES["operator"]


def table(runs: Sequence[RunRecord], width: int | None) -> Iterator[str]:
    """A head, and a line for each of `runs`.

    Args:
        runs: in the order of the lines.
        width: of the terminal [characters]; None: nothing is cut.
    """
    columns = [(one.head, *map(one.cell, runs)) for one in _COLUMNS]
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


def _shorten(columns: list[tuple[str, ...]]) -> None:
    """Shorten cells where that is possible, not the heads."""
    shorter: dict[str, Callable[[str], str]] = {
        "kind": lambda text: text[:4],  # Test, Prod, Beam, Junk, Puls
        "start": lambda text: text[5:],  # without the year
        "entry": lambda text: _cut(text, 6),
        "operator": lambda text: _cut(text, 8),
    }
    for name, shortened in shorter.items():
        head, *cells = columns[_PLACES[name]]
        columns[_PLACES[name]] = (head, *map(shortened, cells))


def _widths(columns: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(_length, cells)) for cells in columns]


def _others(widths: Sequence[int]) -> int:
    """The width of all columns but the title."""
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
