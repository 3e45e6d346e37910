"""Whether a line is in step: what comes now belongs to what is asked now."""

from __future__ import annotations

import asyncio

from daqpv.errors import ProtocolError
from daqpv.links.stream.wire import Wire

_PATIENCE = 2.0  # [s] for a line to become silent


class Step:
    """Keeps the times of a line, and waits until it is in step.

    Attributes:
        heard: when the last byte came, by the event loop's clock.
        ended: when the last exchange ended.
    """

    def __init__(self) -> None:
        self.heard = self.ended = 0.0
        self._doubt = 0.0  # until then late answers may come; 0: it is in step

    @property
    def is_doubtful(self) -> bool:
        """Whether late answers may come."""
        return self._doubt > 0

    def doubt(self, seconds: float) -> None:
        """Late answers may come in the next seconds [s]."""
        now = asyncio.get_running_loop().time()
        self._doubt = max(self._doubt, now + seconds)

    async def silence(self, who: str, wire: Wire, *, is_never_silent: bool) -> None:
        """Wait until no late answer can come, and nothing comes any more.

        Args:
            who: the instrument, for sentences.
            wire: the connection; if it closes, the wait ends.
            is_never_silent: lines come unasked; only late answers are waited for.

        Raises:
            ProtocolError: the other side does not stop to send.
        """
        loop = asyncio.get_running_loop()
        limit = max(self._doubt, loop.time()) + _PATIENCE
        while wire.is_open:
            until, now = self._doubt, loop.time()
            if not is_never_silent:
                until = max(until, self.heard + wire.quiet)
            if now >= until:
                break
            if now > limit:
                raise ProtocolError(
                    f"{who} does not stop to send. Is it set to send by itself, or is "
                    "the baud rate wrong?"
                )
            await asyncio.sleep(until - now)
        self._doubt = 0.0

    async def gap(self, seconds: float) -> None:
        """Wait until so much time [s] has passed since the last exchange."""
        wait = self.ended + seconds - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)
