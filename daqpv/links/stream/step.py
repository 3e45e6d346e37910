"""Whether a line is in step: what comes now belongs to what is asked now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

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
        while wire.is_connected:
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


class Deadline:
    """Calls when the time of the present exchange is over.

    Its timer is not made anew for each exchange: when it fires too early, it is set
    again.

    Args:
        over: is called.
    """

    def __init__(self, over: Callable[[], None]) -> None:
        self._over = over
        self._at = 0.0  # by the event loop's clock; 0: there is none
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """It is over in so much time [s]."""
        self._at = loop.time() + seconds
        timer = self._timer
        if timer is None:
            self._timer = loop.call_at(self._at, self._fired, loop)
        elif timer.when() > self._at:
            timer.cancel()
            self._timer = loop.call_at(self._at, self._fired, loop)

    def end(self) -> None:
        """The exchange has ended."""
        self._at = 0.0

    def cancel(self) -> None:
        """Nothing is called any more."""
        self._at = 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._at > loop.time():
            self._timer = loop.call_at(self._at, self._fired, loop)
        elif self._at:
            self._at = 0.0
            self._over()
