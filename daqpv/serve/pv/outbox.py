"""The outbox: what has changed in this loop turn, and the one flush that sends it."""

from __future__ import annotations

import asyncio

from daqpv.serve.pv.follower import Followed, Writer

_MANY = 128  # changes: sent at once, for the client may as well begin to read (0.2 ms)


class Outbox:
    """Gathers changes; sends them at the end of the loop turn, or when they are many.

    A change is packed when it is drained, once for all clients. A source that changes
    twice in one turn is drained in between: each change is one event.

    Attributes:
        events: monitor events handed to clients so far.
        dirty: what has changed and is not drained yet, with masks.
    """

    def __init__(self) -> None:
        self.events = 0
        self.dirty: dict[Followed, int] = {}
        self._writers: set[Writer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._armed = False

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to send; changes before that reach listeners alone."""
        self._loop = loop
        if self.dirty:
            self._arm()

    def mark(self, source: Followed, mask: int) -> None:
        """`source` has changed, and `mask` says what of it.

        Call `due` first if it may be here already.
        """
        self.dirty[source] = mask
        if len(self.dirty) >= _MANY and self._loop is not None:
            self.flush()
        elif not self._armed:
            self._arm()

    def due(self, source: Followed) -> bool:
        """Whether an earlier change of `source` has not been drained yet."""
        return source in self.dirty

    def write_later(self, writer: Writer) -> None:
        """`writer` has something to send at the end of this turn."""
        self._writers.add(writer)
        if not self._armed:
            self._arm()

    def _arm(self) -> None:
        if self._loop is not None:
            self._armed = True
            self._loop.call_soon(self.flush)

    def drain(self) -> None:
        """Hand all changes to the followers, in the order in which they came."""
        if not self.dirty:
            return
        dirty, self.dirty = self.dirty, {}
        writers, events = self._writers, 0
        for source, mask in dirty.items():
            for follower in source.followers:
                events += follower.changed(mask, writers)
        self.events += events

    def flush(self) -> None:
        """Drain, and let each connection write once."""
        self._armed = False
        self.drain()
        writers, self._writers = self._writers, set()
        for writer in writers:
            writer.send()
