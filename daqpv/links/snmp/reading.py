"""Reads objects of an agent: several in a request, columns by GETBULK."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from daqpv.errors import NoAnswerError, ProtocolError
from daqpv.instruments.snmp.ber import Oid, dotted, numbers
from daqpv.instruments.snmp.message import Bound, ErrorStatus, Operation
from daqpv.instruments.snmp.values import Kind, Value
from daqpv.links.snmp.plan import Column, batches, planned
from daqpv.links.snmp.session import Answer, Session

Found = dict[Oid, "Value | str"]
"""The value of each object, or what the agent says in its place."""

AGAIN = 60  # [readings] until an object that spoils a request is asked for again

_GONE = Value(Kind.NO_INSTANCE)


class Reader:
    """Reads objects; it learns what the agent cannot do.

    Args:
        session: to the agent.
        most: objects in one request.
        rows: of a column in one GETBULK.
        timeout: for an answer [s].
        retries: how often a request without an answer is repeated.
    """

    def __init__(
        self,
        session: Session,
        *,
        most: int,
        rows: int,
        timeout: float,
        retries: int = 0,
    ) -> None:
        self._session = session
        self._most, self._rows = most, rows
        self._timeout, self._retries = timeout, retries
        self._sparse: set[Oid] = set()  # columns that GETBULK does not suit
        self._spoiling: dict[Oid, str] = {}  # objects for which the whole GET fails
        self._count = 0
        self.answers = 0

    async def read(self, oids: Collection[Oid]) -> Found:
        """Read objects, each just once.

        Raises:
            LinkError: no answer, or one that cannot be used.
        """
        self._count += 1
        if self._count % AGAIN == 0:
            self._spoiling.clear()
        found: Found = {
            oid: self._spoiling[oid] for oid in oids if oid in self._spoiling
        }
        if self._session.has_bulk:
            columns, single = planned(oids, sparse=self._sparse)
        else:
            columns, single = [], list(oids)
        for one in columns:
            single += await self._column(one, found)
        await self._get([oid for oid in single if oid not in found], found)
        return found

    async def _ask(
        self, operation: Operation, oids: Iterable[Oid], rows: int = 0
    ) -> Answer:
        bound = [Bound(oid) for oid in oids]
        for left in range(self._retries, -1, -1):
            try:
                answer = await self._session.ask(
                    operation, bound, timeout=self._timeout, rows=rows
                )
            except NoAnswerError:
                if not left:
                    raise
            else:
                self.answers += 1
                return answer
        raise AssertionError("unreachable")

    # -- columns

    async def _column(self, one: Column, found: Found) -> Sequence[Oid]:
        """Read a column; return what is left to be read by GET."""
        wanted = list(one.wanted)
        before = one.before
        while wanted:
            rows = min(self._rows, len(wanted))
            answer = await self._ask(Operation.GET_BULK, [before], rows)
            if answer.error or not answer.bound:
                self._sparse.add(one.base)
                return wanted
            useful = len(wanted)
            before, wanted = self._rows_of(one, answer.bound, before, wanted, found)
            useful -= len(wanted)
            if wanted and 2 * useful < len(answer.bound):
                self._sparse.add(one.base)
                return wanted
        return ()

    def _rows_of(
        self,
        one: Column,
        rows: Sequence[Bound],
        before: Oid,
        wanted: list[Oid],
        found: Found,
    ) -> tuple[Oid, list[Oid]]:
        """Take the values of an answer; return its last OID, and what is missing."""
        for oid, value in rows:
            if value.kind is Kind.END or not oid.startswith(one.base):
                found.update(dict.fromkeys(wanted, _GONE))
                return oid, []
            if numbers(oid) <= numbers(before):
                raise ProtocolError(
                    f"{self._session.who}: after {dotted(before)} comes {dotted(oid)}, "
                    "which is not behind it: the agent has a defect. Set rows=1"
                )
            before = oid
            while wanted and numbers(wanted[0]) < numbers(oid):
                found[wanted.pop(0)] = _GONE
            if wanted and wanted[0] == oid:
                found[wanted.pop(0)] = value
        return before, wanted

    # -- single objects

    async def _get(self, oids: Sequence[Oid], found: Found) -> None:
        left = batches(oids, self._most)
        while left:
            part = left.pop(0)
            answer = await self._ask(Operation.GET, part)
            if not answer.error:
                self._values(part, answer, found)
            elif answer.error == ErrorStatus.TOO_BIG and len(part) > 1:
                self._most = max(1, len(part) // 2)
                left[:0] = batches(part, self._most)
            elif 1 <= answer.position <= len(part) or len(part) == 1:
                spoiling = (
                    part[max(0, answer.position - 1)] if len(part) > 1 else part[0]
                )
                self._spoiling[spoiling] = found[spoiling] = words(answer.error)
                if rest := [oid for oid in part if oid != spoiling]:
                    left.insert(0, rest)
            else:
                raise ProtocolError(
                    f"{self._session.who}: it refuses to be read: "
                    f"{words(answer.error)}. Has its user or community that right?"
                )

    def _values(self, part: Sequence[Oid], answer: Answer, found: Found) -> None:
        given: dict[Oid, Value] = dict(answer.bound)
        for oid in part:
            if oid not in given:
                raise ProtocolError(
                    f"{self._session.who}: its answer does not have {dotted(oid)}, "
                    "which was asked for. Is it an SNMP agent?"
                )
            found[oid] = given[oid]


def words(error: int) -> str:
    """An error status as the standard spells it."""
    try:
        return ErrorStatus(error).words
    except ValueError:
        return f"error status {error}"
