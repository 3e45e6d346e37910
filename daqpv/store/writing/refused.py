"""Keeps records that the store refuses, as JSON lines, to be offered again.

One file for each process, ``refused.jsonl`` in its spool folder. A line is on the disk
before the store skips the record. `take` renames the file, so the process that
is served goes on with a new one.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any

from daqpv.errors import StoreError
from daqpv.store.tables.rows import Entry, Source

NAME = "refused.jsonl"
CURE = "mend the cause, then: daqpv db retry FILE"
_REASON = 300  # characters

Refuse = Callable[[Source, Entry, str], None]
"""Keeps an entry that the store refuses, with the reason, before it is passed over."""


class Refused:
    """The refused records of a process.

    Args:
        folder: the spool of the process.

    Attributes:
        count: records in the files.
        kept: records that this object has added.
        reason: why the last one was refused.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.count = 0
        self.kept = 0
        self.reason = ""
        self._seen: object = None

    def keep(self, source: Source, entry: Entry, reason: str) -> None:
        """Add `entry`; it is on the disk at the return.

        Raises:
            StoreError: the disk does not take it.
        """
        reason = as_ascii(reason)
        line = _line(source, entry, reason)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path) as file:
                _append(file, line)
        except OSError as error:
            raise StoreError(
                f"a record is refused ({reason}), and {self.path} cannot keep it: "
                f"{error.strerror}"
            ) from error
        self.kept += 1
        self.reason = reason
        self.look()

    def look(self) -> None:
        """Count the records again, if the files have changed."""
        found = {path: _state(path) for path in files(self.path.parent)}
        if found == self._seen:
            return
        self._seen = found
        lines = [line for path in found for line in _lines(path)]
        self.count = len(lines)
        if lines and not self.reason:
            with suppress(ValueError, KeyError, TypeError):  # edited by hand
                self.reason = str(json.loads(lines[-1])["reason"])


def files(folder: Path) -> list[Path]:
    """The files with refused records in the spool folder of a process."""
    return sorted(folder.glob("refused*.jsonl"))


def counts(spool: Path) -> dict[Path, int]:
    """How many records the files of all processes hold, by file."""
    found = [path for folder in sorted(spool.glob("*/")) for path in files(folder)]
    return {path: len(_lines(path)) for path in found}


def take(path: Path) -> Path:
    """Rename a file that a process may still write, and return its new name."""
    if path.name != NAME:
        return path  # an earlier try was broken off
    taken = path.with_name(f"refused.{secrets.token_hex(16)}.jsonl")
    with _locked(path):
        path.rename(taken)
    return taken


def read(path: Path) -> Iterator[Entry]:
    """The records of a file, numbered by line; each once.

    Raises:
        StoreError: the file cannot be read, or a line is not a record.
    """
    seen = set()
    try:
        for number, line in enumerate(_lines(path), 1):
            value = json.loads(line)
            original = (value["writer"], value["number"])
            if original not in seen:
                seen.add(original)
                yield Entry(number, str(value["table"]), dict(value["row"]))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: line {number}: this is no record") from error


def as_ascii(text: str) -> str:
    """`text` as every store and terminal takes it: short, in ASCII, on one line."""
    plain = " ".join(text.split()).encode("ascii", "backslashreplace").decode()
    return plain if len(plain) <= _REASON else f"{plain[: _REASON - 3]}..."


def _line(source: Source, entry: Entry, reason: str) -> bytes:
    value: dict[str, Any] = {
        "reason": reason,
        **source._asdict(),
        "number": entry.number,
        "table": entry.table,
        "row": entry.row,
    }
    return json.dumps(value).encode() + b"\n"


def _lines(path: Path) -> list[bytes]:
    """The whole lines of a file; none if it was taken away meanwhile."""
    try:
        return [line for line in path.read_bytes().split(b"\n")[:-1] if line]
    except FileNotFoundError:
        return []


def _state(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0, 0, 0
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


@contextmanager
def _locked(path: Path) -> Iterator[FileIO]:
    """Open the file that has the name `path` now, locked against a rename."""
    while True:
        with FileIO(path, "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _state(path)[0] == os.fstat(file.fileno()).st_ino:
                yield file
                return


def _append(file: FileIO, line: bytes) -> None:
    """Add all of `line`, or nothing; a line torn by a crash is cut off first."""
    file.seek(0)
    size = file.readall().rfind(b"\n") + 1
    file.truncate(size)
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(size)
        raise
