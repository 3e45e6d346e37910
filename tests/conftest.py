"""Tests run as users do, and on a machine that may stand still for seconds."""

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# With PYTHONUNBUFFERED, for example, nothing is left to write when a process ends
for _name in [name for name in os.environ if name.startswith("PYTHON")]:
    del os.environ[_name]

# How long an example takes says nothing of what is tested
settings.register_profile(
    "daqpv", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("daqpv")


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


@pytest.fixture
def dead_file() -> Iterator[Callable[[Path], DeadFile]]:
    """Make a file a `DeadFile`, until the end of the test at most."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # comes with each reader
    with ExitStack() as stack:

        def die(path: Path) -> DeadFile:
            dead = DeadFile(path)
            stack.callback(dead.revive)
            return dead

        yield die
    signal.signal(signal.SIGIO, before)
