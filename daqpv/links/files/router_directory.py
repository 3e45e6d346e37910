"""Observes a data router that writes to a directory of this computer."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from typing import Self, TypeVar

from daqpv.core.threads import Crew
from daqpv.errors import LinkError, NoAnswerError, ProtocolError
from daqpv.routers import (
    SUFFIX,
    DataFile,
    Disk,
    Moved,
    Observation,
    Obstacle,
    printable,
)

T = TypeVar("T")


class DirectoryRouterLink:
    """A directory to which a data router writes; fulfils `daqpv.routers.RouterLink`.

    A disk may hang, and with it the thread that reads it: all calls share one thread.

    Args:
        name: of the router.
        directory: absolute; ``~/`` is the home of the user that runs daqpv.
    """

    def __init__(self, name: str, directory: str) -> None:
        self._name = name
        self._directory = os.fsencode(os.path.expanduser(directory))
        self._disk = Crew(f"{name} in {printable(self._directory)}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        pass

    async def observe(self, *, timeout: float) -> Observation:
        """Read the files and the disk."""
        return await self._do(self._observe, self._directory, timeout)

    async def files(self, directory: bytes, *, timeout: float) -> Sequence[DataFile]:
        """List the data files in `directory`."""
        return await self._do(lambda: list(_files(directory)), directory, timeout)

    async def has(
        self, directory: bytes, experiment: str, folder: str, *, timeout: float
    ) -> bool:
        """Whether `experiment` has `folder` in `directory`: read, not assumed."""
        parent = os.path.join(directory, experiment.encode())
        wanted = os.path.join(parent, folder.encode())

        def find() -> bool:
            os.listdir(directory)
            if not os.path.lexists(parent):
                return False
            os.listdir(parent)
            return os.path.lexists(wanted)

        return await self._do(find, directory, timeout)

    async def move(
        self,
        directory: bytes,
        names: Collection[bytes],
        into: str,
        *,
        timeout: float,
    ) -> Moved:
        """Move files to the directory `into`; see `RouterLink`."""
        return await self._do(
            lambda: _moved(directory, names, into.encode()), directory, timeout
        )

    def _observe(self) -> Observation:
        disk = os.statvfs(self._directory)
        unit = disk.f_frsize
        return Observation(
            directory=self._directory,
            files=list(_files(self._directory)),
            disk=Disk.of(
                disk.f_blocks * unit,
                taken=(disk.f_blocks - disk.f_bfree) * unit,
                free=disk.f_bavail * unit,
            ),
            clock_offset=0.0,  # the clock of this computer
        )

    async def _do(self, work: Callable[[], T], directory: bytes, timeout: float) -> T:
        """Run `work` in the thread of the disk."""
        who = f"{self._name} in {printable(directory)}"
        try:
            return await self._disk.call(work, timeout=timeout)
        except LinkError as error:
            raise NoAnswerError(
                f"{who}: no answer of the disk in {timeout:g} s. It hangs: does it "
                "belong to another computer?",
                timed_out=True,
            ) from error
        except OSError as error:
            name = error.filename or directory
            path = printable(name if isinstance(name, bytes) else os.fsencode(name))
            raise ProtocolError(f"{who}: {path}: {error.strerror}") from error


def _files(directory: bytes) -> Iterator[DataFile]:
    with os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name.endswith(SUFFIX) and not entry.name.startswith(b"."):
                    kind = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(kind.st_mode):
                        yield DataFile(entry.name, kind.st_size)


def _moved(directory: bytes, names: Collection[bytes], into: bytes) -> Moved:
    target = os.path.join(directory, into)
    os.stat(directory)  # a lost directory, perhaps with its disk, is not recreated
    if names:
        os.makedirs(target, exist_ok=True)
    stayed = []
    for name in names:
        if why := _move(os.path.join(directory, name), os.path.join(target, name)):
            stayed.append(Obstacle(name, why))
    if not os.path.isdir(target):
        return Moved((), stayed)
    return Moved(list(_files(target)), stayed)


def _move(old: bytes, new: bytes) -> str:
    """Rename a file to a name that does not exist; return why it failed, or "".

    Links, then removes the old name: unlike a rename this fails if the new name exists,
    and it can be interrupted and repeated at any point.
    """
    if not os.path.lexists(old):
        return ""
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError as error:
        if os.path.lexists(new):
            if not _is_same(old, new):
                return "a file of that name exists"
        else:
            return _renamed(old, new, error)
    with suppress(FileNotFoundError):  # another process has moved it
        os.unlink(old)
    return ""


def _is_same(old: bytes, new: bytes) -> bool:
    try:
        return os.path.samefile(old, new)
    except OSError:
        return False


def _renamed(old: bytes, new: bytes, failure: OSError) -> str:
    """Rename a file, perhaps on a file system without hard links."""
    try:
        os.rename(old, new)
    except FileNotFoundError:
        return "" if not os.path.lexists(old) else str(failure.strerror)
    except OSError:
        return str(failure.strerror)
    return ""
