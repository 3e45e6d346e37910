"""Tests run as users do, and on a machine that may stand still for seconds."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.dead_file import DeadFile

pytest_plugins = ["tests.support.plugin"]

# With PYTHONUNBUFFERED, for example, nothing is left to write when a process ends
for _name in [name for name in os.environ if name.startswith("PYTHON")]:
    del os.environ[_name]

# How long an example takes says nothing of what is tested
settings.register_profile(
    "daqpv", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("daqpv")


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
