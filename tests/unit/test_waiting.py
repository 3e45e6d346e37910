"""A sign of life: on a terminal, after a second, and gone at the end."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

SCRIPT = """
import sys, threading
from daqpv.cli import waiting
waiting.FIRST = waiting.EVERY = 0.01
over = threading.Event()
def what():
    over.set()
    return "Copying\\x1b[2J"
with waiting.sign_of_life(what):
    over.wait(10 if sys.stderr.isatty() else 0.2)
print("end", file=sys.stderr)
"""


def on_terminal(**environ: str) -> str:
    """What the script writes to a terminal."""
    ours, its = pty.openpty()
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(
        command, stderr=its, env=os.environ | {"TERM": "xterm"} | environ
    ) as running:
        os.close(its)
        data = b""
        while select.select([ours], [], [], 20)[0]:
            try:
                data += os.read(ours, 4096)
            except OSError:  # the terminal's way to say that nobody writes any more
                break
        running.wait(20)
    os.close(ours)
    return data.decode()


def test_a_terminal_is_shown_what_is_done_and_nothing_stays_of_it() -> None:
    text = on_terminal()
    assert "Copying\\x1b[2J ... 0 s" in text  # what others wrote is escaped
    assert text.endswith("\r\x1b[Kend\r\n")


def test_a_pipe_gets_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, check=True, timeout=20
    )
    assert done.stderr == b"end\n"
