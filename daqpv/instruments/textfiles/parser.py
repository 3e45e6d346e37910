"""Reads the bytes of text files into rows, one by one or many at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from daqpv.instruments.textfiles.bad_lines import bad_line
from daqpv.instruments.textfiles.batch import Batch, Placed, merged
from daqpv.instruments.textfiles.bulk import Bulk, Numbers
from daqpv.instruments.textfiles.layout import Layout, Lines, Row

SLICE = 128 * 1024
"""Bytes that are read at once: the interpreter is held for about 1 ms."""

AHEAD = 86400.0
"""[s] by which the time of a line may be ahead of ours: zones may be set wrongly."""

_BOM = b"\xef\xbb\xbf"
_CELLS = 1000  # about so many are read one by one before other threads get a turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The lines to read, and how.

    Attributes:
        file: the path.
        offset: of the first line.
        lines: before it.
        headers: lines of the file's head, which may come again.
        many: whether they are history, which may be read many at once.
        now: UTC [s since 1970]; times far after it are wrong.
        since: lines before that time are left out; None: none are.
        after: the time of the line before; None: not known.
    """

    file: str
    offset: int
    lines: int
    headers: frozenset[bytes] = frozenset()
    many: bool = False
    now: float
    since: float | None = None
    after: float | None = None


class Parser:
    """Reads lines. It keeps nothing from one call to the next.

    Args:
        layout: of the lines.
        breathe: called about every millisecond, to let other threads run.
    """

    def __init__(self, layout: Layout, breathe: Callable[[], None]) -> None:
        self._layout = layout
        self._lines = Lines(layout)
        self._bulk = Bulk(layout) if layout.is_plain else None
        self._breathe = breathe
        self._turn = max(_CELLS // max(len(layout.cells), 1), 1)  # lines

    def read(self, data: bytes, task: Task) -> Batch:
        """Read whole lines, each with its end, the byte 10."""
        batch, begin = Batch(), 0
        while begin < len(data):
            end = len(data)
            if end > begin + SLICE:
                end = data.rfind(b"\n", begin, begin + SLICE) + 1
                end = end or data.index(b"\n", begin) + 1
            part = data[begin:end]
            here = replace(
                task,
                offset=task.offset + begin,
                lines=task.lines + batch.lines,
                after=batch.last if batch.last is not None else task.after,
            )
            if not self._read_many(part, here, batch):
                self._read_each(part, here, batch)
            begin = end
            self._breathe()
        if self._layout.columns.alias is not None:
            batch.rows = merged(batch.rows)
        return batch

    def _read_many(self, part: bytes, task: Task, batch: Batch) -> bool:
        """Read lines at once, if all of them are simple; return whether they were."""
        if self._bulk is None or not task.many or self._is_head(task):
            return False
        numbers = self._bulk.read(part, task.after)
        if numbers is None:
            return False
        if numbers.times is not None and (numbers.times > task.now + AHEAD).any():
            return False
        count = len(numbers.offsets)
        numbers = numbers._replace(offsets=numbers.offsets + task.offset)
        if numbers.times is not None:
            batch.saw(float(numbers.times[-1]), float(numbers.times.max()))
        if numbers.times is not None and task.since is not None:
            numbers = _since(numbers, task.since)
        batch.numbers.append(numbers)
        batch.good += count
        batch.lines += count
        return True

    def _is_head(self, task: Task) -> bool:
        return task.offset == 0 or task.lines < self._layout.columns.header

    def _read_each(self, part: bytes, task: Task, batch: Batch) -> None:
        offset = task.offset
        for number, line in enumerate(part.split(b"\n")[:-1], task.lines + 1):
            self._read_line(line, offset, number, task, batch)
            offset += len(line) + 1
            batch.lines += 1
            if number % self._turn == 0:
                self._breathe()

    def _read_line(
        self, line: bytes, offset: int, number: int, task: Task, batch: Batch
    ) -> None:
        bare = line.removesuffix(b"\r")
        if offset == 0:
            bare = bare.removeprefix(_BOM)
        if number <= self._layout.columns.header or bare in task.headers:
            return
        after = batch.last if batch.last is not None else task.after
        row = self._row(bare, task.now, after)
        if row is None:
            return
        if row.time is not None:
            batch.saw(row.time, row.time)
        if row.problem:
            text = bare.decode(self._layout.columns.encoding, "replace")
            batch.bad.append(bad_line(task.file, number, offset, text, row.problem))
        else:
            batch.good += 1
        is_wanted = task.since is None or row.time is None or row.time >= task.since
        if row.values and is_wanted:
            batch.rows.append(Placed(offset, row))

    def _row(self, line: bytes, now: float, after: float | None) -> Row | None:
        encoding = self._layout.columns.encoding
        try:
            row = self._lines.read(line.decode(encoding), after=after)
        except UnicodeDecodeError:
            return Row(None, {}, f"it is not {encoding}: see `encoding` of columns")
        if row is not None and row.time is not None and row.time > now + AHEAD:
            days = (row.time - now) / 86400
            problem = f"its time is {days:.1f} days ahead of this computer's clock"
            return Row(None, {}, problem)
        return row


def _since(numbers: Numbers, since: float) -> Numbers:
    assert numbers.times is not None
    keep = numbers.times >= since
    columns = {name: column[keep] for name, column in numbers.columns.items()}
    return Numbers(numbers.times[keep], columns, numbers.offsets[keep])
