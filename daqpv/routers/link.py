"""What the routers' domain asks of the link to a data router."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

SUFFIX = b".graw"
"""What the name of a data file ends in.

Source: GET software (GetBench), src/get/daq/FrameStorage.cpp.
"""


def shown(name: bytes) -> str:
    """`name` as one line of text: what is no printable UTF-8 by its number."""
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
        free: what the router may still write.
        used: what is used of that which the router may use [%].
    """

    size: float = math.nan
    free: float = math.nan
    used: float = math.nan

    @classmethod
    def of(cls, size: float, *, taken: float, free: float) -> Self:
        """Make it of what ``df`` says: some of `size` may be kept for root."""
        usable = taken + free
        return cls(size, free, 100 * taken / usable if usable > 0 else 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of a router in one look.

    Attributes:
        directory: where it writes (staging).
        files: data files there.
        disk: on which it lies.
        clock_offset: by how much its clock is ahead of ours [s]; NaN: not known.
        process: tells its process apart from the one before; "" if that is not known.
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
    """What is where after a move.

    Attributes:
        there: data files in the directory to which it went, old and new.
        stayed: those that could not be moved.
    """

    there: Sequence[DataFile]
    stayed: Sequence[Obstacle] = ()


class RouterLink(Protocol):
    """The way to one data router, and to its files.

    Directories are absolute, names are bytes: a file may be called anything. Deadlines
    are in seconds and count from the call. All raise NotConnectedError (nobody there;
    no router runs there), NoAnswerError (it was asked, and no whole answer came) or
    ProtocolError (it answers that it cannot, or what nobody understands).
    """

    async def __aenter__(self) -> object:
        """Begin to be used; what is kept open meanwhile is closed by `__aexit__`."""

    async def __aexit__(self, *failure: object) -> None:
        """Be used no more."""

    async def observe(self, *, timeout: float) -> Observation | None:
        """Look at the router; None: there was an answer, and nothing new in it."""

    async def files(self, directory: bytes, *, timeout: float) -> Sequence[DataFile]:
        """List the data files in `directory`.

        Raises:
            OperationError: this link can only look; so the next two.
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
        one still goes on. Without names it tells what is there.

        Args:
            directory: where the files lie.
            names: of the files; who is gone meanwhile is no obstacle.
            into: relative path of one or more names, without "..".
            timeout: for all of it.
        """
