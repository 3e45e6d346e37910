"""Reads and writes a file of the spool: lines with a checksum.

Each line is a checksum (CRC-32, hex) and JSON: first the source of the entries, then an
entry in each line. A line counts when the disk has it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any
from zlib import crc32

from daqpv.store.tables.rows import Entry, Source


@dataclass(slots=True)
class SpoolFile:
    """A file of the spool.

    Attributes:
        path: where it is.
        size: of the lines that count [bytes].
        count: of its entries.
        bare: whether it has no expendable entries.
    """

    path: Path
    size: int
    count: int
    bare: bool = False

    def strip(self, is_expendable: Callable[[Entry], bool]) -> int:
        """Write the file again without expendable entries; return their number.

        A file without entries is removed.
        """
        with self.path.open("rb") as lines:
            head = lines.readline()
            kept = [line for line in lines if not _fits(line, is_expendable)]
        dropped, self.count, self.bare = self.count - len(kept), len(kept), True
        if not kept:
            self.path.unlink()
            self.size = 0
            return dropped
        copy = self.path.with_suffix(".new")
        with copy.open("wb") as out:
            out.writelines([head, *kept])
            out.flush()
            os.fsync(out.fileno())
            self.size = out.tell()
        copy.replace(self.path)
        return dropped

    def entries(self, table: str) -> Iterator[Entry]:
        """The entries of a table."""
        name = json.dumps(table).encode()
        with self.path.open("rb") as lines:
            for line in lines:
                if name in line:
                    entry = entry_in(line)
                    if entry and entry.table == table:
                        yield entry


def mended(path: Path, torn: Callable[[int], None]) -> SpoolFile | None:
    """Cut off a torn last line, and call `torn` with its size [bytes].

    Returns:
        The file; None if nothing is left.
    """
    size, count, end = 0, 0, 0
    with path.open("r+b") as file:
        for line in file:
            size += len(line)
            if line.endswith(b"\n"):
                count, end = count + 1, size
        if end < size:
            file.truncate(end)
            torn(size - end)
    if count > 1:
        return SpoolFile(path, end, count - 1)
    path.unlink()
    return None


def begun(path: Path, source: Source) -> tuple[FileIO, SpoolFile]:
    """Make a new file for the entries of a source; also open it for appending."""
    head = _line({"spool": 1, **source._asdict()})
    out = FileIO(path, "x")
    try:
        write(out, head)
    except OSError:
        out.close()
        path.unlink()
        raise
    _sync_folder(path.parent)
    return out, SpoolFile(path, len(head), 0)


def line_of(entry: Entry) -> bytes:
    """The line of an entry."""
    return _line([entry.number, entry.table, entry.row])


def entry_in(line: bytes) -> Entry | None:
    """The entry of a line; None if it is damaged, or is the first one."""
    value = _value(line)
    return Entry(*value) if isinstance(value, list) else None


def source_in(line: bytes) -> Source | None:
    """The source of the entries, from the first line; None if that is damaged."""
    value = _value(line)
    if not isinstance(value, dict):
        return None
    return Source(value["writer"], value["process"])


def write(out: FileIO, data: bytes) -> None:
    """Write all of `data`: a disk that fills up takes a part before the error."""
    rest = memoryview(data)
    while rest:
        rest = rest[out.write(rest) :]


def _line(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode()
    return b"%08x %b\n" % (crc32(text), text)


def _value(line: bytes) -> Any:
    check, _, text = line.rstrip(b"\n").partition(b" ")
    if check != b"%08x" % crc32(text):
        return None
    return json.loads(text)


def _fits(line: bytes, condition: Callable[[Entry], bool]) -> bool:
    entry = entry_in(line)
    return entry is not None and condition(entry)


def _sync_folder(folder: Path) -> None:
    """Sync the folder, so that the names of new files are on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
