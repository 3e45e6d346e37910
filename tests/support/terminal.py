"""A terminal of any width, in which a command runs."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator

from tests.support.waiting import DEADLINE


def in_terminal(*arguments: str, columns: int, err: bool = False) -> list[str]:
    """What a command prints to a terminal of so many columns, without its colours."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "daqpv", *arguments]
    environ = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    environ["TERM"] = "xterm"
    stderr = its if err else None
    with subprocess.Popen(command, stdout=its, stderr=stderr, env=environ) as running:
        os.close(its)
        text = b"".join(_read_all(ours)).decode()
        running.wait(DEADLINE)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines()


def _read_all(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the terminal's way to say that nobody writes any more
            return
        yield data
