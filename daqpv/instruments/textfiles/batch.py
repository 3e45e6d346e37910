"""What was read of a file at once: rows one by one, or many in arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from daqpv.instruments.driver import Block, Fault, Frame, Raw
from daqpv.instruments.textfiles.bad_lines import BadLine
from daqpv.instruments.textfiles.bulk import Numbers
from daqpv.instruments.textfiles.layout import Layout, Row


class Placed(NamedTuple):
    """A row, and the offset of its line."""

    offset: int
    row: Row


@dataclass(slots=True)
class Batch:
    """What was read of one file.

    Attributes:
        numbers: lines that were read many at once.
        rows: those that were read one by one; their `problem` is in `bad`, too.
        bad: lines that could not be read, or not all of them.
        good: lines that could.
        lines: all lines, with those that say nothing.
        last: time of the last of them; None: there was none.
        newest: time of the newest of them.
    """

    numbers: list[Numbers] = field(default_factory=list)
    rows: list[Placed] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    good: int = 0
    lines: int = 0
    last: float | None = None
    newest: float | None = None

    def saw(self, last: float, newest: float) -> None:
        """Note the times of lines."""
        self.last = last
        self.newest = newest if self.newest is None else max(self.newest, newest)


def frames(rows: Sequence[Placed], source: str) -> Iterator[Frame]:
    """The frames of rows; their lines are not counted in them."""
    for offset, row in rows:
        yield Frame(
            values=row.values, time=row.time, good=0, source=source, offset=offset
        )


def merged(rows: Sequence[Placed]) -> list[Placed]:
    """`rows` of one value each: those of equal time that follow each other are one."""
    out: list[Placed] = []
    for offset, row in rows:
        if not row.values:
            continue
        last = out[-1].row if out else None
        is_new = last is None or last.time != row.time or last.time is None
        if last is None or is_new or row.values.keys() & last.values.keys():
            out.append(Placed(offset, Row(row.time, dict(row.values))))
        else:
            last.values.update(row.values)
    return out


def history(
    batch: Batch, layout: Layout, source: str
) -> tuple[Block | None, list[Placed]]:
    """The lines with a time as a block, and the rows that do not fit into one."""
    timed = [placed for placed in batch.rows if placed.row.time is not None]
    regular = [placed for placed in timed if _is_regular(placed.row, layout)]
    others = [placed for placed in timed if not _is_regular(placed.row, layout)]
    parts = [
        _Part(many.times, many.columns, many.offsets)
        for many in batch.numbers
        if many.times is not None
    ]
    if regular:
        parts.append(_arrays_of(regular, layout))
    if not parts:
        return None, others
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    block = Block(
        times=np.concatenate([part.times for part in parts]),
        columns={name: _joined(parts, name) for name in names},
        good=0,
        source=source,
        offsets=np.concatenate([part.offsets for part in parts]),
    )
    if len(parts) > 1:
        block = in_order(block)
    return block, others


class _Part(NamedTuple):
    times: NDArray[Any]
    columns: Mapping[str, NDArray[Any]]
    offsets: NDArray[Any]


def _arrays_of(rows: Sequence[Placed], layout: Layout) -> _Part:
    names = dict.fromkeys(name for p in rows for name in p.row.values)
    columns = {name: _array([p.row.values.get(name) for p in rows]) for name in names}
    times = np.array([p.row.time for p in rows], dtype=float)
    offsets = np.array([p.offset for p in rows], dtype=np.int64)
    return _Part(times, columns, offsets)


def _array(cells: Sequence[Any]) -> NDArray[Any]:
    if any(isinstance(cell, str) for cell in cells):
        array = np.empty(len(cells), dtype=object)
        array[:] = cells
        return array
    return np.array(cells, dtype=float)  # None becomes NaN


def _joined(parts: Sequence[_Part], name: str) -> NDArray[Any]:
    return np.concatenate(
        [
            part.columns[name]
            if name in part.columns
            else np.full(len(part.times), np.nan)
            for part in parts
        ]
    )


def _is_regular(row: Row, layout: Layout) -> bool:
    """Whether it fits into a block: no fault, and no word in place of a number."""
    return not any(
        isinstance(raw, Fault) or (isinstance(raw, str) and name in layout.numbers)
        for name, raw in row.values.items()
    )


def last_of(batch: Batch) -> Placed | None:
    """The last line with values, of a file whose lines have no time."""
    last = batch.rows[-1] if batch.rows else None
    for numbers in batch.numbers[-1:]:
        offset = int(numbers.offsets[-1])
        if last is None or last.offset < offset:
            values = _line_of(numbers.columns, -1)
            last = Placed(offset, Row(None, values))
    return last


def in_order(block: Block) -> Block:
    """`block` with its lines as they stand in the file."""
    return rows_of(block, np.argsort(block.offsets, kind="stable"))


def rows_of(block: Block, which: NDArray[Any] | slice) -> Block:
    """Some lines of `block`: by a mask, by their numbers, or a slice as a view."""
    return Block(
        times=block.times[which],
        columns={name: column[which] for name, column in block.columns.items()},
        good=block.good,
        bad=block.bad,
        source=block.source,
        offsets=block.offsets[which],
        is_again=block.is_again,
    )


def frame_of(block: Block, line: int) -> Frame:
    """One line of `block`; it is not counted in the frame."""
    return Frame(
        values=_line_of(block.columns, line),
        time=float(block.times[line]),
        good=0,
        source=block.source,
        offset=int(block.offsets[line]),
    )


def _line_of(columns: Mapping[str, NDArray[Any]], line: int) -> dict[str, Raw]:
    """The values of one line: None and NaN are none."""
    values: dict[str, Raw] = {}
    for name, column in columns.items():
        raw = column[line]
        if isinstance(raw, str):
            values[name] = raw
        elif raw is not None and not math.isnan(raw):
            values[name] = float(raw)
    return values
