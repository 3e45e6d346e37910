"""A file on a disk that does not answer."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class DeadFile:
    """A file whose readers hang in the kernel, as on a disk that is dead.

    This process has a lease on it: who opens it waits, for 45 s at most (fcntl(2)).
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR)
        fcntl.fcntl(self._fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)

    @property
    def hangs_somebody(self) -> bool:
        return fcntl.fcntl(self._fd, fcntl.F_GETLEASE) != fcntl.F_WRLCK

    def revive(self) -> None:
        """Let all go on."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
