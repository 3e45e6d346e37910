"""Reads on in text files, from the position where the last reading has ended.

All calls block, and are made in one thread. A call changes nothing but the files it
keeps open: the positions are its caller's, so that what a call has read is read again
if its caller could not wait for it.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from daqpv.instruments.driver import Block, Frame
from daqpv.instruments.textfiles.batch import Batch, Placed, frames, history, last_of
from daqpv.instruments.textfiles.layout import Layout
from daqpv.instruments.textfiles.parser import Parser, Task
from daqpv.instruments.textfiles.position import TAIL, Position, digest

CHUNK = 2 * 1024 * 1024
"""Bytes that one call reads; a line may have half of that."""

LAST = 64 * 1024
"""Bytes at the end of a file in which its last line is looked for after a start."""

OPEN = 32
"""Files that are kept open: what is written to them is read even if their name goes."""

_BREATH = 0.0002  # [s] in which other threads get their turn


def breathe() -> None:
    """Let the event loop run; a yield without a pause would not give it the turn."""
    time.sleep(_BREATH)


@dataclass(slots=True, kw_only=True)
class Order:
    """What to read of a file.

    Attributes:
        position: to begin at.
        inode: of the file at its path now; 0: it is not there any more.
        many: whether the lines are history.
        is_last: nothing will follow: the last line counts even without its end.
        now: UTC [s since 1970].
        since: leave out lines before that time.
        is_old: leave out all lines that are there now.
        others: positions of files whose place is not known; this one may be one of
            them under another name.
        end: read up to this offset; None: to the end.
    """

    position: Position
    inode: int
    many: bool = False
    is_last: bool = False
    now: float
    since: float | None = None
    is_old: bool = False
    others: Sequence[Position] = ()
    end: int | None = None


@dataclass(slots=True, kw_only=True)
class Piece:
    """What was read.

    Attributes:
        position: up to where.
        batch: the lines.
        frames: of lines that were read one by one, and are not in `block`.
        block: lines of history.
        sentences: of the bad lines.
        is_end: whether the end of the file was reached.
        lost: the position before, if the file is another one or begins again.
        found: the position of `Order.others` that this file has continued.
    """

    position: Position
    batch: Batch = field(default_factory=Batch)
    frames: Sequence[Frame] = ()
    block: Block | None = None
    sentences: Sequence[str] = ()
    is_end: bool = True
    lost: Position | None = None
    found: Position | None = None


class Reader:
    """Reads files of one instrument.

    Args:
        layout: of their lines.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._parser = Parser(layout, breathe)
        self._open: OrderedDict[int, int] = OrderedDict()  # descriptors by inode

    def close(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.popitem()[1])

    def read(self, order: Order) -> Piece:
        """Read some lines.

        Raises:
            OSError: the file cannot be opened or read; FileNotFoundError: it is gone.
        """
        file = self._file(order)
        start = self._start(file, order)
        position = start.position
        if order.is_old and position.offset == 0:
            return replace(start, position=self._passed(file, position))
        data, is_end = self._bytes(file, position, order)
        batch = Batch()
        if data:
            position = self._begun(file, position)
            lines = data if data.endswith(b"\n") else data + b"\n"
            batch = self._parsed(file, lines, position, order)
            position = _after(file, position, len(data), batch)
        piece = replace(start, position=position, batch=batch, is_end=is_end)
        return self._framed(piece, many=order.many)

    def _framed(self, piece: Piece, *, many: bool) -> Piece:
        batch, source = piece.batch, piece.position.head
        rows: Sequence[Placed] = batch.rows
        block = None
        if many and self._layout.stamps is not None:
            block, rows = history(batch, self._layout, source)
        elif many:
            rows = [p for p in (last_of(batch),) if p is not None]
        return replace(
            piece,
            block=block,
            frames=list(frames(rows, source)),
            sentences=[bad.sentence for bad in batch.bad],
        )

    def last(self, position: Position, now: float) -> Frame | None:
        """The last line before `position` that has values.

        Raises:
            OSError: the file cannot be read.
        """
        order = Order(position=position, inode=position.inode, now=now)
        file = self._file(order)
        begin = max(position.offset - LAST, position.head_length, 0)
        data = _pread(file, position.offset - begin, begin)
        if begin > position.head_length:
            cut = data.find(b"\n") + 1
            begin, data = begin + cut, data[cut:]
        elif not data:  # the first line is the only one
            begin, data = 0, _pread(file, position.offset, 0)
        where = replace(position, offset=begin, lines=0 if begin == 0 else 10**6)
        batch = self._parsed(file, data, where, order)
        return next(frames(batch.rows[-1:], position.head), None)

    # -- which file it is

    def _file(self, order: Order) -> int:
        """The descriptor of the file."""
        position = order.position
        inode = order.inode or position.inode
        if inode in self._open:
            self._open.move_to_end(inode)
            return self._open[inode]
        path = Path(position.path)
        if order.inode == 0:
            path = _named(path.parent, position.inode)
        file = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        self._open[os.fstat(file).st_ino] = file
        while len(self._open) > OPEN:
            os.close(self._open.popitem(last=False)[1])
        return file

    def drop(self, inode: int) -> None:
        """Close a file."""
        if inode in self._open:
            os.close(self._open.pop(inode))

    def _start(self, file: int, order: Order) -> Piece:
        """Where to begin: on with it, with another one under a new name, or at 0."""
        status = os.fstat(file)
        position = order.position
        if position.offset == 0:
            other = self._continued(file, status.st_size, order.others)
            if other is not None:
                start = replace(other, path=position.path, inode=status.st_ino)
                return Piece(position=start, found=other)
            return Piece(position=replace(position, inode=status.st_ino))
        is_it = status.st_ino == position.inode or self._layout.stamps is not None
        if is_it and _continues(file, status.st_size, position):
            return Piece(position=replace(position, inode=status.st_ino))
        fresh = Position(path=position.path, inode=status.st_ino)
        return Piece(position=fresh, lost=position)

    def _continued(
        self, file: int, size: int, others: Sequence[Position]
    ) -> Position | None:
        for other in others:
            if other.offset and _continues(file, size, other):
                return other
        return None

    # -- its bytes

    def _bytes(self, file: int, position: Position, order: Order) -> tuple[bytes, bool]:
        """What to read now, and whether the end of the file was reached.

        These are whole lines. Only what has no end of a line for very long, and the end
        of a file to which nothing will be added, may end without it.
        """
        chunk = CHUNK if self._layout.is_plain else CHUNK // 8
        most = chunk if order.end is None else min(chunk, order.end - position.offset)
        data = _pread(file, most, position.offset)
        is_end = len(data) < chunk
        cut = data.rfind(b"\n") + 1
        if order.is_last and is_end and cut < len(data):
            return data, True
        if position.offset == 0 and is_end and not order.is_last:
            wanted = self._layout.columns.header + 1
            if data.count(b"\n", 0, cut) < wanted:  # its identity is not there yet
                return b"", True
        if cut == 0 and not is_end:  # no end of a line: that is no text
            return data, False
        return data[:cut], is_end

    def _begun(self, file: int, position: Position) -> Position:
        """`position` with the identity of the file."""
        if position.head:
            return position
        data = _pread(file, CHUNK, 0)
        lines = data.split(b"\n", self._layout.columns.header + 1)
        length = len(data) - len(lines[-1]) if len(lines) > 1 else len(data)
        return replace(position, head=digest(data[:length]), head_length=length)

    def _passed(self, file: int, position: Position) -> Position:
        """The position behind the last whole line, without reading those before it."""
        size = os.fstat(file).st_size
        begin = max(size - CHUNK, 0)
        end = begin + _pread(file, CHUNK, begin).rfind(b"\n") + 1
        header = self._layout.columns.header
        if end <= begin or _pread(file, CHUNK, 0).count(b"\n") <= header:
            return position
        return replace(_at(file, self._begun(file, position), end), lines=header + 1)

    def _parsed(
        self, file: int, data: bytes, position: Position, order: Order
    ) -> Batch:
        headers: frozenset[bytes] = frozenset()
        if header := self._layout.columns.header:
            head = _pread(file, position.head_length, 0).split(b"\n")
            bare = (line.removesuffix(b"\r") for line in head[:header])
            headers = frozenset(line for line in bare if line.strip())
        task = Task(
            file=position.path,
            offset=position.offset,
            lines=position.lines,
            headers=headers,
            many=order.many,
            now=order.now,
            since=order.since,
            after=position.newest,
        )
        return self._parser.read(data, task)


