"""Whatever a test leaves behind, and each rerun, is reported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LEAVES = """
import asyncio, subprocess, threading
from tests.support import leftovers

leftovers.GRACE = 0.5
over = threading.Event()

async def test_task():
    test_task.kept = asyncio.create_task(asyncio.sleep(1000, "this one"))

def test_thread():
    threading.Thread(target=over.wait, name="this one").start()

def test_process():
    test_process.kept = subprocess.Popen(["sleep", "1000"])

def test_process_that_ended():
    test_process.kept.kill()
    assert test_process.kept.wait() == -9
    over.set()

async def test_nothing():
    await asyncio.create_task(asyncio.sleep(0))
    await asyncio.to_thread(subprocess.run, ["true"])
"""
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""
RERUN = """
from pathlib import Path

def test_passes_when_run_again():
    file = Path(__file__ + ".ran")
    ran = file.exists()
    file.touch()
    assert ran

def test_passes():
    pass
"""


def outcome(folder: Path, code: str, *options: str) -> str:
    """What pytest reports of the tests in `code`."""
    (folder / "test_it.py").write_text(code)
    (folder / "pytest.ini").write_text(INI)
    plain = ("-p", "tests.support.plugin", "-p", "no:cacheprovider")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *plain,
            *options,
            f"--rootdir={folder}",
            folder,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_test_that_leaves_a_task_a_thread_or_a_process_fails(tmp_path: Path) -> None:
    seen = outcome(tmp_path, LEAVES)
    assert "5 passed, 3 errors" in seen, seen
    for name, left in (
        ("test_task", "leaves tasks: ['<coroutine object sleep"),
        ("test_thread", "leaves ['thread this one']"),
        ("test_process", "sleep 1000']"),
    ):
        assert f"ERROR at teardown of {name} _" in seen
        assert left in seen, seen


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_a_test_that_was_run_again_is_counted(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    seen = outcome(tmp_path, RERUN, "--reruns", "2", *options)
    assert "1 test needed a rerun: this is a defect" in seen, seen
    assert "2 passed, 1 rerun" in seen
    seen = outcome(tmp_path, RERUN, "--reruns", "2", *options)
    assert "needed a rerun" not in seen
