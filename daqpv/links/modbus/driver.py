"""Reads and writes the channels of a Modbus device: the `Driver` of `modbus-...://`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from daqpv.core import Severity, Status
from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    RefusedError,
)
from daqpv.instruments.driver import Fault, Frame, Listener, Raw, Read, Request, Write
from daqpv.instruments.driver.trace import Show
from daqpv.instruments.modbus import pdu
from daqpv.instruments.modbus.pdu import Answer, Question, exception_words
from daqpv.instruments.modbus.place import Place, Table
from daqpv.instruments.modbus.plan import Block, Limits, plan
from daqpv.instruments.modbus.values import (
    decoded,
    encoded,
    mask_of,
    unsigned,
    with_field,
)
from daqpv.links.modbus.line import Line, User

_SPLIT = (pdu.ILLEGAL_ADDRESS, pdu.ILLEGAL_VALUE)  # one channel may have spoilt it


@dataclass(frozen=True, slots=True)
class Point:
    """A channel of the device.

    Attributes:
        place: where it stands; its order is given.
        every: it is read in cycles that this divides.
        is_read: whether it is read at all.
    """

    place: Place
    every: int = 1
    is_read: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How a device is read and written.

    Attributes:
        limits: of blocks.
        single: one register is written with function 6, one coil with 5.
        retries: so many times more is a block asked for that had no answer.
        encoding: of texts.
    """

    limits: Limits = field(default_factory=Limits)
    single: bool = True
    retries: int = 0
    encoding: str = "utf-8"


