"""The thread that looks into folders and reads files of one instrument."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from daqpv.core.threads import Crew
from daqpv.errors import NotConnectedError
from daqpv.instruments.textfiles.layout import Layout
from daqpv.links.textfiles.folders import Folders
from daqpv.links.textfiles.reader import Reader, breathe

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

PATIENCE = 30.0
"""[s] for one look into the folders, or for a piece of a file, until a disk hangs."""


class Disk:
    """Calls what blocks, in one thread with files that stay open.

    Args:
        pattern: of the files, an absolute path.
        layout: of their lines.
        patience: for one call, until the disk hangs [s].

    Attributes:
        folders: finds the files.
        reader: reads them.
    """

    def __init__(
        self, pattern: str, layout: Layout, *, patience: float = PATIENCE
    ) -> None:
        self.pattern = pattern
        self.folders = Folders(pattern, breathe)
        self.reader = Reader(layout)
        self._layout = layout
        self._patience = patience
        self._crew: Crew | None = None
        self._calls: set[asyncio.Task[object]] = set()

    def begin(self) -> None:
        """Make the thread, unless one still hangs in a call."""
        if self._crew is None:
            self._crew = Crew(f"the disk of {self.folders.root}")

    async def call(
        self, work: Callable[[*Ts], T], *args: *Ts, timeout: float | None = None
    ) -> T:
        """Call `work` in the thread.

        The caller may be cancelled; the call goes on until it ends, or until `rest`.

        Raises:
            LinkError: the disk hangs, or the thread was closed.
        """
        if self._crew is None:
            raise NotConnectedError(f"{self.pattern} is closed")
        timeout = self._patience if timeout is None else timeout
        call = asyncio.ensure_future(self._crew.call(work, *args, timeout=timeout))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return await asyncio.shield(call)

    async def rest(self, timeout: float) -> None:
        """Wait until no call runs; those that hang are left behind."""
        calls = set(self._calls)
        if not calls:
            return
        await asyncio.wait(calls, timeout=timeout)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def end(self) -> None:
        """Close files and thread; one that hangs is left as it is."""
        crew = self._crew
        if crew is not None and not crew.stuck:
            self._crew = None
            crew.submit(self.reader.close)
            crew.close()
