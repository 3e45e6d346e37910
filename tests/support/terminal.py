"""Terminals of any size, and what commands print to them."""

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


def environ(**more: str) -> dict[str, str]:
    """Variables of a process that asks its terminal for the size."""
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    return kept | {"TERM": "xterm"} | more


def open_terminal(columns: int, rows: int = 24) -> tuple[int, int]:
    """Open a terminal; return our end of it, and that of the command."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return ours, its


def read_all(ours: int) -> str:
    """What is printed until the command closes the terminal; our end is closed."""
    text = b"".join(_blocks(ours)).decode()
    os.close(ours)
    return text


def _blocks(ours: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the terminal's way to say that nobody writes any more
            return
        yield data


def plain(text: str) -> str:
    """The text without colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def in_terminal(*arguments: str, columns: int, err: bool = False) -> list[str]:
    """What a command prints to a terminal of so many columns, without its colours."""
    ours, its = open_terminal(columns)
    command = [sys.executable, "-m", "daqpv", *arguments]
    stderr = its if err else None
    with subprocess.Popen(command, stdout=its, stderr=stderr, env=environ()) as running:
        os.close(its)
        text = read_all(ours)
        running.wait(DEADLINE)
    return plain(text).splitlines()