class ModbusDriver:
    """One unit on a line (daqpv.instruments.driver.Driver).

    Args:
        user: the instrument, as its line knows it.
        line: to the unit, which other units may share.
        points: the channels, by their keys in the settings.
        ways: how it is read and written.
    """

    polls = True

    def __init__(
        self, user: User, line: Line, points: Mapping[str, Point], ways: Ways
    ) -> None:
        self.who = user.who
        self._user, self._line = user, line
        self._points, self._ways = points, ways
        self._limits = ways.limits
        self._alone: set[str] = set()  # channels that the device refuses
        self._told: set[str] = set()  # refusals of the cycle before
        self._plans: dict[frozenset[str], list[Block]] = {}
        self._is_joined = self._is_asking = False
        self._listener: Listener | None = None
        user.lost = self._lost
        line.known(user)

    @property
    def longest_cycle(self) -> float:
        """An opening or exchange that takes longer has failed [s].

        Each block has a time-out of its own, and other units of the line their turns.
        """
        blocks = max(1, len(self._plan(frozenset(self._points))))
        each = self._line.longest * (1 + self._ways.retries)
        return each * blocks + max(each, self._line.longest_opening)

    def trace(self, show: Show) -> None:
        """Show all frames from now on."""
        self._line.trace(show)

    @property
    def is_open(self) -> bool:
        """Whether `exchange` can be called."""
        return self._is_joined and self._line.is_open

    async def open(self) -> None:
        """Connect; Modbus has no greeting, so only a read shows whether it answers."""
        self._limits = self._ways.limits
        self._alone.clear()
        self._told.clear()
        self._plans.clear()
        await self._line.join(self._user)
        self._is_joined = True

    async def close(self) -> None:
        """Leave the line; it is closed when no other unit uses it."""
        self._is_joined = False
        self._line.leave(self._user)

    def listen(self, listener: Listener) -> None:
        """Tell `listener` when the connection is lost between two exchanges."""
        self._listener = listener

    async def exchange(self, request: Request) -> Frame:
        """Read the channels that are due, or write one."""
        if not self._is_joined:
            raise NotConnectedError(f"{self.who}: not connected")
        self._is_asking = True
        try:
            if isinstance(request, Write):
                frame = await self._write(request)
            else:
                frame = await self._read(request)
        finally:
            self._is_asking = False
        late, self._user.late = self._user.late, 0
        return replace(frame, late=late)

    def _lost(self, error: LinkError) -> None:
        if self._listener is not None and self._is_joined and not self._is_asking:
            self._listener.broken(error)

    # -- reading

    async def _read(self, request: Read) -> Frame:
        names = frozenset(
            name
            for name, point in self._points.items()
            if point.is_read
            and (
                request.cycle % point.every == 0
                if request.channels is None
                else name in request.channels
            )
        )
        found = Found()
        for block in self._plan(names):
            await self._block(block, found)
        bad = self._news_of(found.bad) if found.good else found.bad
        return Frame(values=found.values, good=found.good, bad=tuple(bad))

    def _news_of(self, bad: list[str]) -> list[str]:
        """The refusals that the cycle before had not: each is an event, once."""
        told, self._told = self._told, set(bad)
        return [text for text in bad if text not in told]

    def _plan(self, names: frozenset[str]) -> list[Block]:
        if names not in self._plans:
            places = {name: self._points[name].place for name in names}
            self._plans[names] = plan(places, self._limits, self._alone)
        return self._plans[names]

    async def _block(self, block: Block, found: Found) -> None:
        """Read one; if the device refuses an address of it, its parts."""
        answer = await self._fetch(block)
        if not answer.code:
            self._keep(block, answer.data, found)
        elif answer.code not in _SPLIT:
            self._refused(block, answer.code, found)
        elif block.has_holes:
            self._limits = replace(self._limits, gap=0)
            self._plans.clear()
            places = {one.name: self._points[one.name].place for one in block.spans}
            for part in plan(places, self._limits, self._alone):
                await self._block(part, found)
        elif len(block.spans) > 1:
            await self._halves(block, found)
        else:
            self._refused(block, answer.code, found)
            self._stands_alone(block.spans[0].name)

    async def _halves(self, block: Block, found: Found) -> None:
        """Find the channel that spoils the block, or else how much the device gives."""
        before = len(self._alone)
        for half in block.halves():
            await self._block(half, found)
        if len(self._alone) == before:
            self._gives_less(block)

    def _gives_less(self, block: Block) -> None:
        """All of its parts were good: the device gives no blocks of that size."""
        most = max(half.size for half in block.halves())
        what = "bits" if block.table.is_bits else "registers"
        if most < self._limits.most(block.table):
            self._limits = replace(self._limits, **{what: most})
            self._plans.clear()

    def _stands_alone(self, name: str) -> None:
        if name not in self._alone:
            self._alone.add(name)
            self._plans.clear()

    def _keep(self, block: Block, data: bytes, found: Found) -> None:
        each = 1 if block.table.is_bits else 2
        for span in block.spans:
            start, end = span.first - block.first, span.end - block.first
            place = self._points[span.name].place
            one = data[start * each : end * each]
            found.values[span.name] = decoded(place, one, self._ways.encoding)
        found.good += 1
        if len(block.spans) == 1 and block.spans[0].name in self._alone:
            self._alone.discard(block.spans[0].name)
            self._plans.clear()

    def _refused(self, block: Block, code: int, found: Found) -> None:
        words = exception_words(code)
        place = f"{block.table} {block.first}"
        found.bad.append(f"{place}: {words}")
        for span in block.spans:
            text = f"{words}: {block.table} {span.first}"
            found.values[span.name] = Fault(text, Severity.INVALID, Status.READ)

    async def _fetch(self, block: Block) -> Answer:
        """The data of a block: a channel that is longer than a frame in pieces."""
        data = bytearray()
        for first, count in block.pieces(self._limits.most(block.table)):
            answer = await self._asked(pdu.read(block.table, first, count))
            if answer.code:
                return answer
            bits = block.table.is_bits
            data += pdu.unpacked(answer.data, count) if bits else answer.data
        return Answer(data=bytes(data))

    async def _asked(self, question: Question) -> Answer:
        retries = self._ways.retries if question.is_reading else 0
        for left in range(retries, -1, -1):
            try:
                answer = await self._line.ask(self._user, question)
            except NoAnswerError:
                if not left or not self._line.is_open:
                    raise
                continue
            if answer.code in pdu.GATEWAY:
                text = f"{self.who}: {exception_words(answer.code)}. Is the unit on?"
                raise NoAnswerError(text, timed_out=True)
            return answer
        raise AssertionError

    # -- writing

    async def _write(self, request: Write) -> Frame:
        place = self._points[request.channel].place
        questions: Iterable[Question]
        try:
            if place.field:
                questions = self._bit_questions(place, request.value)
            else:
                data = encoded(place, request.value, self._ways.encoding)
                questions = [self._writing(place, data)]
        except ValueError as error:
            raise RefusedError(f"{self.who}: {request.channel} {error}") from error
        if place.field and place.modify == "read":
            questions = [await self._modified(request, place)]
        for question in questions:
            self._accepted(request.channel, place, await self._asked(question))
        return Frame()

    def _writing(self, place: Place, data: bytes) -> Question:
        single = self._ways.single
        return pdu.write(place.table, place.address, data, single=single)

    def _bit_questions(self, place: Place, value: Raw) -> Iterable[Question]:
        """Function 22, if it is asked for; else only a check of the value."""
        bits = with_field(place, 0, value)
        if place.modify != "mask":
            return []
        whole = unsigned(place)
        change, keep = (
            int.from_bytes(encoded(whole, number), "big")
            for number in (bits, mask_of(place))
        )
        return [pdu.write_masked(place.address, keep, change)]

    async def _modified(self, request: Write, place: Place) -> Question:
        """The number with the bits of the value: read, and to be written back."""
        whole = unsigned(place)
        answer = await self._asked(pdu.read(Table.HOLDING, place.address, place.width))
        self._accepted(request.channel, place, answer)
        number = decoded(whole, answer.data)
        assert isinstance(number, int)
        return self._writing(
            place, encoded(whole, with_field(place, number, request.value))
        )

    def _accepted(self, channel: str, place: Place, answer: Answer) -> None:
        if answer.code:
            words = exception_words(answer.code)
            raise OperationError(f"{self.who} refuses {channel} ({place}): {words}")


class Found:
    """What a cycle has read so far.

    Attributes:
        values: by the channel's key.
        good: blocks that were read.
        bad: blocks that the device refused, with its words.
    """

    def __init__(self) -> None:
        self.values: dict[str, Raw] = {}
        self.good = 0
        self.bad: list[str] = []
