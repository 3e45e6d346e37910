"""Claims devices for this process with file locks, which end with the process."""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from daqpv.core.lines import one_line
from daqpv.errors import AlreadyServedError

_log = logging.getLogger(__name__)

PATIENCE = 2.0  # [s] to wait for the end of the process before

_AGAIN = 0.05  # [s] between two attempts
_LOCK = struct.Struct("hhqqi0q")  # struct flock: type, whence, start, length, process
_MOST = 80  # characters of a command line


class Claims:
    """The devices that this process serves; use it as a context manager.

    Searches for PVs do not find a process with another CA port. So each device has a
    byte in one file of the experiment, locked by the process that serves it, whatever
    its name and port: the kernel releases the lock when the process ends.

    Args:
        folder: of the experiment; created if missing.
        prefix: of all PVs: a copy of the experiment may have another one.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self._path = folder / "served.lock"
        self._prefix = prefix
        self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file >= 0:
            os.close(self._file)

    def take(self, names: Iterable[str]) -> None:
        """Claim devices, each by the name of one of its PVs.

        If the file cannot be locked, only searches detect another process.

        Raises:
            AlreadyServedError: another process serves one of them.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            _log.warning("%s cannot be locked: %s", self._path, error.strerror)
            return
        end = time.monotonic() + PATIENCE
        places = {_place(name.removeprefix(self._prefix)): name for name in names}
        for place in sorted(places):  # sorted, for two processes that start at once
            while not self._lock(place):
                if time.monotonic() > end:
                    raise self._refusal(places)
                time.sleep(_AGAIN)

    def _lock(self, place: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):  # POSIX: EAGAIN or EACCES
            return False
        return True

    def _refusal(self, places: dict[int, str]) -> AlreadyServedError:
        """Name the first device that another process has claimed, and that process."""
        for place, name in places.items():
            question = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
            answer = _LOCK.unpack(fcntl.fcntl(self._file, fcntl.F_GETLK, question))
            if answer[0] != fcntl.F_UNLCK:
                return AlreadyServedError(name, _words(answer[4]))
        return AlreadyServedError(next(iter(places.values())), "a process that ends")


def _words(process: int) -> str:
    """Describe a process of this computer."""
    line = ""
    with suppress(psutil.Error):  # it belongs to another user, or has just ended
        line = one_line(" ".join(psutil.Process(process).cmdline()))
    line = line if len(line) <= _MOST else f"...{line[-_MOST:]}"
    return f"process {process} of this computer{f' ({line})' if line else ''}"


def _place(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) >> 2
