"""Which objects are read as a column, and which one by one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from daqpv.instruments.snmp.ber import Oid, numbers, of_numbers

BULK_FROM = 4  # objects of one column; fewer are cheaper by GET

_REQUEST = 1200  # [bytes] of a request, so that it fits one datagram of Ethernet
_AROUND = 8  # [bytes] of a request around each OID


class Column(NamedTuple):
    """Objects of one column, in the order of the agent.

    Attributes:
        base: the OID of the column.
        before: an OID right before the first of them.
        wanted: the objects.
    """

    base: Oid
    before: Oid
    wanted: Sequence[Oid]


def planned(
    oids: Collection[Oid], *, sparse: Collection[Oid]
) -> tuple[list[Column], list[Oid]]:
    """Sort objects into columns, and others.

    Args:
        oids: all that are to be read.
        sparse: columns that are to be read one by one.
    """
    by_base: dict[Oid, list[Oid]] = {}
    for oid in oids:
        by_base.setdefault(_base(oid), []).append(oid)
    columns: list[Column] = []
    single: list[Oid] = []
    for base, found in by_base.items():
        if len(found) < BULK_FROM or base in sparse:
            single += found
        else:
            columns.append(column(base, found))
    return columns, single


def column(base: Oid, oids: Collection[Oid]) -> Column:
    """The objects of a column, in order."""
    wanted = sorted(oids, key=numbers)
    *parent, first = numbers(wanted[0])
    before = of_numbers((*parent, first - 1)) if first else base
    return Column(base, before, wanted)


def batches(oids: Sequence[Oid], most: int) -> list[Sequence[Oid]]:
    """Cut a list so that each part fits a request."""
    parts: list[Sequence[Oid]] = []
    begin = size = 0
    for at, oid in enumerate(oids):
        if at - begin >= most or (at > begin and size + len(oid) > _REQUEST):
            parts.append(oids[begin:at])
            begin, size = at, 0
        size += len(oid) + _AROUND
    return [*parts, oids[begin:]] if oids else []


def _base(oid: Oid) -> Oid:
    end = len(oid) - 1
    while end and oid[end - 1] & 128:  # a number ends with a byte below 128
        end -= 1
    return oid[:end]
