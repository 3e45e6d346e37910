"""Makes messages of the bytes that come, and gives them to the exchange that runs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from daqpv.errors import DaqError, ProtocolError, counted, quoted
from daqpv.instruments.lines.framing import LONGEST, Framing

Steps: TypeAlias = Generator[bytes, bytes, Any]
"""Of an exchange: it is sent each message that comes, and yields what is sent next."""

_MOST_BAD = 100  # messages in place of one answer


@dataclass(slots=True)
class Exchange:
    """One question, or one command, and what has to come back.

    Attributes:
        text: the question, for sentences.
        data: its bytes.
        steps: of the answer; None: there is no answer.
        bad: messages that came and did not fit, each with the reason.
        is_done: whether the answer is complete.
        value: the answer.
        error: it failed in this way.
        is_odd: the answer has a word that no channel expects: it may be garbage, and
            the answer comes yet.
    """

    text: str
    data: bytes
    steps: Steps | None = None
    bad: list[str] = field(default_factory=list)
    is_done: bool = False
    value: Any = None
    error: DaqError | None = None
    is_odd: bool = False

    def misfit(self, reason: str) -> None:
        """Note a message that does not fit; after many of them no answer will."""
        self.bad.append(reason)
        if len(self.bad) >= _MOST_BAD and not self.is_done:
            self.fail(
                ProtocolError(
                    f"{_MOST_BAD} messages came in place of the answer to "
                    f"{self.text!r}. Does the instrument send by itself? Then their "
                    "patterns belong under `stream`"
                )
            )

    def fail(self, error: DaqError) -> None:
        """End it with `error`."""
        self.error, self.is_done = error, True

    def take(self, message: bytes) -> bytes:
        """Take a message; returns what is to be sent now."""
        assert self.steps is not None
        try:
            return self.steps.send(message)
        except StopIteration as end:
            self.value, self.is_done = end.value, True
        except DaqError as error:
            self.fail(error)
        return b""


class Inbox:
    """What comes from one instrument.

    A message belongs to the exchange that runs if its first byte came after the
    question was sent. All others are unasked.

    Args:
        framing: how messages end.
        unasked: is given each message that no exchange wants.
        who: the instrument, for sentences.
        paced: each character is sent when the echo of the one before has come.
        silence: that ends a message [s]; 0: a silence ends none.
        longest: message [bytes].

    Attributes:
        is_deaf: messages are dropped.
        is_cut: the next message has begun before we listened; it is dropped.
    """

    def __init__(
        self,
        framing: Framing,
        unasked: Callable[[bytes], None],
        who: str,
        *,
        paced: bool = False,
        silence: float = 0.0,
        longest: int = LONGEST,
    ) -> None:
        self._longest = longest
        self.framing = framing
        self.silence = silence
        self.is_deaf = self.is_cut = False
        self._unasked = unasked
        self._who = who
        self._is_paced = paced
        self._echoes = b""  # characters that have to come back before messages
        self._buffer = bytearray()
        self._seen = 0
        self._is_late = False  # the message in the buffer began before the question
        self._exchange: Exchange | None = None

    @property
    def is_midway(self) -> bool:
        """Whether a message has begun, and its end has not come."""
        return bool(self._buffer) and self.framing.is_begun(self._buffer)

    def unended(self) -> str:
        """What has come without the end of a message, as a sentence; "" if nothing."""
        if not self.is_midway:
            return ""
        start = bytes(self._buffer[:40]).decode("ascii", "backslashreplace")
        return (
            f"{counted(len(self._buffer), 'byte')} without the end of a message, from "
            f"{quoted(start)} on. Is the terminator right?"
        )

    def begin(self, exchange: Exchange) -> bytes:
        """Begin an exchange; returns what is to be sent."""
        self._is_late = self.framing.is_line and self.is_midway
        if not self._is_late:
            self._buffer.clear()
            self._seen = 0
        self._exchange = exchange
        if exchange.steps is not None:
            next(exchange.steps)
        if self._is_paced:
            self._echoes = exchange.data
            return exchange.data[:1]
        exchange.is_done = exchange.steps is None
        return exchange.data

    def end(self) -> None:
        """No exchange runs any more; what comes is unasked."""
        self._exchange, self._echoes = None, b""

    def drop(self) -> None:
        """Forget a message that is not whole: its rest will not come."""
        if self.is_midway:
            self._unasked(self.framing.stripped(bytes(self._buffer)))
        self.reset()

    def reset(self) -> None:
        """Forget all that came on the connection before."""
        self._buffer.clear()
        self._seen, self._is_late, self.is_cut = 0, False, False

    def feed(self, data: bytes) -> bytes:
        """Take what has come; returns what is to be sent at once.

        Raises:
            ProtocolError: far too much came without the end of a message.
        """
        if self._echoes:
            return self._echoed(data)
        end = self.framing.end
        if not self._buffer and data.count(end) == 1 and data.endswith(end) and end:
            return self._take(self.framing.stripped(data[: -len(end)]))  # as usual
        buffer, start, reply = self._buffer, 0, b""
        buffer += data
        while True:
            message, after = self.framing.first(buffer, start, self._seen)
            if after < 0:
                break
            reply += self._take(message)
            start = self._seen = after
        if start:
            del buffer[:start]
        self._seen = len(buffer)
        if self._seen > self._longest:
            buffer.clear()
            raise ProtocolError(
                f"{self._who} sent more than {self._longest} bytes without the end of "
                "a message. Is the terminator right, and the baud rate?"
            )
        return reply

    def boundary(self) -> bytes:
        """What has come so far is a whole message: a silence, the end of a datagram."""
        message = self.framing.stripped(bytes(self._buffer))
        self._buffer.clear()
        self._seen = 0
        return self._take(message) if message else b""

    def _take(self, message: bytes) -> bytes:
        exchange = self._exchange
        if self.is_deaf or self.is_cut:
            self.is_cut = False
        elif self._is_late:
            self._is_late = False
            self._unasked(message)
        elif exchange is None or exchange.is_done:
            self._unasked(message)
        else:
            return exchange.take(message)
        return b""

    def _echoed(self, data: bytes) -> bytes:
        """Compare the echoes of characters; returns the next one."""
        exchange, echoes = self._exchange, self._echoes
        assert exchange is not None
        if data[:1] != echoes[:1]:
            self._echoes = b""
            exchange.fail(
                ProtocolError(
                    f"{self._who} sent {data[:20]!r} in place of the echo of "
                    f"{echoes[:1]!r} in {exchange.text!r}. If this goes on: is "
                    "another program on the same line?"
                )
            )
            return self.feed(data)
        self._echoes = echoes[1:]
        if self._echoes:
            return self._echoes[:1]
        exchange.is_done = exchange.steps is None
        return self.feed(data[1:])
