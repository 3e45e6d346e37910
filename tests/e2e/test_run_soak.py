"""The soak of hundreds of runs, for a few of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sshd import IN_CI, SSHD

ROOT = Path(__file__).parents[2]
DEADLINE = 300.0  # [s]; it takes a tenth of that when all is well


@pytest.mark.skipif(
    SSHD is None and not IN_CI, reason="no sshd: apt-get install openssh-server"
)
@pytest.mark.timeout(DEADLINE + 10)
def test_runs_are_told_as_they_happened() -> None:
    """A server is killed, another one disabled, daqpv killed, and hung up."""
    words = ["-m", "benchmarks.run_soak", "--runs", "4", "--seconds", "0.5"]
    done = subprocess.run(
        [sys.executable, *words, "--seed", "2292"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 untruths" in done.stdout
    assert " 4 faults (" in done.stdout
