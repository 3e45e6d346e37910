"""Reads texts on other computers: the ends of log files, configuration files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from daqpv.errors import ProtocolError, sentence
from daqpv.links.ssh.connections import SshHost, path, quoted

_TAIL = b"""
if [ -e "$f" ] && [ ! -f "$f" ]; then why="$f is no file"
elif why=$(tail -c 1 -- "$f" 2>&1 >/dev/null); then
  printf 'log\\0'; tail -c "$n" -- "$f"; exit 0
fi
printf 'problem\\0%s' "$why"
"""


async def tail(host: SshHost, file: str, *, size: int, timeout: float = 10.0) -> bytes:
    """Read the end of a remote file, whatever its length.

    Args:
        host: the computer.
        file: its path; ``~/`` is the home of the user.
        size: at most this much [bytes].
        timeout: for the whole exchange [s].

    Raises:
        LinkError: the computer is not reachable, or the file is not readable.
    """
    head = b"f=%s\nn=%d\n" % (path(file), size)
    done = await host.run(head + _TAIL, what=f"reading {file}", timeout=timeout)
    found, _, rest = done.output.partition(b"\0")
    if found != b"log":
        said = rest.decode(errors="replace").removeprefix("tail: ")
        raise ProtocolError(
            f"{host.target}: {sentence(said)} Correct log_path in the experiment file, "
            "or let this user read it"
        )
    return rest


async def texts(
    host: SshHost,
    directory: str,
    choices: Iterable[Sequence[str]],
    *,
    timeout: float,
) -> dict[str, str]:
    """Read text files by name: of each list of names the first that exists.

    Args:
        host: the computer.
        directory: of the files; ``~/`` is the home of the user.
        choices: lists of alternative names.
        timeout: for the whole exchange [s].

    Raises:
        LinkError: the computer is not reachable, or the directory is not readable.
    """
    script = b"d=%s\n" % path(directory)
    script += b'ls -- "$d/" >/dev/null 2>&1 || { printf problem; exit 0; }\n'
    for names in choices:
        words = b" ".join(quoted(name.encode()) for name in names)
        script += (
            b"for f in %s; do\n" % words
            + b'if [ -f "$d/$f" ]; then printf "%s\\0" "$f"; cat -- "$d/$f"; '
            + b"printf '\\0'; break; fi; done\n"
        )
    done = await host.run(script, what=f"reading {directory}", timeout=timeout)
    if done.output == b"problem":
        raise ProtocolError(f"{host.target}: {directory} cannot be read")
    parts = [part.decode(errors="replace") for part in done.output.split(b"\0")]
    return dict(zip(parts[::2], parts[1::2], strict=False))
