"""One connection, and the instruments that take turns on it."""

from __future__ import annotations

import asyncio
from typing import Any

from daqpv.core.timing.turns import Turns
from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    ProtocolError,
    quoted,
)
from daqpv.instruments.driver.trace import Show
from daqpv.instruments.lines.inbox import Exchange
from daqpv.instruments.lines.line import Party
from daqpv.links.stream.parties import Parties
from daqpv.links.stream.step import Deadline, Step
from daqpv.links.stream.traced import TracedWire
from daqpv.links.stream.wire import Wire

_MOST_UNSENT = 64 * 1024  # bytes that wait: the other side does not read
_TURNS = 60.0  # [s] for exchanges of all others on a line
_JOINING = 0.1  # [s] after the opening: what comes has begun before


class StreamLine:
    """A connection that carries bytes. It implements `daqpv.instruments.lines.Line`.

    An exchange begins when the line is in step: what came late has been dropped. After
    an exchange without an answer, a connection that starts afresh is closed; unless it
    loses late answers for sure, nothing is sent until the time of one is over.

    Args:
        wire: carries the bytes.
        is_shared: several instruments answer behind the connection, so that a new one
            may get answers to questions of the one before.
    """

    def __init__(self, wire: Wire, *, is_shared: bool = False) -> None:
        self.who = wire.who
        self.life = 0
        self._wire: Wire = wire
        self._is_shared = is_shared
        self._is_fresh = wire.is_fresh and not is_shared
        self._turns = Turns()
        self._deadline = Deadline(self._late)
        self._timeout = 0.0  # of the exchange that runs
        self._loop: asyncio.AbstractEventLoop  # set by `open`
        self._parties, self._step = Parties(), Step()
        self._exchange: Exchange | None = None
        self._done: asyncio.Future[None] | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._opened = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and needs no other opening."""
        return self._wire.is_open

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._wire.is_connected

    @property
    def longest_opening(self) -> float:
        """Time for the opening at most [s], with the turns of others."""
        return self._wire.longest_opening + (_TURNS if self._is_shared else 0.0)

    async def open(self, party: Party) -> None:
        """Connect, unless another party has.

        Raises:
            NotConnectedError: no connection.
        """
        async with self._turns:
            self._parties.add(party)
            if not self._wire.is_open:
                self._shut()
                await self._wire.closed()
                self._loop = asyncio.get_running_loop()
                await self._wire.open(self)

    async def close(self, party: Party) -> None:
        """Take leave; the connection closes with the last party."""
        self._parties.remove(party)
        if not self._parties:
            self._shut()
            await self._wire.closed()

    async def talk(
        self, party: Party, exchange: Exchange, *, timeout: float, gap: float
    ) -> Any:
        """Do one exchange, when it is its turn; see `Line`."""
        if not self._turns.is_mine():
            await self._turns.take()
        try:
            if gap or self._step.is_doubtful or party.inbox.is_midway:
                await self._in_step(party, gap)
            self._check(party, exchange)
            try:
                self._begin(party, exchange, timeout)
                if self._done is not None:
                    await self._done
            except asyncio.CancelledError:
                self._spoilt(timeout)
                raise
            finally:
                self._deadline.end()
                self._done = self._exchange = None
                party.inbox.end()
                self._step.ended = self._loop.time()
            if exchange.error is None:
                return exchange.value
            if isinstance(exchange.error, LinkError):
                self._spoilt(timeout)
            raise exchange.error
        finally:
            self._turns.give()

    def _begin(self, party: Party, exchange: Exchange, timeout: float) -> None:
        """Send the question; `_done` becomes the end of the answer, if one comes."""
        self._parties.speaker = party
        self._exchange, self._timeout = exchange, timeout
        self._wire.write(party.inbox.begin(exchange))
        if not exchange.is_done:
            self._done = self._loop.create_future()
            self._deadline.begin(self._loop, timeout)

    def trace(self, show: Show) -> None:
        """Show all bytes from now on."""
        self._wire = TracedWire(self._wire, show)

    async def rest(self, party: Party, seconds: float) -> None:
        """Send nothing for that time [s]; what comes is dropped."""
        async with self._turns:
            party.inbox.is_deaf = True
            try:
                await asyncio.sleep(seconds)
            finally:
                party.inbox.is_deaf = False

    def doubt(self, seconds: float) -> None:
        """Whatever comes in the next seconds [s] belongs to no later exchange."""
        self._step.doubt(seconds)

    # -- the receiver of the wire

    def joined(self) -> None:
        """There is a new connection."""
        self._parties.reset()
        self._opened = self._loop.time()
        self.life += 1

    def received(self, data: bytes) -> None:
        """Bytes have come: they are for the exchange that runs, or unasked."""
        self._step.heard = now = self._loop.time()
        if self._opened:
            self._joined(now)
        try:
            speaker = self._parties.speaker
            if self._done is not None and speaker is not None:
                self._feed(speaker, data)
                return
            for party in self._parties.listening():
                self._feed(party, data)
        except ProtocolError as error:
            self._fail(error, error)

    def boundary(self) -> None:
        """What has come so far is a whole message."""
        self._silence = None
        speaker = self._parties.speaker
        if self._done is not None and speaker is not None:
            self._answer(speaker, speaker.inbox.boundary())
            return
        for party in self._parties.listening():
            party.inbox.boundary()

    def lost(self, error: LinkError) -> None:
        """The connection is gone."""
        exchange, party = self._exchange, self._parties.speaker
        if exchange is None or party is None:
            self._fail(error, error)
            return
        self._fail(error, _closed(party, exchange, error))

    def _joined(self, now: float) -> None:
        """The first bytes have come: are they the middle of a line?"""
        is_midway = now < self._opened + _JOINING and self._done is None
        self._opened = 0.0
        if is_midway and self._wire.joins_midway:
            self._parties.cut()

    def _feed(self, party: Party, data: bytes) -> None:
        inbox = party.inbox
        self._answer(party, inbox.feed(data))
        if inbox.silence:
            if self._silence is not None:
                self._silence.cancel()
            self._silence = self._loop.call_later(inbox.silence, self.boundary)

    def _answer(self, party: Party, reply: bytes) -> None:
        """Send what an exchange has to say now, and wake whoever waits for its end."""
        if reply:
            self._wire.write(reply)
        done = self._done
        if done is None or done.done() or party is not self._parties.speaker:
            return
        if self._exchange is not None and self._exchange.is_done:
            done.set_result(None)

    # -- in step, and out of it

    def _check(self, party: Party, exchange: Exchange) -> None:
        if not self._wire.is_connected:
            raise _gone(party)
        if exchange.steps is None and self._wire.unsent > _MOST_UNSENT:
            self._shut()
            raise _full(party)

    async def _in_step(self, party: Party, gap: float) -> None:
        """Wait until the line is in step, and `gap` [s] after the last exchange.

        Raises:
            ProtocolError: the other side does not stop to send.
        """
        step, inbox = self._step, party.inbox
        is_doubtful = step.is_doubtful
        if is_doubtful or (inbox.is_midway and not inbox.framing.is_line):
            never = self._parties.is_any_heard
            try:
                await step.silence(party.who, self._wire, is_never_silent=never)
            except ProtocolError as error:
                self._fail(error, error)
                raise
        if is_doubtful:
            self._parties.drop()
        await step.gap(gap)

    def _late(self) -> None:
        """The time of the exchange is over."""
        exchange, party = self._exchange, self._parties.speaker
        if exchange is not None and party is not None and not exchange.is_done:
            exchange.fail(_no_answer(party, exchange, self._timeout))
            self._answer(party, b"")

    def _spoilt(self, timeout: float) -> None:
        """An answer may come late: it must not become another's."""
        if self._is_fresh:
            self._shut()
        if self._wire.is_relayed or not self._is_fresh:
            self._step.doubt(timeout)

    def _fail(self, error: LinkError, instead: LinkError) -> None:
        """End the connection, and tell everybody.

        Args:
            error: for those who wait for nothing.
            instead: for the exchange that runs.
        """
        self._shut()
        exchange, busy = self._exchange, self._parties.speaker
        if exchange is not None and busy is not None:
            exchange.fail(instead)
            self._answer(busy, b"")
        self._parties.lost(error, but=None if exchange is None else busy)

    def _shut(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if self._exchange is None:
            self._deadline.cancel()
        self._wire.close()


def _closed(party: Party, exchange: Exchange, error: LinkError) -> NoAnswerError:
    return NoAnswerError(
        f"{party.who} has not answered {quoted(exchange.text)}: {error}",
        timed_out=False,
    )


def _no_answer(party: Party, exchange: Exchange, timeout: float) -> NoAnswerError:
    return NoAnswerError(
        f"{party.who} has not answered {quoted(exchange.text)} in {timeout:g} s. Is it "
        "on, and are terminator and address right?",
        timed_out=True,
    )


def _gone(party: Party) -> NotConnectedError:
    return NotConnectedError(
        f"{party.who}: the connection is gone. It is made again by itself"
    )


def _full(party: Party) -> NoAnswerError:
    return NoAnswerError(
        f"{party.who} does not take what is sent. Switch it off and on", timed_out=True
    )