def _after(file: int, position: Position, size: int, batch: Batch) -> Position:
    """The position behind `size` bytes that were read."""
    times = [t for t in (position.newest, batch.newest) if t is not None]
    return replace(
        _at(file, position, position.offset + size),
        lines=position.lines + batch.lines,
        newest=max(times, default=None),
    )


def _at(file: int, position: Position, offset: int) -> Position:
    """`position` at another offset, with the digest of what is before it."""
    length = min(TAIL, offset)
    tail = digest(_pread(file, length, offset - length))
    return replace(position, offset=offset, tail=tail, tail_length=length)


def _continues(file: int, size: int, position: Position) -> bool:
    """Whether a file has what was before `position`, as far as its digests tell."""
    if size < position.offset:
        return False
    tail = _pread(file, position.tail_length, position.offset - position.tail_length)
    if digest(tail) != position.tail:
        return False
    return digest(_pread(file, position.head_length, 0)) == position.head


def _pread(file: int, size: int, offset: int) -> bytes:
    """Read `size` bytes; less only at the end of the file."""
    parts = []
    while size > 0 and (part := os.pread(file, size, offset)):
        parts.append(part)
        size -= len(part)
        offset += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _named(folder: Path, inode: int) -> Path:
    """The file of that inode: it was renamed while nobody followed it.

    Raises:
        FileNotFoundError: there is none.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.inode() == inode and entry.is_file(follow_symlinks=False):
                return Path(entry.path)
    raise FileNotFoundError(inode, "no such inode", str(folder))
