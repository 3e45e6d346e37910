"""Servers that are compared have the rights of an ordinary process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.rights import as_ordinary_process

SCRIPT = """
import os, resource
assert resource.getrlimit(resource.RLIMIT_RTPRIO) == (0, 0)
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
except PermissionError:
    print("refused")
"""


def test_no_real_time_scheduling_though_we_are_root() -> None:
    done = subprocess.run(
        as_ordinary_process([sys.executable, "-c", SCRIPT]),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_without_the_tools_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="no comparison with equal rights"):
        as_ordinary_process(["true"])
