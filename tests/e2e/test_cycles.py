"""The benchmark of a thousand cycles, for a few of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE = 100.0  # [s]


@pytest.mark.timeout(DEADLINE + 10)
def test_cycles_with_faults_end_in_idle_and_part_no_pv_from_its_server() -> None:
    """Three go wrong: an ignored Prepare, a crash in Stop, a refused Start."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cycles", "--cycles", "4", "--seed", "8"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PVs that were wrong: 0" in done.stdout
    assert " 0 failures" not in done.stdout
