"""A sign of life on a terminal while a command works for more than a second."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daqpv.core.lines import one_line

FIRST = 1.0  # [s] without a sign
EVERY = 1.0  # [s] between two

_CLEAR = "\r\x1b[K"


@contextmanager
def sign_of_life(what: str | Callable[[], str]) -> Iterator[None]:
    """Print the present work and its duration to stderr, if that is a terminal.

    The line is replaced each second, and removed at the end. To a pipe or a file
    nothing is written.

    Args:
        what: "Copying the records", or a function that returns such words; it is
            called in a thread.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_say, args=(what, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(EVERY)


def _say(what: str | Callable[[], str], over: threading.Event) -> None:
    began = time.monotonic()
    wait = FIRST
    while not over.wait(wait):
        text = what if isinstance(what, str) else what()
        width = shutil.get_terminal_size().columns - 1
        line = f"{one_line(text)} ... {time.monotonic() - began:.0f} s"
        sys.stderr.write(f"{_CLEAR}{line[-width:] if len(line) > width else line}")
        sys.stderr.flush()
        wait = EVERY
    if wait == EVERY and time.monotonic() - began >= FIRST:
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()
