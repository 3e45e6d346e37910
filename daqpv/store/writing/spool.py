"""Where entries wait on the disk while the store is away.

A folder of files of a few MB, named by number, written and read in this order. Each
line is a check sum (CRC-32, hex) and JSON: first who numbers the entries, then an entry
in each line. A line counts when the disk has it. What a crash or a full disk cuts in
the middle is the end of the last line, and is cut off.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import ENOENT
from io import FileIO
from pathlib import Path
from typing import Any
from zlib import crc32

from daqpv.store.tables.rows import Entry, Source

FILE_SIZE = 4_000_000  # [bytes] at which the next file is begun
_FILES = 16  # at least, in which the limit is divided: room is made file by file

Say = Callable[[str], None]
"""Takes a sentence about what was lost, and why."""


@dataclass(slots=True)
class _File:
    """A file of the spool.

    Attributes:
        path: where it is.
        size: of what counts [bytes].
        count: of its entries.
        bare: whether it holds no information any more.
    """

    path: Path
    size: int
    count: int
    bare: bool = False


class Spool:
    """The entries that wait, oldest first. To be used by one thread at a time.

    Args:
        folder: one for each process; made if it is not there.
        source: whose entries are appended.
        limit: of all files [bytes]. Over it the oldest informations are left out, and
            nothing else.
        say: takes what was lost.

    Attributes:
        left_out: how many informations were, so far.
        lost: how many entries were damaged or taken away, so far.
    """

    def __init__(self, folder: Path, source: Source, *, limit: float, say: Say) -> None:
        self._folder = folder
        self._source = source
        self._limit = limit
        self._say = say
        self._file_size = min(FILE_SIZE, limit / _FILES)
        self._files: list[_File] = []
        self._lock = -1
        self._out: FileIO | None = None  # the last file, if it is ours to append
        self._offset = 0  # in the first file: how far it has been taken
        self._taken = 0  # entries of the first file
        self._read = (0, 0)  # bytes and entries that were read last
        self._damaged = 0  # lines of the first file
        self.left_out = self.lost = 0

    @property
    def is_open(self) -> bool:
        """Whether it is ours to use."""
        return self._lock >= 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._files

    @property
    def size(self) -> int:
        """Of all that waits [bytes]."""
        return sum(file.size for file in self._files) - self._offset

    @property
    def count(self) -> int:
        """How many entries wait."""
        return sum(file.count for file in self._files) - self._taken

    # -- opening -----------------------------------------------------------------------

    def open(self) -> bool:
        """Make the folder ours, and find what an earlier start left.

        Returns:
            False if another process uses it.

        Raises:
            OSError: it cannot be written, or read.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        self._files = [file for path in self._paths() if (file := self._mend(path))]
        return True

    def see(self) -> None:
        """Begin anew if the folder was taken away, and say what was in it.

        Raises:
            OSError: it cannot be made again.
        """
        if not self.is_open or self._is_there():
            return
        count, files = self.count, self._files
        self.close()
        self._files, self._offset, self._taken = [], 0, 0
        try:
            self.open()
        finally:
            if files:
                self.lost += count
                self._say(
                    f"{self._folder} was moved or removed with {count} records that "
                    "are not in the store. If it was moved: daqpv db retry FILE FOLDER"
                )

    def _is_there(self) -> bool:
        """Whether the folder is still the one that is locked, with all its files."""
        try:
            there = (self._folder / "lock").stat()
        except OSError:
            return False
        ours = os.fstat(self._lock)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino) and all(
            file.path.exists() for file in self._files
        )

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.spool"))

    def _mend(self, path: Path) -> _File | None:
        """Cut off a torn last line; None if nothing is left."""
        size, count, end = 0, 0, 0
        with path.open("r+b") as file:
            for line in file:
                size += len(line)
                if line.endswith(b"\n"):
                    count, end = count + 1, size
            if end < size:
                file.truncate(end)
                self._say(
                    f"{path}: the last line was torn, {size - end} bytes: what was "
                    "being written when the process or its computer ended is lost."
                )
        if count > 1:
            return _File(path, end, count - 1)
        path.unlink()
        return None

    def close(self) -> None:
        """Let it go; what waits stays."""
        self._end_file()
        if self.is_open:
            os.close(self._lock)
            self._lock = -1

    # -- in ----------------------------------------------------------------------------

    def append(self, entries: Sequence[Entry]) -> None:
        """Put `entries` behind all others. They wait safely when it returns.

        Raises:
            OSError: the disk does not take them; nothing has changed.
        """
        lines = [
            (entry, _line([entry.number, entry.table, entry.row])) for entry in entries
        ]
        wanted = sum(len(line) for _, line in lines)
        if self.size + wanted > self._limit and not self._make_room(wanted):
            kept = [(entry, line) for entry, line in lines if not entry.is_information]
            self.left_out += len(lines) - len(kept)
            lines = kept
        if lines:
            self._append(b"".join(line for _, line in lines), len(lines))

    def _append(self, data: bytes, count: int) -> None:
        if self._out is None or self._files[-1].size > self._file_size:
            self._begin_file()
        out, file = self._out, self._files[-1]
        assert out is not None
        try:
            _write(out, data)
            os.fsync(out.fileno())
            if not self._is_there():
                raise FileNotFoundError(ENOENT, "it was moved or removed")
        except OSError:
            self._take_back(file)
            raise
        file.size += len(data)
        file.count += count

    def _take_back(self, file: _File) -> None:
        """Cut off what was written in part; a file without entries is no file."""
        out, self._out = self._out, None
        assert out is not None
        try:
            out.truncate(file.size)
        finally:
            out.close()
            if not file.count:
                self._files.remove(file)
                file.path.unlink(missing_ok=True)

    def _begin_file(self) -> None:
        self._end_file()
        last = self._paths()[-1:]
        number = int(last[0].stem) + 1 if last else 1
        path = self._folder / f"{number:09d}.spool"
        head = _line({"spool": 1, **self._source._asdict()})
        out = FileIO(path, "x")
        try:
            _write(out, head)
        except OSError:
            out.close()
            path.unlink()
            raise
        _sync_folder(self._folder)
        self._out = out
        self._files.append(_File(path, len(head), 0))

    def _end_file(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    # -- out ---------------------------------------------------------------------------

    def read(self, most: int) -> tuple[Source, list[Entry]]:
        """The oldest entries, at most `most`, all of one source; they stay."""
        file = self._files[0]
        size, entries, self._damaged = 0, [], 0
        with file.path.open("rb") as lines:
            source = _source(_value(lines.readline()))
            if self._offset:
                lines.seek(self._offset)
            else:
                self._offset = lines.tell()
            seen = 0
            for line in lines:
                if self._offset + size >= file.size or seen == most:
                    break
                seen, size = seen + 1, size + len(line)
                found = _entry(_value(line))
                if found and source:
                    entries.append(found)
                else:
                    self._damaged += 1
        self._read = (size, seen)
        return source or self._source, entries

    def taken(self) -> None:
        """What was read last is in the store: it waits no more."""
        file = self._files[0]
        self._offset += self._read[0]
        self._taken += self._read[1]
        if self._damaged:
            self.lost += self._damaged
            keep = file.path.with_suffix(".damaged")
            with suppress(OSError):
                keep.write_bytes(file.path.read_bytes())
            self._say(
                f"{file.path}: {self._damaged} records are damaged and lost. A copy of "
                f"the file is in {keep.name}."
            )
        if self._offset >= file.size:
            if len(self._files) == 1:
                self._end_file()
            del self._files[0]
            self._offset = self._taken = 0
            file.path.unlink()

    # -- the limit ---------------------------------------------------------------------

    def _make_room(self, wanted: int) -> bool:
        """Leave out the oldest informations until `wanted` [bytes] find room."""
        dropped = 0
        for i, file in enumerate(self._files[:-1]):  # the last one is being written
            if self.size + wanted <= self._limit:
                break
            if not file.bare:
                dropped += self._strip(file)
                if i == 0:  # read it again: the store knows what it has of it
                    self._offset = self._taken = 0
        self._files = [file for file in self._files if file.count]
        self.left_out += dropped
        return self.size + wanted <= self._limit

    def _strip(self, file: _File) -> int:
        """Write a file anew without informations; return how many there were."""
        with file.path.open("rb") as lines:
            head = lines.readline()
            kept = [line for line in lines if not _is_information(line)]
        dropped, file.count, file.bare = file.count - len(kept), len(kept), True
        if not kept:
            file.path.unlink()
            file.size = 0
            return dropped
        copy = file.path.with_suffix(".new")
        with copy.open("wb") as out:
            out.writelines([head, *kept])
            out.flush()
            os.fsync(out.fileno())
            file.size = out.tell()
        copy.replace(file.path)
        return dropped

    # -- looking -----------------------------------------------------------------------

    def settings(self) -> Iterator[Entry]:
        """All settings that wait, oldest first."""
        for file in self._files:
            with file.path.open("rb") as lines:
                for line in lines:
                    if b'"setting"' in line:
                        entry = _entry(_value(line))
                        if entry and entry.table == "setting":
                            yield entry


def _line(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode()
    return b"%08x %b\n" % (crc32(text), text)


def _value(line: bytes) -> Any:
    """What a line holds; None if it is damaged."""
    check, _, text = line.rstrip(b"\n").partition(b" ")
    if check != b"%08x" % crc32(text):
        return None
    return json.loads(text)


def _entry(value: Any) -> Entry | None:
    return Entry(*value) if isinstance(value, list) else None


def _source(value: Any) -> Source | None:
    if not isinstance(value, dict):
        return None
    return Source(value["writer"], value["process"])


def _is_information(line: bytes) -> bool:
    entry = _entry(_value(line))
    return entry is not None and entry.is_information


def _write(out: FileIO, data: bytes) -> None:
    """Write all of `data`: a disk that fills up takes a part before it says no."""
    rest = memoryview(data)
    while rest:
        rest = rest[out.write(rest) :]


def _sync_folder(folder: Path) -> None:
    """Let the disk know the names of new files, too."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def waiting(folder: Path) -> dict[str, int]:
    """Sizes [bytes] of what waits in `folder`, by process; for people to see."""
    sizes: dict[str, int] = {}
    for path in sorted(folder.glob("*/[0-9]*.spool")):
        sizes[path.parent.name] = sizes.get(path.parent.name, 0) + path.stat().st_size
    return sizes
