"""The driver of instruments that append to text files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from daqpv.core import Events, EventSeverity
from daqpv.errors import LinkError, NotConnectedError, RefusedError
from daqpv.instruments.driver import Block, Frame, Listener, Read, Request
from daqpv.instruments.textfiles.bad_lines import BadLine
from daqpv.instruments.textfiles.position import Positions
from daqpv.links.textfiles.follower import Follower

KEEP = 2.0
"""Least time between two times that positions are kept [s]."""

ENDING = 2.0
"""[s] for keeping positions at the end."""


class TextFiles:
    """Follows text files: a `daqpv.instruments.driver.Driver`.

    Args:
        name: of the instrument.
        follower: of the files.
        positions: keeps up to where they were read.
        events: reports what cannot be kept.
        period: time between two looks at the files [s].

    Attributes:
        who: instrument and files, for sentences.
        polls: False: values come when they are written.
    """

    polls = False

    def __init__(
        self,
        name: str,
        follower: Follower,
        *,
        positions: Positions,
        events: Events,
        period: float = 1.0,
    ) -> None:
        self.who = f"{name} at {follower.pattern}"
        self._name = name
        self._follower = follower
        follower.news.tell = self._heard
        self._positions = positions
        self._events = events
        self._period = period
        self._listener: Listener | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_loaded = self._is_open = self._is_refused = False
        self._kept_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the files are followed."""
        return self._is_open

    @property
    def lines_ok(self) -> int:
        """Lines that were read well, since the start of the process."""
        return self._follower.news.good

    @property
    def lines_bad(self) -> int:
        """Lines that were not."""
        return self._follower.news.bad_lines.count

    @property
    def bad_lines(self) -> Sequence[BadLine]:
        """The last 100 of them, the newest last."""
        return self._follower.news.bad_lines.last

    def listen(self, listener: Listener) -> None:
        """Give `listener` all lines."""
        self._listener = listener

    async def open(self) -> None:
        """Find the files, and begin to follow them.

        Raises:
            NotConnectedError: there is none, or their disk is away.
            NoAnswerError: the disk hangs.
        """
        follower = self._follower
        follower.begin()
        if not self._is_loaded:
            await self._load()
        if not await follower.look():
            raise NotConnectedError(
                f"{self.who}: no file matches. Does the logger write, and is `file` "
                "right?"
            )
        self._is_open = True
        self._task = asyncio.create_task(self._run(), name=f"files of {self._name}")

    async def exchange(self, request: Request) -> Frame:
        """Values come when they are written, so this reads nothing.

        Raises:
            NotConnectedError: it is not open.
            RefusedError: files cannot be written.
        """
        if not self._is_open:
            raise NotConnectedError(f"{self.who}: the files are not followed")
        if not isinstance(request, Read):
            raise RefusedError(f"{self._name}: text files can only be read")
        return Frame(good=0)

    async def close(self) -> None:
        """End, and keep the positions."""
        self._is_open = False
        task, self._task = self._task, None
        try:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await self._follower.disk.rest(ENDING)
            await self._keep(timeout=ENDING)
        finally:
            self._follower.disk.end()

    async def reparse(self, since: float) -> int:
        """Read all lines from a time on again: the settings of columns were wrong.

        What is heard is history, with source and offset of each line: it takes the
        place of what was read before. Lines are not counted again.

        Args:
            since: UTC [s since 1970].

        Returns:
            How many lines had values.

        Raises:
            LinkError: the files are not followed, or their disk hangs.
        """
        return await self._follower.again.reparse(since)

    async def _run(self) -> None:
        is_first = True
        try:
            while True:
                await self._follower.run_once(is_first=is_first)
                is_first = False
                if asyncio.get_running_loop().time() >= self._kept_at + KEEP:
                    await self._keep()
                await asyncio.sleep(self._period)
        except LinkError as error:
            self._broken(error)
        except Exception as error:
            self._broken(LinkError(f"{self.who}: not followed any more: {error!r}"))
            raise

    async def _load(self) -> None:
        try:
            self._follower.restore(await self._follower.disk.call(self._positions.load))
        except OSError as error:
            self._warn(f"cannot be read, so all lines are read again: {error}")
        self._is_loaded = True

    async def _keep(self, timeout: float = 30.0) -> None:
        """Keep positions; without them, lines are read again after a restart."""
        self._kept_at = asyncio.get_running_loop().time()
        news = self._follower.book.news()
        if not news:
            return
        try:
            await self._follower.disk.call(self._positions.keep, news, timeout=timeout)
            self._is_refused = False
        except BaseException as error:
            self._follower.book.again(news)
            if not isinstance(error, (OSError, LinkError)):
                raise
            if not self._is_refused:
                self._is_refused = True
                self._warn(f"cannot be kept, so a restart reads lines again: {error}")

    def _warn(self, text: str) -> None:
        text = f"{self._name}: the positions in its files {text}"
        severity = EventSeverity.WARNING
        self._events.report("file", text, severity=severity, device=self._name)

    def _heard(self, news: Frame | Block) -> None:
        if self._listener is not None:
            self._listener.heard(news)

    def _broken(self, error: LinkError) -> None:
        self._is_open = False
        if self._listener is not None:
            self._listener.broken(error)
