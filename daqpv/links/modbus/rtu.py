"""Modbus RTU on a line: frames without a number, so silence and size keep order."""

from __future__ import annotations

import asyncio

from daqpv.errors import LinkError, ProtocolError
from daqpv.instruments.modbus.frames import crc, rtu_answer, rtu_frame
from daqpv.instruments.modbus.pdu import Answer, Question
from daqpv.instruments.modbus.step import Step
from daqpv.links.modbus.line import Line, User, no_answer
from daqpv.links.modbus.wire import Wire

NOISE = 64 * 2**10  # [bytes] that come unasked in one pause: that is no Modbus
LONGEST = 512  # [bytes] of an answer, with the echo of the question and noise


class RtuLine(Line):
    """Modbus RTU, on a serial line or through a converter.

    Args:
        wire: what carries the bytes.
        silence: after a time-out nothing is sent until the line was silent so long [s].
        echo: the adapter gives back what is sent; it is compared.
    """

    def __init__(self, wire: Wire, *, silence: float = 0.5, echo: bool = False) -> None:
        super().__init__(wire)
        self._silence, self._echo = silence, echo
        self._data = bytearray()
        self._unasked = 0
        self._asking: tuple[int, Question, bytes] | None = None
        self._steps: dict[int, Step] = {}
        self._silent_since = 0.0
        self._is_troubled = False
        self._late: User | None = None  # whose answer may come yet

    @property
    def longest(self) -> float:
        """With the silence after a time-out, and a probe, of each user [s]."""
        return sum(2 * one.timeout + one.gap + self._silence for one in self._known)

    def _begun(self) -> None:
        self._data.clear()
        self._unasked = 0

    async def _pause(self, user: User) -> None:
        await super()._pause(user)
        loop = asyncio.get_running_loop()
        self._unasked = 0
        while self._is_troubled:
            left = self._silent_since + self._silence - loop.time()
            if left <= 0:
                break
            if self._unasked > NOISE:
                raise ProtocolError(
                    f"{user.who}: the line {self._wire.place} is never silent. Is its "
                    "baud rate right, and is nothing else on it?"
                )
            await asyncio.sleep(left)
        self._is_troubled = False

    async def _asked(self, user: User, question: Question) -> Answer:
        step = self._steps.setdefault(user.unit, Step())
        now = asyncio.get_running_loop().time()
        for probe in step.probes(question, now):
            await self._exchanged(user, probe, step)
            await super()._pause(user)
        if not step.fits(question):
            raise no_answer(user)
        pdu = await self._exchanged(user, question, step)
        return question.taken(pdu)

    async def _exchanged(self, user: User, question: Question, step: Step) -> bytes:
        frame = rtu_frame(user.unit, question.pdu)
        self._data.clear()
        self._asking = user.unit, question, frame if self._echo else b""
        answered = False
        try:
            pdu = await self._sent(user, frame)
            answered = True
        except TimeoutError as error:
            raise self._nothing(user, step) from error
        finally:  # also when the caller was cancelled
            self._asking = None
            if not answered:
                self._unanswered(user, question, step)
        user.late += not step.is_sure and len(self._data) > len(pdu) + 3
        step.answered(question, pdu, asyncio.get_running_loop().time())
        return pdu

    def _unanswered(self, user: User, question: Question, step: Step) -> None:
        now = asyncio.get_running_loop().time()
        self._is_troubled, self._silent_since, self._late = True, now, user
        step.unanswered(question, now)

    def _nothing(self, user: User, step: Step) -> LinkError:
        data = bytes(self._data)
        if not step.is_sure:  # what came may be the answer to a question before
            return no_answer(user)
        start = data[:16].hex(" ")
        if self._echo and start:
            return ProtocolError(
                f"{user.who}: no answer in {user.timeout:g} s, only {start}. Is the "
                "unit on, and does the adapter really give back what is sent (echo)?"
            )
        if start and crc(data[:-2]) != data[-2:]:
            return ProtocolError(
                f"{user.who}: no whole answer in {user.timeout:g} s, only {start}. Are "
                "baud rate and parity right, and has each unit its own number?"
            )
        return no_answer(user)

    def _received(self, data: bytes) -> None:
        self._silent_since = asyncio.get_running_loop().time()
        if self._asking is None:
            self._unasked += len(data)
            if self._late is not None:
                self._late.late += 1
                self._late = None
            return
        self._data += data
        unit, question, echo = self._asking
        if not self._data.startswith(echo):
            return  # an answer to a write looks as its echo: none counts before it
        if pdu := rtu_answer(bytes(self._data[len(echo) :]), unit, question):
            self._took(pdu)
        if len(self._data) > LONGEST:
            del self._data[len(echo) : -LONGEST // 2]
