"""Single exchanges with an instrument, besides its cycles: one at a time."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from daqpv.core.devices.poller import GRACE
from daqpv.core.timing.turns import Turns
from daqpv.errors import (
    NoAnswerError,
    NotConnectedError,
    ProtocolError,
    UnknownOutcomeError,
)
from daqpv.instruments.driver import Driver, Frame, Raw, Read, Request, Write


class Wire:
    """The way to an instrument: exchanges take turns, and each has a deadline.

    Args:
        driver: the link to it.
        timeout: longest time of an exchange [s]; the driver's own deadlines are
            shorter.

    Attributes:
        turn: held during an exchange, and while it is opened or closed.
    """

    def __init__(self, driver: Driver, timeout: float) -> None:
        self.turn = Turns()
        self._driver = driver
        self._timeout = timeout

    async def write(self, channel: str, raw: Raw) -> Frame:
        """Write `raw` to a channel, once.

        Raises:
            NotConnectedError: nothing was sent.
            OperationError: the instrument refuses it, in its own words.
            UnknownOutcomeError: sent, and whether it arrived is not known.
        """
        try:
            return await self._exchange(Write(channel, raw))
        except (NoAnswerError, ProtocolError, TimeoutError) as error:
            text = f"{self._driver.who}: whether it took {raw!r} is not known: {error}"
            raise UnknownOutcomeError(text) from error

    async def look(self, channel: str, cycle: int) -> Frame:
        """Read one channel now.

        Raises:
            LinkError: there was no good answer.
        """
        try:
            return await self._exchange(Read(cycle, frozenset({channel})))
        except TimeoutError as error:
            text = f"{self._driver.who}: no answer in {self._timeout + GRACE:g} s"
            raise NoAnswerError(text, timed_out=True) from error

    async def idle(self, within: float) -> None:
        """Wait until no exchange is on the wire, at most `within` [s]."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within), self.turn:
                pass

    async def _exchange(self, request: Request) -> Frame:
        async with self.turn:
            if not self._driver.is_open:
                raise NotConnectedError(
                    f"{self._driver.who} is not connected any more, and nothing was "
                    "sent. It is tried again; then put it once more"
                )
            async with asyncio.timeout(self._timeout + GRACE):
                return await self._driver.exchange(request)
