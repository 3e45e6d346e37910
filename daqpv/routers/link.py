"""The interface of the link to a data router, and its answers."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

SUFFIX = b".graw"
"""Suffix of the names of data files.

Source: GET software (GetBench), src/get/daq/FrameStorage.cpp.
"""


def printable(name: bytes) -> str:
    """`name` as one line of text; other bytes than printable UTF-8 are escaped."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file: its name without directory, and its size [bytes]."""

    name: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that a router writes to [bytes].

    Attributes:
        size: of it.
        free: space that the router may still use.
        used: used part of the space that the router may use [%].
    """

    size: float = math.nan
    free: float = math.nan
    used: float = math.nan

    @classmethod
    def of(cls, size: float, *, taken: float, free: float) -> Self:
        """Make it from figures of ``df``; part of `size` may be reserved for root."""
        usable = taken + free
        return cls(size, free, 100 * taken / usable if usable > 0 else 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The result of one poll of a router.

    Attributes:
        directory: where it writes (staging).
        files: data files there.
        disk: on which it lies.
        clock_offset: by how much its clock is ahead of ours [s]; NaN: not known.
        process: identifies its process; changes with a restart; "" if not known.
    """

    directory: bytes
    files: Sequence[DataFile]
    disk: Disk = Disk()
    clock_offset: float = math.nan
    process: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A file that stayed where it was, and why: "there is one of that name"."""

    name: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The result of a move.

    Attributes:
        there: data files in the target directory, old and new.
        stayed: files that could not be moved.
    """

    there: Sequence[DataFile]
    stayed: Sequence[Obstacle] = ()


class RouterLink(Protocol):
    """The link to one data router, and to its files.

    Directories are absolute, names are bytes: a file may be called anything. Deadlines
    are in seconds and count from the call. All raise NotConnectedError (no
    connection, or no router runs there), NoAnswerError (no complete answer came) or
    ProtocolError (it answers with an error, or the answer is not valid).
    """

    async def __aenter__(self) -> object:
        """Open the link; `__aexit__` closes it."""

    async def __aexit__(self, *failure: object) -> None:
        """Close the link."""

    async def observe(self, *, timeout: float) -> Observation | None:
        """Poll the router; None: it has answered, and nothing is new."""

    async def files(self, directory: bytes, *, timeout: float) -> Sequence[DataFile]:
        """List the data files in `directory`.

        Raises:
            OperationError: this link can only poll; so the next two.
        """

    async def has(
        self, directory: bytes, experiment: str, folder: str, *, timeout: float
    ) -> bool:
        """Whether `experiment` has `folder` in `directory`: known, not guessed."""

    async def move(
        self,
        directory: bytes,
        names: Collection[bytes],
        into: str,
        *,
        timeout: float,
    ) -> Moved:
        """Move files to the directory `into`, which is made in `directory` if needed.

        Nothing is overwritten. A move that was cut may be sent again while the first
        one still goes on. Without names it lists the directory.

        Args:
            directory: where the files lie.
            names: of the files; missing ones are skipped.
            into: relative path of one or more names, without "..".
            timeout: for all of it.
        """
