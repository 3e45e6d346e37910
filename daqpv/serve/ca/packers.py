"""Functions that pack the value of a source as one DBR type and count."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from daqpv.serve.ca.encoding import (
    BASIC,
    CODE,
    CONVERT,
    encode,
    length,
    pack_meta,
    pack_text,
)
from daqpv.serve.ca.protocol import (
    BASIC_TYPES,
    CHAR,
    CLASS_NAME,
    CTRL,
    DOUBLE,
    ELEMENT_SIZE,
    ENUM,
    EXTENSION,
    FLOAT,
    GR,
    INTEGER,
    LONG,
    PLAIN,
    SHORT,
    STRING,
    STS,
    STSACK_STRING,
    TIME,
)
from daqpv.serve.ca.slices import LARGE, TakesLong, is_by_element
from daqpv.serve.pv.source import Source
from daqpv.serve.values.arrays import LongText, Numbers
from daqpv.serve.values.elements import EPICS_EPOCH

_ALARM = Struct(">HH")
_STAMP = Struct(">HHII")
_STSACK = Struct(">HHHH")

# Bytes between the alarm (STS) or the time (TIME) and the value (db_access.h, "RISC
# alignment")
_STS_PAD = {STRING: 0, SHORT: 0, FLOAT: 0, ENUM: 0, CHAR: 1, INTEGER: 0, DOUBLE: 4}
_TIME_PAD = {STRING: 0, SHORT: 2, FLOAT: 0, ENUM: 2, CHAR: 3, INTEGER: 0, DOUBLE: 4}


def _scalar_struct(head: str, pad: int, code: str) -> Struct:
    exact = Struct(f">{head}{pad}x{code}")
    return Struct(f"{exact.format}{-exact.size % 8}x")


_TIME_SCALARS = {
    basic: _scalar_struct("HHII", _TIME_PAD[basic], code)
    for basic, code in CODE.items()
}


Pack = Callable[[], tuple[bytes, int]]


def packer(source: Source, dbr: int, count: int) -> Pack:
    """Return the function that packs `source`; it returns payload and element count.

    A payload of LONG bytes or more begins with its size and count (a long header's).
    """
    if dbr == STSACK_STRING:
        return lambda: (_stsack(source), 1)
    if dbr == CLASS_NAME:
        return lambda: (pack_text(source.record), 1)
    basic = dbr % BASIC_TYPES
    scalar = not isinstance(source.form, Numbers | LongText)
    if scalar and dbr // BASIC_TYPES == TIME and basic in _TIME_SCALARS:
        native = BASIC[source.form.native]
        if native == basic:
            return _time_scalar(source, basic)
        if native != STRING:
            return _time_scalar_as(source, basic)
    if is_by_element(source.form, basic):
        return lambda: _by_element(source, dbr, count)
    return lambda: _any(source, dbr, count)


def _time_scalar(source: Source, basic: int) -> Pack:
    """The path of nearly all monitors, so it is short."""
    pack = _TIME_SCALARS[basic].pack

    def packed() -> tuple[bytes, int]:
        severity, status, _ = source.alarm
        time = source.time
        seconds = int(time)
        nanos = int((time - seconds) * 1e9)
        return pack(status, severity, seconds - EPICS_EPOCH, nanos, source.value), 1

    return packed


def _time_scalar_as(source: Source, basic: int) -> Pack:
    convert = CONVERT[basic] or float
    pack = _TIME_SCALARS[basic].pack

    def packed() -> tuple[bytes, int]:
        severity, status, _ = source.alarm
        seconds, nanos = epics_time(source.time)
        return pack(status, severity, seconds, nanos, convert(source.value)), 1

    return packed


def epics_time(time: float) -> tuple[int, int]:
    """Seconds since 1990 and nanoseconds; times before 1990 become 0."""
    seconds = int(time)
    return max(seconds - EPICS_EPOCH, 0), int((time - seconds) * 1e9)


def _by_element(source: Source, dbr: int, count: int) -> tuple[bytes, int]:
    present = len(source.value)
    if min(count or present, present) > LARGE:
        raise TakesLong
    return _any(source, dbr, count)


def _any(source: Source, dbr: int, count: int) -> tuple[bytes, int]:
    form, value = source.form, source.value
    basic = dbr % BASIC_TYPES
    count = count or length(form, value, basic)
    data = encode(form, value, basic, source.meta, count)
    return joined(packed_head(source, dbr), data, basic, count), count


def joined(head: bytes, data: bytes | memoryview, basic: int, count: int) -> bytes:
    """The payload of `count` elements; missing ones are zeros."""
    # an empty array is sent as one zero: libca ends a subscription at an empty event
    missing = max(count, 1) * ELEMENT_SIZE[basic] - len(data)
    tail = bytes(missing + -(len(head) + len(data) + missing) % 8)
    size = len(head) + len(data) + len(tail)
    long = EXTENSION.pack(size, count) if size >= LONG else b""
    return b"".join((long, head, data, tail))


def packed_head(source: Source, dbr: int) -> bytes:
    """The part before the value: alarm, time, units, limits, labels."""
    kind, basic = divmod(dbr, BASIC_TYPES)
    if kind == PLAIN:
        return b""
    severity, status, _ = source.alarm
    if kind == STS:
        return _ALARM.pack(status, severity) + bytes(_STS_PAD[basic])
    if kind == TIME:
        stamp = _STAMP.pack(status, severity, *epics_time(source.time))
        return stamp + bytes(_TIME_PAD[basic])
    assert kind in (GR, CTRL)
    return _ALARM.pack(status, severity) + pack_meta(source.meta, basic, kind)


def _stsack(source: Source) -> bytes:
    severity, status, _ = source.alarm
    ackt, acks = source.acknowledgement()
    value = encode(source.form, source.value, STRING, source.meta, 1)
    return _STSACK.pack(status, severity, ackt, acks) + value[:40]
