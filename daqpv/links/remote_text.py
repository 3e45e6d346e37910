"""Texts on other computers: the ends of log files."""

from __future__ import annotations

from daqpv.errors import ProtocolError
from daqpv.links.ssh import SshHost, path

LINES = 50
"""As many lines of a log as are shown."""

_TAIL = b"""
if why=$(tail -n 1 -- "$f" 2>&1 >/dev/null); then tail -n "$n" -- "$f"
else printf 'daqpv:problem\\0%s' "$why"; fi
"""


async def tail(
    host: SshHost, file: str, *, lines: int = LINES, timeout: float = 10.0
) -> str:
    """The last lines of a text file there; what is no UTF-8 is replaced.

    Args:
        host: the computer.
        file: its path; ``~/`` is the home of who is logged in.
        lines: at most so many.
        timeout: for all of it [s].

    Raises:
        LinkError: it cannot be reached, or the file not be read.
    """
    head = b"f=%s\nn=%d\n" % (path(file), lines)
    done = await host.run(head + _TAIL, what=f"reading {file}", timeout=timeout)
    _, problem, why = done.output.partition(b"daqpv:problem\0")
    if problem:
        said = why.decode(errors="replace").removeprefix("tail: ")
        raise ProtocolError(f"{host.target}: {said}")
    return done.output.decode(errors="replace")
