"""The driver of instruments that speak in lines, whatever the connection."""

from __future__ import annotations

from daqpv.core import Status
from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    ProtocolError,
    quoted,
)
from daqpv.instruments.driver import Fault, Frame, Listener, Raw, Request, Write
from daqpv.instruments.driver.trace import Show
from daqpv.instruments.lines.beginning import Beginning
from daqpv.instruments.lines.commands import Commands
from daqpv.instruments.lines.cycle import Cycle
from daqpv.instruments.lines.exchanges import Answer, DeviceRefusalError, Exchanges
from daqpv.instruments.lines.framing import Framing
from daqpv.instruments.lines.inbox import Exchange, Inbox
from daqpv.instruments.lines.line import Line
from daqpv.instruments.lines.plan import Plan, Question
from daqpv.instruments.lines.silent import Silent
from daqpv.instruments.lines.unasked import Unasked
from daqpv.instruments.settings import InstrumentSettings

_SETTLED = 0.05  # [s] in which an unwanted answer to a text of `init` comes
_MOST_SILENT = 2  # questions without an answer, and none with: the instrument is gone


class LineDriver:
    """An instrument that speaks in lines.

    Args:
        name: of the instrument.
        settings: of the instrument.
        line: the connection to it.

    Raises:
        ValueError: a setting cannot be used.

    Attributes:
        who: the instrument and its address.
        polls: whether it is asked for anything.
        reads: keys of the channels that it sends; others are only written.
        inbox: what comes from it.
        hears: it sends lines unasked.
    """

    def __init__(self, name: str, settings: InstrumentSettings, line: Line) -> None:
        self.who = f"{name} at {line.who}"
        self._name = name
        self._line = line
        self._talk = settings
        framing = Framing(settings)
        self._gap = framing.gap
        self._plan = Plan(settings)
        self._exchanges = Exchanges(self.who, settings, framing)
        self._unasked = Unasked(self._plan, settings, framing)
        self._exchanges.stray = self._unasked.takes
        self._commands = Commands(self.who, settings, self._plan)
        self._beginning = Beginning(settings, self._plan, self._exchanges)
        self.polls = bool(self._plan.questions)
        self.reads = self._plan.reads
        self.hears = bool(self._plan.streams)
        self.inbox = Inbox(
            framing,
            self._unasked.message,
            self.who,
            paced=settings.echo == "character",
            silence=max(settings.gap, _SETTLED) if framing.by_silence else 0.0,
        )
        self.unended = self.inbox.unended
        self._tries = (False,) * settings.retries + (True,)
        self._is_open = False
        self._life = -1  # of the line, when this instrument was opened
        self._begun: dict[str, Raw] = {}  # values that came with `init`
        self._silent = Silent()

    @property
    def is_open(self) -> bool:
        """Whether `exchange` can be called."""
        return self._is_open and self._line.is_open

    @property
    def longest_cycle(self) -> float:
        """A cycle that takes longer, with an opening before, has failed [s].

        Each exchange has a time-out of its own, and waits for as long if the one before
        had no answer.
        """
        talk = self._talk
        asked = talk.questions * (1 + talk.retries) + len(talk.init) + 3
        opening = self._line.longest_opening + talk.settle_time
        return opening + asked * (2 * talk.timeout + talk.gap)

    def listen(self, listener: Listener) -> None:
        """Give `listener` the lines that come unasked."""
        self._unasked.listener = listener

    def trace(self, show: Show) -> None:
        """Show all bytes from now on."""
        self._line.trace(show)

    async def open(self) -> None:
        """Connect, wait, and send what the instrument needs at the start.

        Raises:
            NotConnectedError: no connection.
            NoAnswerError: connected, and no answer to a question of `init`.
            ProtocolError: an answer to `identity` or `init` that does not fit: another
                instrument.
        """
        self._life = -1
        self._is_open = False
        try:
            await self._line.open(self)
        except NotConnectedError as error:
            raise self._named(error) from error
        if self._line.is_connected:
            await self._begin()
        self._is_open = True

    async def _begin(self) -> None:
        """Send what the instrument needs after each connection."""
        life = self._line.life
        if self._talk.settle_time:
            await self._line.rest(self, self._talk.settle_time)
        for exchange in self._beginning.steps():
            if exchange is None:
                await self._line.rest(self, max(self._talk.gap, _SETTLED))
                continue
            try:
                self._begun |= await self._done(exchange)
            except (OperationError, ProtocolError) as error:
                raise self._beginning.failed(exchange, error) from error
        self._life = life

    async def exchange(self, request: Request) -> Frame:
        """Read once, or write one channel.

        Raises:
            LinkError: there was no good answer.
            OperationError: the instrument refuses what was written.
            RefusedError: it must never be sent, or cannot be.
        """
        if self._life != self._line.life or not self.polls:
            await self._ready()
        if isinstance(request, Write):
            return await self._write(request)
        cycle = Cycle(dict(self._begun))
        for question in self._silent.in_turn(self._plan.due(request)):
            await self._ask(cycle, question)
            if cycle.failed >= _MOST_SILENT and not cycle.good:
                break
        if not cycle.good and cycle.error is not None and not cycle.bad:
            raise cycle.error
        self._begun = {}
        return cycle.frame(self._unasked.late_so_far())

    async def _ready(self) -> None:
        """Make sure that it is connected, and has been sent what it needs.

        Raises:
            NotConnectedError: it is not.
        """
        if not self._line.is_open:
            raise NotConnectedError(
                f"{self.who}: the connection is gone. It is made again by itself"
            )
        if not self._line.is_connected:
            raise NotConnectedError(
                f"{self.who}: it has not connected. Is it on, and is our address set "
                "in it?"
            )
        if self._life != self._line.life:
            await self._begin()

    async def close(self) -> None:
        """Close; other instruments on the same line keep it open."""
        self._life = -1
        self._is_open = False
        await self._line.close(self)

    def lost(self, error: LinkError) -> None:
        """The connection is gone between two exchanges."""
        life, self._life = self._life, -1
        self._is_open = self._is_open and self._line.is_open
        listener = self._unasked.listener
        if life >= 0 and listener is not None:
            listener.broken(self._named(error))

    def _named(self, error: LinkError) -> LinkError:
        """The error of a line, which does not know its instruments."""
        if self._name in str(error):
            return error
        return NotConnectedError(f"{self._name}: {error}")

    # -- reading

    async def _ask(self, cycle: Cycle, question: Question) -> None:
        """Ask one question; note the answer, or why there is none."""
        for is_last in self._tries:
            exchange = self._exchange(question)
            try:
                if cycle.is_spoilt and not self.is_open:  # closed after a time-out
                    await self.open()
                values = await self._line.talk(
                    self, exchange, timeout=self._talk.timeout, gap=self._gap
                )
                cycle.take(values or {})
                self._silent.answered(question)
            except DeviceRefusalError as refusal:
                cycle.bad += exchange.bad
                cycle.take(dict.fromkeys(question.channels, Fault(refusal.words)))
            except (NoAnswerError, ProtocolError) as error:
                cycle.is_spoilt = True
                cycle.bad += exchange.bad
                if not is_last:
                    continue
                self._fail(cycle, question, _cause(self.who, exchange, error))
            except NotConnectedError as error:
                if not cycle.good:
                    raise
                cycle.fail(error, {})
            else:
                if exchange.bad:
                    cycle.bad += exchange.bad
                if exchange.is_odd:
                    self._line.doubt(self._talk.timeout)
            return

    def _fail(
        self, cycle: Cycle, question: Question, error: NoAnswerError | ProtocolError
    ) -> None:
        """Note that a question has no answer; it is asked last from now on."""
        self._silent.note(question)
        if isinstance(error, NoAnswerError):
            words = f"no answer to {quoted(question.text)}"
            fault = Fault(words, status=Status.TIMEOUT)
        else:
            fault = Fault(cycle.bad[-1] if cycle.bad else "out of step")
        cycle.fail(error, dict.fromkeys(question.channels, fault))

    def _exchange(self, question: Question) -> Exchange:
        answer = question.answer
        if answer is None:
            return self._exchanges.order(question.text)
        return self._exchanges.question(question.text, answer)

    async def _done(self, exchange: Exchange) -> dict[str, Raw]:
        """Do an exchange.

        Raises:
            ProtocolError: something came in place of the answer.
        """
        try:
            values: dict[str, Raw] | None = await self._line.talk(
                self, exchange, timeout=self._talk.timeout, gap=self._gap
            )
        except NoAnswerError as error:
            raise _cause(self.who, exchange, error) from error
        return values or {}

    # -- writing

    async def _write(self, request: Write) -> Frame:
        text, reply = self._commands.command(request.channel, request.value)
        if reply is None:
            exchange = self._exchanges.order(text)
        else:
            exchange = self._exchanges.question(text, Answer(reply.values))
        values = await self._done(exchange)
        late, good = self._unasked.late_so_far(), int(exchange.steps is not None)
        return Frame(values=values, good=good, bad=exchange.bad, late=late)


def _cause(
    who: str, exchange: Exchange, error: NoAnswerError | ProtocolError
) -> NoAnswerError | ProtocolError:
    """Why there is no answer: perhaps something came in its place."""
    if isinstance(error, ProtocolError) or not exchange.bad:
        return error
    return ProtocolError(
        f"{who}: the answer to {exchange.text!r} does not fit: {exchange.bad[-1]}. "
        "Correct the pattern in the settings, or add the text to `words` or `errors`"
    )
