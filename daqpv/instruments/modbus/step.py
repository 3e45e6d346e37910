"""Keeps questions and answers of a Modbus RTU unit in step.

RTU frames have no number. After a time-out the late answer may come while the next
question waits, and would be taken for its answer if it has the same function and size;
every answer after it would then belong to the question before. So a question that can
be mistaken for one that had no answer is asked after a probe: a short read whose
answer looks different from all that may still come. Units answer in order, so once the
probe is answered, nothing late is left.
"""

from __future__ import annotations

from collections.abc import Iterator

from daqpv.instruments.modbus.pdu import Question, read
from daqpv.instruments.modbus.place import Table

LONGEST = 30.0  # [s] after which no answer comes any more
PROBES = 4  # in a row

Look = tuple[int, int]
"""Function and size of an answer: all by which it can be told from others."""


def _looks(question: Question) -> set[Look]:
    """Its good answer, and the exception in place of it."""
    return {(question.function, question.size), (question.function | 0x80, 2)}


class Step:
    """The questions of one unit that had no answer, and what to ask before the next."""

    def __init__(self) -> None:
        self._open: dict[Look, float] = {}  # what may come yet, and since when
        self._in_vain = 0  # questions in a row
        self._last: Question | None = None  # of them, that changes nothing

    @property
    def is_sure(self) -> bool:
        """Whether nothing late can come."""
        return not self._open

    def fits(self, question: Question) -> bool:
        """Whether the answer to `question` cannot be mistaken."""
        return self._open.keys().isdisjoint(_looks(question))

    def unanswered(self, question: Question, now: float) -> None:
        """`question` had no answer until `now` [s]."""
        self._open |= dict.fromkeys(_looks(question), now)
        self._in_vain += 1
        if question.is_reading:
            self._last = question

    def answered(self, question: Question, answer: bytes, now: float) -> None:
        """`answer` came while `question` waited."""
        self._in_vain = 0
        if (answer[0], len(answer)) in self._open:  # it may be that of another
            self._open |= dict.fromkeys(_looks(question), now)
        else:
            self._open.clear()

    def probes(self, question: Question, now: float) -> Iterator[Question]:
        """What to ask before `question`, one by one until `is_sure`.

        A unit that is dead is asked the same again and again, until it says anything.
        """
        self._open = {look: at for look, at in self._open.items() if now - at < LONGEST}
        if self.fits(question):
            return
        if self._in_vain > 1 and self._last is not None:
            yield self._last
        left = PROBES
        for probe in _reads(question):
            if not left or self.is_sure:
                return
            if (probe.function, probe.size) not in self._open:
                left -= 1
                yield probe


def _reads(question: Question) -> Iterator[Question]:
    """Reads that look different from `question`, the surest first.

    A part of what was asked for does exist, its neighbours may. An exception says
    little, for it has no size; those of other tables can be told from this one's, even
    if the unit has no such table.
    """
    address = int.from_bytes(question.pdu[1:3], "big")
    count = int.from_bytes(question.pdu[3:5], "big")
    table = next((one for one in Table if one.reading == question.function), None)
    if table is not None:
        each = 8 if table.is_bits else 1
        yield from (read(table, address, n) for n in range(each, count, each))
        for more in range(count + each, count + 4 * each, each):
            yield read(table, max(0, address + count - more), more)
    for size in range(1, 126):
        for other in (Table.HOLDING, Table.INPUT, Table.COIL, Table.DISCRETE):
            if other is not table:
                yield read(other, 0, size * (8 if other.is_bits else 1))
