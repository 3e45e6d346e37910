"""Parses the answers of the scripts in daqpv.links.ssh.router_scripts.

Source: GET software (GetBench), src/main/dataRouter.cpp (its arguments).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from daqpv.core.numbers import whole
from daqpv.errors import ProtocolError, sentence
from daqpv.routers import SUFFIX, DataFile, Disk, printable

DATA_PORT = 46005
"""The port at which dataRouter listens without an argument for it.

Source: GET software (GetBench), src/get/DefaultPortNums.h.
"""

_MOST_FILES = 1_000_000  # in one directory

_CLOCK = re.compile(rb"(\d{1,12})(?!\d)(?:\.(\d{1,9}))?")
_DF = re.compile(
    rb"\s(\d{1,18})\s+(\d{1,18})\s+(-?\d{1,18})\s+\d+%"
)  # 1024-blocks, used, free


@dataclass(frozen=True, slots=True)
class Process:
    """A dataRouter process: its number, its directory, its port."""

    number: bytes
    directory: bytes
    port: int


class Answer:
    """The words of a script's answer, in order."""

    def __init__(self, who: str, output: bytes) -> None:
        self._who = who
        self._words: Iterator[bytes] = iter(output.split(b"\0"))

    def next(self) -> bytes:
        """The next word; b"" after the last one.

        Raises:
            ProtocolError: the script reported a problem there.
        """
        word = next(self._words, b"")
        if word == b"problem":
            raise self.error(printable(next(self._words, b"")).removeprefix("ls: "))
        return word

    def raw(self) -> bytes:
        """The next word, without a check."""
        return next(self._words, b"")

    def error(self, why: str) -> ProtocolError:
        """The error to raise for an unusable answer."""
        return ProtocolError(f"{self._who}: {sentence(why)}")


def files(answer: Answer, *, begun: bool = False) -> list[DataFile]:
    """Read names, sizes and kinds; fails if a file vanished while they were read."""
    if not begun and answer.next() != b"files":
        raise answer.error("it has no list of files")
    try:
        names = [answer.raw() for _ in range(whole(answer.raw(), most=_MOST_FILES))]
        rows = [row.split() for row in answer.raw().splitlines()]
        found = [
            DataFile(name, whole(size))
            for name, (mode, size) in zip(names, rows, strict=True)
            if stat.S_ISREG(int(mode, 16))
        ]
    except ValueError as error:
        raise answer.error("the list of its files moved while it was read") from error
    return [file for file in found if file.name.endswith(SUFFIX)]


def process(number: bytes, directory: bytes, arguments: bytes) -> Process:
    """Read a dataRouter: the second ``[address][:port]`` is that of the data."""
    ports = [part.rpartition(b":") for part in arguments.split()[1:]]
    addresses = [port for _, colon, port in ports if colon]
    data = addresses[1] if len(addresses) > 1 else b""
    try:
        port = whole(data, most=65535)
    except ValueError:
        port = DATA_PORT
    return Process(number, directory.removesuffix(b"\n"), port)


def disk(text: bytes) -> Disk:
    """Read a row of ``df -P -k``."""
    found = _DF.search(text)
    if not found:
        return Disk()
    size, taken, free = (1024.0 * int(group) for group in found.groups())
    return Disk.of(size, taken=taken, free=free)


def clock(text: bytes) -> float:
    """Read seconds since 1970; half a second is added where no fraction is known."""
    found = _CLOCK.match(text)
    if not found:
        return float("nan")
    return float(found[0]) if found[2] else float(found[1]) + 0.5
