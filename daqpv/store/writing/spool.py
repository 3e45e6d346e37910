"""Keeps entries on the disk while the store is away.

The spool is a folder of files of a few MB, named by number, written and read in this
order. A crash or a full disk can tear the last line only, which is then cut off.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from errno import ENOENT
from io import FileIO
from pathlib import Path

from daqpv.store.tables.own import OWN
from daqpv.store.tables.rows import Entry, Source
from daqpv.store.tables.schema import Schema
from daqpv.store.writing.spool_file import (
    SpoolFile,
    begun,
    entry_in,
    line_of,
    mended,
    source_in,
    write,
)

FILE_SIZE = 4_000_000  # [bytes] at which the next file is begun
_FILES = 16  # at least, in which the limit is divided: room is made file by file

Say = Callable[[str], None]
"""Takes a sentence about what was lost, and why."""


class Spool:
    """The entries that wait, oldest first. To be used by one thread at a time.

    Args:
        folder: one for each process; made if it is not there.
        source: whose entries are appended.
        schema: says which entries are expendable.
        limit: of all files [bytes]. Over it the oldest entries that are expendable are
            left out, and nothing else.
        say: reports what was lost.

    Attributes:
        left_out: number of entries left out so far.
        lost: number of entries damaged or removed so far.
    """

    def __init__(
        self,
        folder: Path,
        source: Source,
        *,
        schema: Schema = OWN,
        limit: float,
        say: Say,
    ) -> None:
        self._folder = folder
        self._source = source
        self._is_expendable = schema.is_expendable
        self._limit = limit
        self._say = say
        self._file_size = min(FILE_SIZE, limit / _FILES)
        self._files: list[SpoolFile] = []
        self._lock = -1
        self._out: FileIO | None = None  # the last file, if we may append to it
        self._offset = 0  # in the first file: how far it has been taken
        self._taken = 0  # entries of the first file
        self._read = (0, 0)  # bytes and entries that were read last
        self._damaged = 0  # lines of the first file
        self.left_out = self.lost = 0

    @property
    def is_open(self) -> bool:
        """Whether this process holds the folder."""
        return self._lock >= 0

    @property
    def is_empty(self) -> bool:
        """Whether no entry waits."""
        return not self._files

    @property
    def size(self) -> int:
        """Size of all files [bytes]."""
        return sum(file.size for file in self._files) - self._offset

    @property
    def count(self) -> int:
        """Number of entries that wait."""
        return sum(file.count for file in self._files) - self._taken

    # -- opening -----------------------------------------------------------------------

    def open(self) -> bool:
        """Lock the folder, and find the entries of an earlier start.

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
        """Make the folder again if it was removed, and report what was in it.

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

    def _mend(self, path: Path) -> SpoolFile | None:
        def torn(size: int) -> None:
            self._say(
                f"{path}: the last line was torn, {size} bytes: what was being "
                "written when the process or its computer ended is lost."
            )

        return mended(path, torn)

    def close(self) -> None:
        """Release the folder; the entries stay."""
        self._end_file()
        if self.is_open:
            os.close(self._lock)
            self._lock = -1

    # -- in ----------------------------------------------------------------------------

    def append(self, entries: Sequence[Entry]) -> None:
        """Append `entries`. They are on the disk at the return.

        Raises:
            OSError: the disk does not take them; nothing has changed.
        """
        lines = [(entry, line_of(entry)) for entry in entries]
        wanted = sum(len(line) for _, line in lines)
        if self.size + wanted > self._limit and not self._make_room(wanted):
            kept = [one for one in lines if not self._is_expendable(one[0])]
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
            write(out, data)
            os.fsync(out.fileno())
            if not self._is_there():
                raise FileNotFoundError(ENOENT, "it was moved or removed")
        except OSError:
            self._take_back(file)
            raise
        file.size += len(data)
        file.count += count

    def _take_back(self, file: SpoolFile) -> None:
        """Cut off a partial write; remove a file without entries."""
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
        self._out, file = begun(path, self._source)
        self._files.append(file)

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
            source = source_in(lines.readline())
            if self._offset:
                lines.seek(self._offset)
            else:
                self._offset = lines.tell()
            seen = 0
            for line in lines:
                if self._offset + size >= file.size or seen == most:
                    break
                seen, size = seen + 1, size + len(line)
                found = entry_in(line)
                if found and source:
                    entries.append(found)
                else:
                    self._damaged += 1
        self._read = (size, seen)
        return source or self._source, entries

    def taken(self) -> None:
        """Remove the entries that were read last: they are in the store."""
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
        """Leave out the oldest expendable entries until `wanted` [bytes] fit."""
        dropped = 0
        for i, file in enumerate(self._files[:-1]):  # the last one is being written
            if self.size + wanted <= self._limit:
                break
            if not file.bare:
                dropped += file.strip(self._is_expendable)
                if i == 0:  # read it again: the store knows what it has of it
                    self._offset = self._taken = 0
        self._files = [file for file in self._files if file.count]
        self.left_out += dropped
        return self.size + wanted <= self._limit

    # -- looking -----------------------------------------------------------------------

    def waiting(self, table: str) -> Iterator[Entry]:
        """The entries of a table that wait, oldest first."""
        for file in self._files:
            yield from file.entries(table)


def waiting(folder: Path) -> dict[str, int]:
    """Sizes [bytes] of the spools in `folder`, by process, for display."""
    sizes: dict[str, int] = {}
    for path in sorted(folder.glob("*/[0-9]*.spool")):
        sizes[path.parent.name] = sizes.get(path.parent.name, 0) + path.stat().st_size
    return sizes
