"""Moves the files of a data router out of staging, and reports each once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from daqpv.core import Folding
from daqpv.errors import LinkError, NotConnectedError, OperationError, counted
from daqpv.routers.following import Follower, Pace, Polling
from daqpv.routers.link import DataFile, Obstacle, RouterLink, printable
from daqpv.routers.snapshot import with_files

STILL = 0.25  # [s] files that are the same so much later have stopped growing
GROWS = 2.0  # [s] files that grow for longer are reported
GROWING = 120.0  # [s] after which files that still grow are not waited for
MOVE = 60.0  # [s] for one exchange that moves files
GRACE = 5.0  # [s] for one that is on its way when it is called back
SLICE = 100  # files that are reported in one turn of the event loop

_EACH = Folding(singly=100_000)
_MOST = 3  # obstacles in one sentence

Told = Callable[[str, int], None]

T = TypeVar("T")


class Mover:
    """Moves all files in staging, one directory at a time.

    Args:
        router: the router as a device.
        link: to the router.
        follower: knows where it writes.
        pace: deadlines of an exchange.
    """

    def __init__(
        self, router: Polling, link: RouterLink, follower: Follower, pace: Pace
    ) -> None:
        self._router = router
        self._link = link
        self._follower = follower
        self._timeout = pace.timeout
        self._moving = asyncio.Lock()
        self._moved: dict[str, set[bytes]] = {}  # reported files, by directory

    async def directory(self) -> bytes:
        """The directory to which it writes, as last seen.

        Raises:
            LinkError: it was never seen, and is not now.
        """
        if self._follower.directory is None:
            await self._router.poller.observe()
        if self._follower.directory is None:
            raise NotConnectedError(
                f"{self._router.name}: it is not known yet to which directory it writes"
            )
        return self._follower.directory

    async def move(self, into: str, moved: Told) -> str:
        """Move all in staging to the directory `into` of it.

        Returns:
            Its path; "" if there was nothing in staging.
        """
        async with self._moving:
            directory = await self.directory()
            files = await self._still(directory)
            names = [file.name for file in files]
            move = self._link.move(directory, names, into, timeout=MOVE)
            result = await _whole(move)
            stayed = {obstacle.name for obstacle in result.stayed}
            there = [file for file in result.there if file.name not in stayed]
            await _whole(self._report(there, directory, into, moved))
            with suppress(LinkError):
                files = await self._files(directory)
                self._router.change(with_files(self._router.snapshot, files))
            if there:
                text = f"{counted(len(there), 'file')} now in {into}"
                self._router.change(replace(self._router.snapshot, message=text))
            if result.stayed:
                raise OperationError(self._why(result.stayed, directory, into))
            self._moved.pop(into, None)
            return f"{printable(directory)}/{into}" if names else ""

    async def _report(
        self, files: Sequence[DataFile], directory: bytes, into: str, moved: Told
    ) -> None:
        """Report each file once, also one that was moved before the link was cut.

        Files that were moved for an earlier daqpv process are reported again.
        """
        known = self._moved.setdefault(into, set())
        new = [file for file in files if file.name not in known]
        for count, file in enumerate(new, start=1):
            known.add(file.name)
            path = f"{printable(directory)}/{into}/{printable(file.name)}"
            text = f"{self._router.name}: {path} ({file.size} bytes)"
            # the run reports their number; file and store keep each
            self._router.emit(
                "file moved",
                text,
                folding=_EACH,
                path=path,
                size=file.size,
                aside=True,
            )
            moved(path, file.size)
            if count % SLICE == 0:
                await asyncio.sleep(0)

    async def _still(self, directory: bytes) -> Sequence[DataFile]:
        """The files in staging, as soon as none of them grows any more.

        Raises:
            OperationError: one of them still does after `GROWING`.
            LinkError: they cannot be listed.
        """
        before = await self._files(directory)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(GROWING):
                while before:
                    await asyncio.sleep(STILL)
                    now = await self._files(directory)
                    if set(now) == set(before):
                        break
                    before = now
                    if loop.time() - began > GROWS:
                        text = (
                            "The files still grow, so they are not moved. That is "
                            f"given up after {GROWING:g} s. Who takes data?"
                        )
                        self._router.change(
                            replace(self._router.snapshot, growing=True, message=text)
                        )
        except TimeoutError as error:
            raise OperationError(
                f"The files in {printable(directory)} still grow after "
                f"{GROWING:g} s, so they stay there. Who takes data?"
            ) from error
        finally:
            self._router.change(replace(self._router.snapshot, growing=False))
        return before

    async def _files(self, directory: bytes) -> Sequence[DataFile]:
        return await self._link.files(directory, timeout=self._timeout)

    def _why(self, stayed: Sequence[Obstacle], directory: bytes, into: str) -> str:
        each = "; ".join(f"{printable(one.name)}: {one.why}" for one in stayed[:_MOST])
        more = f"; and {len(stayed) - _MOST} more" if len(stayed) > _MOST else ""
        return (
            f"{counted(len(stayed), 'file')} left in {printable(directory)}, "
            f"the others are in {into}: {each}{more}"
        )


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Do `work`; a cancel waits for its end, so that each move is reported whole."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=GRACE)
        if not task.cancel() and not task.cancelled():
            task.exception()  # retrieved: no caller is left
        raise
