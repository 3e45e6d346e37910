"""The outbox: collects the changes of one loop turn and sends them in one flush."""

from __future__ import annotations

import asyncio

from daqpv.serve.pv.follower import Followed, Writer

_MANY = 128  # changes: sent at once, so that clients begin to read early (0.2 ms)


class Outbox:
    """Collects changes; sends them at the end of the loop turn, or when there are many.

    A change is packed when it is drained, once for all clients. A source that changes
    twice in one turn is drained in between: each change is one event.

    Attributes:
        events: monitor events handed to clients so far.
        dirty: sources with changes that are not drained yet, with their masks.
    """

    def __init__(self) -> None:
        self.events = 0
        self.dirty: dict[Followed, int] = {}
        self._writers: set[Writer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._armed = False

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to send; earlier changes reach only listeners in this process."""
        self._loop = loop
        if self.dirty:
            self._arm()

    def mark(self, source: Followed, mask: int) -> None:
        """Mark `source` as changed; `mask` names the changes.

        Call `due` first if the source may be marked already.
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
        """`writer` has data to send at the end of this turn."""
        self._writers.add(writer)
        if not self._armed:
            self._arm()

    def _arm(self) -> None:
        if self._loop is not None:
            self._armed = True
            self._loop.call_soon(self.flush)

    def drain(self) -> None:
        """Send all changes to the followers, in the order in which they were marked."""
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
