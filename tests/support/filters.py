"""Records of every sort, ours and those of a C IOC, and what comes of them."""

from __future__ import annotations

import enum
import struct
from typing import Any

from daqpv.serve import (
    Group,
    ai,
    ao,
    long,
    mbbo,
    string,
    strings,
    waveform,
)

STRING, CHAR, DOUBLE, TIME = 0, 4, 6, 14
VALUE, LOG, ALARM, PROPERTY = 1, 2, 4, 8
NORMAL, NO_WRITE = 1, 376
EPOCH = 631152000
END = 1e6  # passes each dead band, so that nothing can come any more


class Step(enum.IntEnum):
    ZERO = 0
    ONE = 1
    TWO = 2

    @property
    def label(self) -> str:
        return self.name.lower()


async def accept(group: Any, value: Any) -> None:
    """Take any value."""


class Records(Group[Any]):
    ao = ao("ao", precision=3, hihi=100, doc="an output")
    mbbo = mbbo("mbbo", Step, put=accept)
    text = string("text", writable=True)
    wave = waveform("wave", size=10, writable=True)
    one = waveform("one", size=1, writable=True)
    bytes = long("bytes", size=50, writable=True)
    names = strings("names", size=5, writable=True)
    flow = ai("flow", dead_band=2, archive_dead_band=10)


_IN_C = """
record(ao, "P:ao") {
    field(PINI, YES) field(PREC, 3) field(HIHI, 100) field(HHSV, MAJOR)
    field(DESC, "an output")
}
record(mbbo, "P:mbbo") {field(ZRST, zero) field(ONST, one) field(TWST, two)}
record(stringout, "P:text") {}
record(waveform, "P:wave") {field(FTVL, DOUBLE) field(NELM, 10)}
record(waveform, "P:one") {field(FTVL, DOUBLE) field(NELM, 1)}
record(waveform, "P:bytes") {field(FTVL, CHAR) field(NELM, 50)}
record(waveform, "P:names") {field(FTVL, STRING) field(NELM, 5)}
"""


def reals(*values: float) -> bytes:
    return struct.pack(f">{len(values)}d", *values)


def texts(*values: str) -> bytes:
    return b"".join(value.encode().ljust(40, b"\0") for value in values)


async def put(raw: Any, name: str, dbr: int, payload: bytes, count: int = 1) -> int:
    status: int = await raw.put((await raw.create(name)).p2, dbr, payload, count)
    return status


async def fill(raw: Any) -> None:
    for name, dbr, payload, count in (
        ("P:wave", DOUBLE, reals(*range(8)), 8),
        ("P:bytes", CHAR, b"hello world\0", 12),
        ("P:text", STRING, texts("hello"), 1),
        ("P:names", STRING, texts("a", "b", "c"), 3),
        ("P:mbbo", DOUBLE, reals(0), 1),
    ):
        assert await put(raw, name, dbr, payload, count) == NORMAL


def elements(message: Any) -> tuple[Any, ...]:
    """The values of a plain or a TIME type."""
    kind, basic = divmod(message.dbr, 7)
    code = {STRING: "40s", 3: "H", CHAR: "B", DOUBLE: "d"}[basic]
    start = {STRING: 12, 3: 14, CHAR: 15, DOUBLE: 16}[basic] if kind == 2 else 0
    found = struct.unpack_from(f">{message.count * code}", message.payload, start)
    return tuple(v.partition(b"\0")[0] if basic == STRING else v for v in found)


async def seen(raw: Any, name: str, count: int = 0) -> Any:
    """Type, count and present elements of a channel; None: there is none."""
    created = await raw.create(name)
    if created.command != 18:
        return None
    got = await raw.get(created.p2, created.dbr, count)
    assert got.p1 == NORMAL
    return created.dbr, created.count, elements(got)
