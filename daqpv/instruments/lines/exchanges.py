"""The exchanges with an instrument, step by step: echo, acknowledge, answer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeAlias, TypeVar

from daqpv.errors import OperationError, ProtocolError, RefusedError, quoted
from daqpv.instruments.lines.framing import Framing
from daqpv.instruments.lines.inbox import Exchange
from daqpv.instruments.lines.refusals import Globs
from daqpv.instruments.lines.words import Expected
from daqpv.instruments.settings import Acknowledge, InstrumentSettings

T = TypeVar("T")

Read: TypeAlias = Callable[[str], dict[str, Any]]
"""Makes the values of an answer; ValueError: it does not fit."""

_Steps = Generator[bytes, bytes, T]


@dataclass(frozen=True, slots=True)
class Answer:
    """How an answer is read.

    Attributes:
        read: makes its values.
        lines: messages that it has.
        is_binary: its bytes are no text.
    """

    read: Read
    lines: int = 1
    _: KW_ONLY
    is_binary: bool = False


class DeviceRefusalError(OperationError):
    """The instrument refuses a question or a command.

    Attributes:
        words: its own, and what they mean.
    """

    def __init__(self, who: str, text: str, words: str) -> None:
        super().__init__(f"{who} refuses {quoted(text)}: {words}")
        self.words = words


class Exchanges:
    """Makes the exchanges of an instrument.

    Args:
        who: the instrument, for sentences.
        talk: its settings; the channels say which words are expected.
        framing: of its messages.

    Attributes:
        stray: is asked whether it takes a message that does not fit an answer: a line
            that came unasked.
    """

    def __init__(self, who: str, talk: InstrumentSettings, framing: Framing) -> None:
        self._who = who
        self._framing = framing
        self._expected = Expected(talk.channels)
        self._has_echo = talk.echo is True
        self._acknowledge = talk.acknowledge
        self._errors = Globs(talk.errors)
        self._denied = Globs.denied(talk.deny)
        self._checked: dict[str, bytes] = {}  # questions that are asked again
        self.stray: Callable[[str], bool] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether an order without an answer is over when it was sent."""
        return not self._has_echo and self._acknowledge is None

    def order(self, text: str | bytes) -> Exchange:
        """Send `text`; no answer is expected, but echo and acknowledge if it has them.

        Raises:
            RefusedError: `text` must not be sent.
        """
        exchange = self.text(text)
        if not self.is_plain:
            exchange.steps = self._order(exchange)
        return exchange

    def text(self, text: str | bytes) -> Exchange:
        """Send `text`; whatever comes back is dropped.

        Raises:
            RefusedError: `text` must not be sent.
        """
        said = text if isinstance(text, str) else text.decode("latin-1")
        data = self._checked.get(said)
        return Exchange(said, self._packed(text, said) if data is None else data)

    def question(self, text: str | bytes, answer: Answer) -> Exchange:
        """Send `text`, and read the answer.

        The exchange fails with `DeviceRefusalError` if the instrument refuses it.

        Raises:
            RefusedError: `text` must not be sent.
        """
        exchange = self.text(text)
        exchange.steps = self._question(exchange, answer)
        return exchange

    def check(self, text: str) -> None:
        """Refuse what must never be sent, or is no single message.

        Raises:
            RefusedError: with the reason.
        """
        self._checked[text] = self._packed(text, text)

    def _packed(self, text: str | bytes, said: str) -> bytes:
        glob = self._denied.meaning(said) if self._denied else None
        if glob is not None:
            raise RefusedError(
                f"{self._who}: {quoted(said)} is never sent: it fits {glob!r} in the "
                "list `deny` of its settings. Take it out of there if it is harmless"
            )
        try:
            return self._framing.packed(text)
        except ValueError as error:
            raise RefusedError(
                f"{self._who}: {error}. Correct the command in its settings, or the "
                "value that was put"
            ) from error

    def _order(self, exchange: Exchange) -> _Steps[dict[str, Any]]:
        if self._has_echo:
            yield from self._echo(exchange)
        if self._acknowledge is not None:
            yield from self._accepted(exchange, self._acknowledge)
        return {}

    def _question(self, exchange: Exchange, answer: Answer) -> _Steps[dict[str, Any]]:
        send = b""
        if self._has_echo:
            yield from self._echo(exchange)
        if self._acknowledge is not None:
            yield from self._accepted(exchange, self._acknowledge)
            send = self._then(self._acknowledge)
        come: list[str] = []
        while True:
            message = yield send
            send = b""
            text = self._text(exchange, message, is_binary=answer.is_binary)
            if text is None:
                continue
            if self._errors:
                self._raise_refusal(exchange, text)
            if answer.lines > 1:
                come.append(text)
                if len(come) < answer.lines:
                    continue
                text = "\n".join(come[-answer.lines :])
            values = self._values(exchange, text, answer)
            if values is not None:
                return values

    def _values(
        self, exchange: Exchange, text: str, answer: Answer
    ) -> dict[str, Any] | None:
        """The values of an answer; None: it does not fit."""
        try:
            values = answer.read(text)
        except ValueError as error:
            if text and not (self.stray and self.stray(text)):
                exchange.misfit(str(error))
            return None
        if not self._expected.has_all(values):  # a word: is it the answer at all?
            if self.stray and self.stray(text):
                return None
            exchange.is_odd = True
        return values

    def _text(
        self, exchange: Exchange, message: bytes, *, is_binary: bool = False
    ) -> str | None:
        try:
            return self._framing.text(message, is_binary=is_binary)
        except ValueError as error:
            exchange.misfit(f"{shown(message)}: {error}")
            return None

    def _then(self, how: Acknowledge) -> bytes:
        """What is sent, after the line that accepts, to get the data."""
        return (how.then or "").encode(self._framing.encoding)

    def _raise_refusal(self, exchange: Exchange, text: str) -> None:
        meaning = self._errors.meaning(text)
        if meaning is not None:
            raise self._refusal(exchange, meaning, text)

    def _refusal(
        self, exchange: Exchange, meaning: str, text: str
    ) -> DeviceRefusalError:
        words = f"{meaning} ({text})" if meaning and text != meaning else text
        return DeviceRefusalError(self._who, exchange.text, words[:200])

    def _echo(self, exchange: Exchange) -> _Steps[None]:
        message = yield b""
        wanted = exchange.data.removesuffix(self._framing.send_end)
        wanted = self._framing.stripped(wanted)
        if message != wanted:
            raise ProtocolError(
                f"{self._who} sent {quoted(shown(message))} in place of the echo of "
                f"{quoted(exchange.text)}. If this goes on: does the instrument echo, "
                "or is another program on the same line?"
            )

    def _accepted(self, exchange: Exchange, how: Acknowledge) -> _Steps[None]:
        """Wait for the line that accepts."""
        while True:
            message = yield b""
            try:
                text = self._framing.plain(message)
            except ValueError as error:
                exchange.misfit(f"{shown(message)}: {error}")
                continue
            if text.strip(" ") == how.ok:
                return
            if text.strip(" ") == how.refused:
                why = yield from self._why(exchange, how)
                raise self._refusal(exchange, why or "no reason is known", "NAK")
            if text:
                exchange.misfit(f"{quoted(text)}: not the line that accepts a command")

    def _why(self, exchange: Exchange, how: Acknowledge) -> _Steps[str]:
        """Ask for the reason of a refusal."""
        if how.why is None:
            return ""
        message = yield self._framing.packed(how.why)
        if message.decode("latin-1").strip(" ") == how.ok:  # without a check sum
            message = yield self._then(how)
        text = self._text(exchange, message) or ""
        meaning = how.reasons.get(text.strip())
        return f"{meaning}: {text}" if meaning else text


def shown(message: bytes) -> str:
    """A message for a sentence, whatever its bytes."""
    return message[:80].decode("ascii", "backslashreplace")
