"""Examines a serial port: does it exist, may we use it, does another program have it?

Its functions block.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from daqpv.core import Finding

try:
    import grp
    import pwd
except ImportError:  # another system: no groups, and no device files
    grp = pwd = None  # type: ignore[assignment]

_BY_ID = Path("/dev/serial/by-id")
_LOCKS = Path("/proc/locks")
_PROCESSES = Path("/proc")
_LONGEST = 70  # characters of a command line


def examined_port(path: str) -> Finding:
    """Whether the serial port can be opened, and nobody else has it.

    Args:
        path: of its device file; a symbolic link is followed.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        return Finding("port", False, f"{path}: {error.strerror}.", cure=_not_there())
    if not stat.S_ISCHR(status.st_mode):
        return Finding(
            "port",
            False,
            f"{path} is no device file.",
            cure="Give that of the serial line, such as /dev/ttyUSB0.",
        )
    if not os.access(path, os.R_OK | os.W_OK):
        return _no_right(path, status)
    if holders := list(_holders(path, status)):
        return Finding(
            "port",
            False,
            f"{path} is held by {', '.join(map(_process, holders))}.",
            cure="End it: two programs on one line take each other's answers. Nothing "
            "was sent.",
            facts={"path": path, "held_by": holders},
        )
    lasting = _lasting(path)
    text = f"{path} is there, may be used, and nobody holds it."
    if lasting and lasting != path:
        text += f" Its name that stays when adapters change: {lasting}."
    return Finding("port", True, text, facts={"path": path, "by_id": lasting})


def _not_there() -> str:
    """What serial ports there are."""
    there = [str(one) for one in sorted(_BY_ID.glob("*"))]
    if not there:
        there = [str(one) for one in sorted(Path("/dev").glob("tty[UA]*[0-9]"))]
    if not there:
        return "Is the adapter plugged in? This computer has no USB serial port now."
    return f"Is the adapter plugged in? There are: {', '.join(there)}."


def _no_right(path: str, status: os.stat_result) -> Finding:
    """The file's group, and how one comes into it."""
    mode = stat.filemode(status.st_mode)
    user, group = _named_user(os.geteuid()), _named_group(status.st_gid)
    text = f"{user} may not use {path} ({mode}, group {group})."
    if not status.st_mode & stat.S_IRGRP or not status.st_mode & stat.S_IWGRP:
        cure = f"Its group may not, either. For now: sudo chmod g+rw {path}"
    elif _is_member(user, group):
        cure = (
            f"The user is in the group, but this login is older: log out and in again, "
            f"or start with: sg {group} 'daqpv ...'"
        )
    else:
        cure = f"sudo usermod -aG {group} {user}; then log out and in again."
    return Finding("port", False, text, cure=cure, facts={"path": path, "group": group})


def _named_user(number: int) -> str:
    with suppress(KeyError, AttributeError):
        return str(pwd.getpwuid(number).pw_name)
    return str(number)


def _named_group(number: int) -> str:
    with suppress(KeyError, AttributeError):
        return str(grp.getgrgid(number).gr_name)
    return str(number)


def _is_member(user: str, group: str) -> bool:
    with suppress(KeyError, AttributeError):
        return user in grp.getgrnam(group).gr_mem
    return False


def _lasting(path: str) -> str:
    """The name of the port that does not count adapters; "" if there is none."""
    real = os.path.realpath(path)
    for link in sorted(_BY_ID.glob("*")):
        if os.path.realpath(link) == real:
            return str(link)
    return ""


def _holders(path: str, status: os.stat_result) -> Iterator[int]:
    """The other processes that have the port open, or have locked it.

    The open files of other users' processes are seen by root alone, locks by all.
    """
    found = {*_openers(status), *_lockers(status)} - {os.getpid()}
    yield from sorted(found)


def _openers(status: os.stat_result) -> Iterator[int]:
    for process in _PROCESSES.iterdir():
        if not process.name.isdecimal():
            continue
        with suppress(OSError):  # it has ended, or belongs to another user
            for entry in (process / "fd").iterdir():
                if _is_open_at(entry, status):
                    yield int(process.name)
                    break


def _is_open_at(entry: Path, status: os.stat_result) -> bool:
    with suppress(OSError):
        target = os.readlink(entry)
        if not target.startswith("/dev/"):
            return False
        # not by its name: a link, or the same device in another folder
        return entry.stat().st_rdev == status.st_rdev
    return False


def _lockers(status: os.stat_result) -> Iterator[int]:
    """The processes that have locked the file, as pyserial does (``exclusive``)."""
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    place = f"{device}:{status.st_ino}"
    with suppress(OSError):
        for line in _LOCKS.read_text().splitlines():
            words = line.split()
            if place in words:  # "1: FLOCK ADVISORY WRITE 4711 00:05:712 0 EOF"
                number = words[words.index(place) - 1]
                if number.isdecimal() and int(number) > 0:
                    yield int(number)


def _process(number: int) -> str:
    """A process for people: "process 4711 (minicom -D /dev/ttyUSB0)"."""
    with suppress(psutil.Error):
        process = psutil.Process(number)
        words = " ".join(process.cmdline()) or process.name()
        shown = words if len(words) <= _LONGEST else f"{words[: _LONGEST - 4]} ..."
        return f"process {number} ({shown})"
    return f"process {number}"
