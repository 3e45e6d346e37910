"""Keeps questions and answers of a Modbus RTU unit in step.

RTU frames have no number. After a time-out the late answer may come while the next
question waits, and would be taken for its answer if it has the same function and size;
every answer after it would then belong to the question before. So a question that can
be mistaken for one that had no answer is asked after a probe: a short read whose
answer looks different from all that may still come. Units answer in order, so once the
probe is answered, nothing late is left.
"""

from __future__ import annotations

from daqpv.instruments.modbus.pdu import Question, read
from daqpv.instruments.modbus.place import Table

LONGEST = 30.0  # [s] after which no answer comes any more

_PROBED = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_PROBED |= {5: Table.COIL, 15: Table.COIL}


def _look(question: Question) -> tuple[int, int]:
    """What the answers to two questions must share to be mistaken."""
    return question.function, question.size


class Step:
    """The questions of one unit that had no answer, and what to ask before the next."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], float] = {}

    @property
    def is_sure(self) -> bool:
        """Whether nothing late can come."""
        return not self._open

    def unanswered(self, question: Question, now: float) -> None:
        """`question` had no answer until `now` [s]."""
        self._open[_look(question)] = now

    def answered(self) -> None:
        """A question that could not be mistaken was answered."""
        self._open.clear()

    def probe(self, question: Question, now: float) -> Question | None:
        """What to ask before `question`; None: nothing, it cannot be mistaken."""
        self._open = {k: at for k, at in self._open.items() if now - at < LONGEST}
        if _look(question) not in self._open:
            return None
        table = _PROBED.get(question.function, Table.HOLDING)
        address = int.from_bytes(question.pdu[1:3], "big")
        each = 8 if table.is_bits else 1
        probes = [read(table, address, count * each) for count in range(1, 100)]
        return next(one for one in probes if _look(one) not in self._open)
