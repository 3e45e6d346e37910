"""The lines of a simulated instrument: bytes that come, and bytes that it answers."""

from __future__ import annotations

from typing import NamedTuple

from daqpv.instruments.parsing.checksums import checksum
from daqpv.instruments.settings import InstrumentSettings
from daqpv.sim.instruments.faults import Faults
from daqpv.sim.instruments.play import Play, Turn

LONGEST = 2**16  # [bytes] without an end; then all is forgotten


class Sent(NamedTuple):
    """What is sent.

    Attributes:
        data: bytes; b"": nothing.
        after: so much later [s].
    """

    data: bytes
    after: float = 0.0


class Speech:
    """One conversation with a simulated instrument.

    Args:
        play: what the instrument does; several conversations may share it.
        settings: of the instrument: terminators, echo, acknowledge.
        faults: what it does wrong.
    """

    def __init__(
        self, play: Play, settings: InstrumentSettings, faults: Faults
    ) -> None:
        self._play, self._faults = play, faults
        self._encoding = settings.encoding
        both = "\r\n" if settings.terminator is None else settings.terminator
        sent, received = settings.send_terminator, settings.receive_terminator
        self._ask_end = self._bytes(both if sent is None else sent)
        end = self._bytes(both if received is None else received)
        self._end = b"" if settings.answer_length else end
        self._echo = settings.echo
        self._sum = None if settings.checksum is None else checksum(settings.checksum)
        self._steps = settings.acknowledge
        self._unknown = play.settings.unknown
        then = self._steps.then if self._steps else None
        unframed = [one for one in (then, settings.wake) if one]
        self._unframed = [self._bytes(one) for one in unframed]
        self._then = self._bytes(then) if then else b""
        self._buffer = b""
        self._turn: Turn | None = None  # accepted, and its data not yet asked for

    @property
    def by_silence(self) -> bool:
        """Whether a silence ends what comes: it has no terminator."""
        return not self._ask_end

    def come(self, data: bytes) -> list[Sent]:
        """The answers to what has come, each with its terminator."""
        self._buffer += data
        answers: list[bytes] = []
        if self._echo == "character":
            answers.append(data)
        while (line := self._next()) is not None:
            answers += self._checked(line)
        if len(self._buffer) > LONGEST:
            self._buffer = b""
        return [self._sent(one) for one in answers]

    def silence(self) -> list[Sent]:
        """The answers to what has come, if a silence ends it."""
        line, self._buffer = self._buffer, b""
        answers = self._checked(line) if line and self.by_silence else []
        return [self._sent(one) for one in answers]

    def datagram(self, data: bytes) -> list[Sent]:
        """The answers to a datagram: its end is that of a line, too."""
        ended = data.endswith(self._ask_end) or data in self._unframed
        return self.come(data if ended else data + self._ask_end) + self.silence()

    def streamed(self) -> Sent | None:
        """What it sends unasked now."""
        line = self._play.streamed()
        return None if line is None else self._sent(self._framed(line))

    def _next(self) -> bytes | None:
        """The next line or byte without a terminator; None: it is not whole."""
        for one in self._unframed:
            if self._buffer.startswith(one):
                self._buffer = self._buffer.removeprefix(one)
                return one
        if not self._ask_end:
            return None
        line, end, rest = self._buffer.partition(self._ask_end)
        if not end:
            return None
        self._buffer = rest
        return line

    def _checked(self, line: bytes) -> list[bytes]:
        """The answers to a line; none if its check sum is wrong."""
        if self._sum is None or line in self._unframed:
            return self._answers(line)
        try:
            return self._answers(self._sum.checked(line))
        except ValueError:
            return []

    def _answers(self, line: bytes) -> list[bytes]:
        if self._then and line == self._then:
            answer = self._turn.answer() if self._turn else None
            return [] if answer is None else [self._framed(answer)]
        echo = [self._framed(line)] if self._echo is True else []
        if self._faults.refuse:
            self._faults.used()
            return echo + self._said(None)
        turn = self._play.taken(line)
        if line in self._unframed:
            return []
        return echo + self._said(turn)

    def _said(self, turn: Turn | None) -> list[bytes]:
        """The answer to a line, or the first of its two steps."""
        if self._steps is None:
            said = self._no() if turn is None else turn.answer()
            return [] if said is None else [self._framed(said)]
        if turn is None or turn.refuses:
            self._turn = None
            return [self._framed(self._bytes(self._steps.refused))]
        self._turn = turn
        accepted = [self._framed(self._bytes(self._steps.ok))]
        if self._steps.then is not None:
            return accepted
        answer = turn.answer()
        return accepted if answer is None else [*accepted, self._framed(answer)]

    def _no(self) -> bytes | None:
        return None if self._unknown is None else self._bytes(self._unknown)

    def _framed(self, body: bytes) -> bytes:
        """A line with its check sum and terminator."""
        return body + (self._sum(body) if self._sum else b"") + self._end

    def _sent(self, answer: bytes) -> Sent:
        sent = Sent(self._faults.spoiled(answer, self._end), self._faults.late)
        if sent != (answer, 0.0):
            self._faults.used()
        return sent

    def _bytes(self, text: str) -> bytes:
        return text.encode(self._encoding)
