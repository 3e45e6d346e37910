"""Instruments that are reached by VISA: GPIB, USB-TMC, VXI-11, HiSLIP, sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from daqpv.core.threads import Crew
from daqpv.core.timing.turns import Turns
from daqpv.errors import LinkError, NoAnswerError, NotConnectedError, quoted
from daqpv.instruments.driver.trace import Show
from daqpv.instruments.lines.inbox import Exchange
from daqpv.instruments.lines.line import Party
from daqpv.links.stream.visa_session import VisaSession

_OPENING = 10.0  # [s]
_LONGER = 1.0  # [s] until a call that should have ended is left behind
_CLOSING = 1.0  # [s]


class _Opening:
    """Opens a session in a thread, whose caller may leave it meanwhile."""

    def __init__(
        self, resource: str, backend: str, end: bytes, *, is_suspect: bool
    ) -> None:
        self._make = partial(VisaSession, resource, backend, end, is_suspect=is_suspect)
        self._session: VisaSession | None = None

    def open(self) -> VisaSession:
        """Open it."""
        self._session = self._make()
        return self._session

    def abandon(self) -> None:
        """Close it again, if it was opened."""
        if self._session is not None:
            self._session.close()


class VisaLine:
    """A VISA resource. It implements `daqpv.instruments.lines.Line`.

    The library blocks, so its calls run in a thread of the resource's own. After an
    exchange without an answer the session is closed: what comes late is lost with it,
    or cleared when it is opened again.

    Args:
        resource: ``TCPIP::192.168.1.5::INSTR``.
        backend: of pyvisa.
        end: of what comes, on sockets and serial ports.
    """

    def __init__(self, resource: str, backend: str, end: bytes) -> None:
        self.who = resource
        self.life = 0
        self._how = resource, backend, end
        self._crew = Crew(f"the VISA library, for {resource},")
        self._turns = Turns()
        self._session: VisaSession | None = None
        self._is_suspect = False
        self._closing: asyncio.Future[None] | None = None
        self._ended = 0.0
        self._show: Show | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return self._session is not None

    @property
    def is_connected(self) -> bool:
        """The same."""
        return self.is_open

    @property
    def longest_opening(self) -> float:
        """Time for the opening at most [s]."""
        return _OPENING

    async def open(self, party: Party) -> None:
        """Open the session.

        Raises:
            NotConnectedError: no connection.
        """
        async with self._turns:
            if self._session is not None:
                return
            await self._closed()
            party.inbox.reset()
            opening = _Opening(*self._how, is_suspect=self._is_suspect)
            try:
                self._session = await self._crew.call(opening.open, timeout=_OPENING)
            except BaseException as error:
                self._crew.submit(opening.abandon)  # the thread's next call
                if isinstance(error, NoAnswerError):
                    text = f"{error}. Is the instrument on?"
                    raise NotConnectedError(text) from error
                raise
            self._is_suspect = False
            self.life += 1

    async def close(self, party: Party) -> None:
        """Close the session."""
        self._shut()
        await self._closed()

    async def talk(
        self, party: Party, exchange: Exchange, *, timeout: float, gap: float
    ) -> Any:
        """Do one exchange; see `Line`."""
        async with self._turns:
            loop = asyncio.get_running_loop()
            if gap and (wait := self._ended + gap - loop.time()) > 0:
                await asyncio.sleep(wait)
            if self._session is None:
                raise NotConnectedError(
                    f"{party.who}: the connection is gone. It is made again by itself"
                )
            try:
                await self._run(party, exchange, timeout)
            except BaseException:  # also cancellation: an answer may come yet
                self._is_suspect = True
                self._shut()
                raise
            finally:
                party.inbox.end()
                self._ended = loop.time()
        if isinstance(exchange.error, LinkError):
            self._is_suspect = True
            self._shut()
        if exchange.error is not None:
            raise exchange.error
        return exchange.value

    async def rest(self, party: Party, seconds: float) -> None:
        """Send nothing for that time [s]; what comes is dropped."""
        async with self._turns:
            await asyncio.sleep(seconds)
            if self._session is not None:
                await self._crew.call(self._session.drain, timeout=_LONGER)

    def trace(self, show: Show) -> None:
        """Show all messages from now on."""
        self._show = show

    def doubt(self, seconds: float) -> None:
        """An answer may come yet: the session is opened again."""
        self._is_suspect = True
        self._shut()

    async def _run(self, party: Party, exchange: Exchange, timeout: float) -> None:
        """Send, and read until the exchange is done.

        Raises:
            NoAnswerError: no whole answer came.
            ProtocolError: far too much came.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        await self._write(party.inbox.begin(exchange), timeout)
        while not exchange.is_done:
            data = await self._read(party, exchange, end - loop.time(), timeout)
            reply = party.inbox.feed(data)
            if self._session is not None and self._session.has_end:
                reply += party.inbox.boundary()
            if reply:
                await self._write(reply, timeout)

    async def _write(self, data: bytes, timeout: float) -> None:
        assert self._session is not None
        if self._show is not None:
            self._show(True, data)
        limit = timeout + _LONGER
        await self._crew.call(self._session.write, data, timeout, timeout=limit)

    async def _read(
        self, party: Party, exchange: Exchange, left: float, timeout: float
    ) -> bytes:
        assert self._session is not None
        try:
            if left <= 0:
                raise NoAnswerError("", timed_out=True)
            data = await self._crew.call(
                self._session.read, left, timeout=left + _LONGER
            )
        except NoAnswerError as error:
            raise NoAnswerError(
                f"{party.who} has not answered {quoted(exchange.text)} in {timeout:g} "
                "s. Is it on, and are terminator and question right?",
                timed_out=True,
            ) from error
        except NotConnectedError as error:
            raise NoAnswerError(
                f"{party.who} has not answered {quoted(exchange.text)}: {error}",
                timed_out=False,
            ) from error
        if self._show is not None:
            self._show(False, data)
        return data

    def _shut(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._closing = asyncio.wrap_future(self._crew.submit(session.close))

    async def _closed(self) -> None:
        """Wait until the session before is closed, for a short time."""
        if self._closing is not None:
            closing, self._closing = self._closing, None
            with suppress(Exception):
                await asyncio.wait([closing], timeout=_CLOSING)
