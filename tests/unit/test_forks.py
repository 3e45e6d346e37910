"""A forked process is as one that is started: what it gets, does and ends with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import forks

WAYS = (subprocess.Popen, forks.Process)
SAYS = """
import json, os, signal, sys, threading
print(json.dumps({
    "words": sys.argv, "name": __name__, "path": sys.path[0], "cwd": os.getcwd(),
    "environ": dict(os.environ), "parent": os.getppid(), "files": os.listdir("/dev/fd"),
    "session": os.getsid(0) == os.getpid(), "terminal": sys.stdout.isatty(),
    "encoding": [sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors],
    "buffered": [sys.stdout.line_buffering, sys.stderr.line_buffering],
    "signals": [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())],
    "masked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": len(os.listdir("/proc/self/task")), "stdin": sys.stdin.read(),
}))
"""


def said(popen: type[subprocess.Popen[Any]], cwd: Path) -> dict[str, Any]:
    environ = os.environ | {"EPICS_CA_ADDR_LIST": "10.0.0.1", "TZ": "Asia/Tokyo"}
    with popen(
        [sys.executable, "-c", SAYS, "a word", "ä"],
        cwd=cwd,
        env=environ,
        text=True,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        output, _ = process.communicate("some text")
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(output)
    return found


def test_it_is_the_same_as_one_that_is_started(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert said(forks.Process, tmp_path) == said(subprocess.Popen, tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("popen", WAYS)
@pytest.mark.parametrize(
    ("code", "ends", "says"),
    [
        ("pass", 0, b""),
        ("import sys; sys.exit(3)", 3, b""),
        ("import sys; sys.exit('a reason')", 1, b"a reason\n"),
        ("raise KeyError('a key')", 1, b"KeyError: 'a key'\n"),
        ("raise KeyboardInterrupt", -signal.SIGINT, b"KeyboardInterrupt\n"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, b""),
    ],
)
def test_it_ends_with_the_same_code_and_words(
    popen: type[subprocess.Popen[Any]], code: str, ends: int, says: bytes
) -> None:
    with popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        _, errors = process.communicate()
    assert (process.returncode, errors.endswith(says)) == (ends, True), errors


@pytest.mark.parametrize("popen", WAYS)
def test_threads_and_exit_functions_come_to_their_end(
    popen: type[subprocess.Popen[Any]],
) -> None:
    code = (
        "import atexit, threading; atexit.register(print, 'exit')\n"
        "threading.Timer(0.1, print, ['thread']).start(); print('main')"
    )
    with popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        output, _ = process.communicate()
    assert output.split() == [b"main", b"thread", b"exit"]


def test_each_has_random_numbers_of_its_own() -> None:
    command = [sys.executable, "-c", "import random; print(random.random())"]
    numbers = [forks.run(command, capture_output=True).stdout for _ in range(2)]
    assert len(set(numbers)) == 2


def test_nothing_of_libca_is_there_before_it_is_used() -> None:
    code = """
import sys
print("daqpv.links.ca.libca" in sys.modules, "daqpv" in sys.modules)
print("libca" in open("/proc/self/maps").read())
"""
    done = forks.run([sys.executable, "-c", code], capture_output=True)
    assert done.stdout.split() == [b"False", b"True", b"False"]


def test_variables_of_python_and_its_options_start_a_process() -> None:
    code = "import sys; print('daqpv' in sys.modules)"
    for command, environ in (
        ([sys.executable, "-X", "utf8", "-c", code], {}),
        ([sys.executable, "-c", code], {"PYTHONPATH": "/nowhere"}),
    ):
        done = forks.run(command, env=os.environ | environ, capture_output=True)
        assert done.stdout == b"False\n"


def test_it_is_signalled_and_waited_for_as_any_other() -> None:
    code = "import time; print('begins', flush=True); time.sleep(60)"
    with forks.Process([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begins\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0)
        process.terminate()
        assert process.wait() == -signal.SIGTERM
