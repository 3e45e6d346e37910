"""A line to one or more Modbus units: it asks one question at a time, in turns."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from daqpv.errors import LinkError, NoAnswerError, NotConnectedError, ProtocolError
from daqpv.instruments.driver.trace import Show
from daqpv.instruments.modbus.frames import TcpFrame, TcpFrames
from daqpv.instruments.modbus.pdu import Answer, Question
from daqpv.links.modbus.wire import Wire

SILENT = 2  # time-outs in a row, of all units: the connection may be dead


@dataclass(eq=False, slots=True)
class User:
    """An instrument that uses a line.

    Attributes:
        name: of the instrument.
        who: with address and unit, for sentences.
        unit: its number on the line.
        timeout: for an answer [s].
        gap: least time between an answer and the next question [s].
        lost: is called when the line has ended.
        late: late answers since they were last taken.
    """

    name: str
    who: str
    unit: int
    timeout: float
    gap: float = 0.0
    lost: Callable[[LinkError], None] = lambda _: None
    late: int = 0


class Line(ABC):
    """What the framings share: users, turns, waiting for an answer.

    Args:
        wire: what carries the bytes.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        wire.received, wire.lost = self._received, self._lost
        self._users: set[User] = set()
        self._known: list[User] = []
        self._turn = asyncio.Lock()
        self._answer: asyncio.Future[bytes] | None = None
        self._user: User | None = None  # who has asked last
        self._silent = 0
        self._free_at = 0.0  # loop time
        self._show: Show | None = None

    @property
    def place(self) -> str:
        """Where it is: "10.0.0.5:502"."""
        return self._wire.place

    @property
    def is_open(self) -> bool:
        """Whether questions can be asked."""
        return self._wire.is_open

    def trace(self, show: Show) -> None:
        """Show all bytes from now on."""
        self._show, received = show, self._received

        def shown(data: bytes) -> None:
            show(False, data)
            received(data)

        self._wire.received = shown

    @property
    def longest(self) -> float:
        """The longest time until a question is answered, with the turns of others [s].

        Each of them may run into its time-out before.
        """
        return sum(user.timeout + user.gap for user in self._known)

    @property
    def longest_opening(self) -> float:
        """Longest time to open it [s]; 0: as a question."""
        return self._wire.longest_opening

    def known(self, user: User) -> None:
        """`user` will use it."""
        self._known.append(user)

    async def join(self, user: User) -> None:
        """Use it; the first one opens it.

        Raises:
            NotConnectedError: it cannot be opened.
        """
        async with self._turn:
            if not self._wire.is_open:
                await self._wire.open(user.name, user.timeout)
                self._silent = 0
                self._begun()
            self._users.add(user)

    def leave(self, user: User) -> None:
        """Use it no more; the last one closes it."""
        self._users.discard(user)
        if not self._users:
            self._wire.close()

    async def ask(self, user: User, question: Question) -> Answer:
        """Ask, when it is this question's turn.

        Raises:
            NotConnectedError: the line is closed; nothing was sent.
            NoAnswerError: no answer in time, or the line was closed.
            ProtocolError: the answer is none to this question.
        """
        async with self._turn:
            if not self._wire.is_open:
                raise NotConnectedError(f"{user.who}: the connection is closed")
            await self._pause(user)
            self._user = user
            try:
                return await self._asked(user, question)
            finally:
                now = asyncio.get_running_loop().time()
                self._free_at = now + max(self._wire.gap, user.gap)

    async def _pause(self, user: User) -> None:
        """Keep the gap after the frame before."""
        left = self._free_at - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)

    async def _sent(self, user: User, frame: bytes) -> bytes:
        """Send a frame, and wait for what `_received` makes the answer.

        Raises:
            TimeoutError: there was none in time.
            NoAnswerError: the line has ended.
        """
        self._answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(user.timeout):
                if self._show is not None:
                    self._show(True, frame)
                self._wire.write(frame)
                answer = await self._answer
            self._silent = 0
            return answer
        except TimeoutError:
            self._silent += 1
            if self._silent >= SILENT and self._wire.is_network:
                self._wire.close()
            raise
        finally:
            self._answer = None

    def _took(self, answer: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _lost(self, why: str) -> None:
        self._ended(lambda who: NoAnswerError(f"{who} {why}", timed_out=False))

    def _ended(self, error: Callable[[str], LinkError]) -> None:
        """Tell it to all users: `error` makes the error for the text `User.who`."""
        if self._answer is not None and not self._answer.done() and self._user:
            self._answer.set_exception(error(self._user.who))
        for user in tuple(self._users):
            user.lost(error(user.who))

    @abstractmethod
    def _begun(self) -> None:
        """A connection was made: nothing of the one before counts."""

    @abstractmethod
    def _received(self, data: bytes) -> None:
        """Take what arrives."""

    @abstractmethod
    async def _asked(self, user: User, question: Question) -> Answer:
        """Ask, and return the answer."""


class TcpLine(Line):
    """Modbus TCP: each frame has the number of its transaction."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._frames = TcpFrames()
        self._transaction = 0
        self._unanswered: dict[int, User] = {}

    def _begun(self) -> None:
        self._frames = TcpFrames()
        self._unanswered.clear()

    async def _asked(self, user: User, question: Question) -> Answer:
        self._transaction = (self._transaction + 1) & 0xFFFF
        number = self._transaction
        self._unanswered[number] = user
        try:
            pdu = await self._sent(
                user, TcpFrame(number, user.unit, question.pdu).packed()
            )
        except TimeoutError as error:
            raise no_answer(user) from error
        if not question.fits(pdu):
            raise ProtocolError(
                f"{user.who}: the answer does not fit the question "
                f"({pdu[:8].hex(' ')}). Is it a Modbus device?"
            )
        return question.taken(pdu)

    def _received(self, data: bytes) -> None:
        try:
            for frame in self._frames.fed(data):
                self._heard(frame)
        except ValueError as error:
            self._wire.close()
            sent = str(error)
            self._ended(
                lambda who: ProtocolError(
                    f"{who} does not speak Modbus TCP: it sent {sent}. A converter to "
                    "RS-485 may need modbus-rtu-tcp://"
                )
            )

    def _heard(self, frame: TcpFrame) -> None:
        asker = self._unanswered.pop(frame.transaction, None)
        is_awaited = self._answer and frame.transaction == self._transaction
        if asker is not None and is_awaited:
            self._took(frame.pdu)
        elif late := asker or self._user:
            late.late += 1


def no_answer(user: User) -> NoAnswerError:
    """The error for an answer that has not come in time."""
    return NoAnswerError(
        f"{user.who} has not answered in {user.timeout:g} s. Is it on, and is the unit "
        "number right?",
        timed_out=True,
    )
