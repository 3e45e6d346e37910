"""Simulates a Modbus device: TCP, and RTU on any line.

Registers are made of values when they are read, and give values when they are written.
What does not exist is refused, as by a real device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from daqpv.instruments.modbus.frames import (
    TcpFrames,
    crc,
    rtu_frame,
    rtu_question,
)
from daqpv.instruments.modbus.memory import Memory
from daqpv.instruments.modbus.place import DataType, Place, Table
from daqpv.instruments.modbus.values import decoded, encoded, unsigned, with_field

BUSY = 6  # the exception of a device that refuses


class Values(Protocol):
    """Where the values of a device come from, and where written ones go."""

    def point(self, name: str) -> Any:
        """The present value of a channel, as registers have it."""

    def write(self, name: str, value: Any) -> None:
        """A channel was written."""


class ModbusDevice(Memory):
    """A unit whose registers are the channels of an instrument.

    A value that its register cannot hold becomes the nearest that it can.

    Args:
        places: where the channels stand, with their orders, by key.
        values: gives and takes their values.
        encoding: of texts.
    """

    def __init__(
        self, places: Mapping[str, Place], values: Values, *, encoding: str = "utf-8"
    ) -> None:
        super().__init__()
        self._places, self._values = places, values
        self._encoding = encoding
        self.written = self._was_written
        for place in places.values():
            each = 1 if place.table.is_bits else 2
            self.set(place.table, place.address, bytes(each * place.size))

    def get(self, table: Table, first: int, count: int) -> bytes:
        """Registers or bits, with the present values in them."""
        data = super().get(table, first, count)  # all must exist
        for name, place in self._in(table, first, count):
            self._refresh(name, place)
        return super().get(table, first, count) if data else data

    def _in(self, table: Table, first: int, count: int) -> Iterator[tuple[str, Place]]:
        for name, place in self._places.items():
            end = place.address + place.size
            if place.table is table and place.address < first + count and end > first:
                yield name, place

    def _data(self, place: Place) -> bytes:
        return super().get(place.table, place.address, place.size)

    def _refresh(self, name: str, place: Place) -> None:
        value = self._values.point(name)
        if place.field is None:
            data = nearest(place, value, self._encoding)
        else:
            whole = unsigned(place)
            number = decoded(whole, self._data(place))
            assert isinstance(number, int)
            low, high = place.field
            bits = min(max(int(value), 0), (1 << (high - low + 1)) - 1)
            data = encoded(whole, with_field(place, number, bits))
        self.set(place.table, place.address, data)

    def _was_written(self, table: Table, first: int, count: int) -> None:
        for name, place in self._in(table, first, count):
            self._values.write(name, decoded(place, self._data(place), self._encoding))


def nearest(place: Place, value: Any, encoding: str = "utf-8") -> bytes:
    """The registers of `value`, or of the nearest value that they can hold."""
    try:
        return encoded(place, value, encoding)
    except ValueError:
        pass
    if place.type is DataType.TEXT:
        text = str(value).encode("ascii", "replace")[: place.length]
        return encoded(place, text)
    values = getattr(value, "tolist", lambda: value)()
    if place.count is None:
        return encoded(place, _cut(place, values))
    listed = [_cut(place, one) for one in (values if _is_list(values) else [values])]
    listed = (listed + [0] * place.count)[: place.count]
    return encoded(place, listed)  # type: ignore[arg-type] # of any length


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _cut(place: Place, value: Any) -> float | int:
    """The nearest number that a place can hold; 0 for what is no number."""
    if place.table.is_bits:
        return int(bool(value))
    if not isinstance(value, int | float) or math.isnan(value):
        return 0
    kind = place.data_type
    if kind is DataType.BCD:
        low, high = 0.0, 10.0 ** (place.length or 4) - 1
    elif kind.is_integer:
        half = 1 << (kind.bits - 1)
        low, high = (0, 2 * half - 1) if kind.startswith("u") else (-half, half - 1)
    else:
        low, high = -3.4e38, 3.4e38
    return type(low)(min(max(value, low), high))


Answering = Callable[[bytes], bytes]
"""Gives the answer to a question: both with function and data."""


class Talk(Protocol):
    """A conversation with one client."""

    def come(self, data: bytes) -> Iterator[bytes]:
        """The frames that answer what has come."""


class TcpTalk:
    """Modbus TCP. A client that speaks something else gets no answer.

    Args:
        answer: of the device, whatever the unit.
    """

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self._frames = TcpFrames()
        self._is_lost = False

    def come(self, data: bytes) -> Iterator[bytes]:
        """The frames that answer what has come."""
        if self._is_lost:
            return
        try:
            for frame in self._frames.fed(data):
                yield frame._replace(pdu=self._answer(frame.pdu)).packed()
        except ValueError:
            self._is_lost = True


class RtuTalk:
    """Modbus RTU. A unit says nothing to questions of others, or with a wrong sum.

    Args:
        unit: its number.
        answer: of the device.
    """

    def __init__(self, unit: int, answer: Answering) -> None:
        self._unit, self._answer = unit, answer
        self._data = bytearray()

    def come(self, data: bytes) -> Iterator[bytes]:
        """The frames that answer what has come."""
        self._data += data
        while (length := rtu_question(bytes(self._data[:300]))) is not None:
            frame = bytes(self._data[:length])
            if crc(frame[:-2]) != frame[-2:]:
                del self._data[:1]  # noise, or the end of another frame
                continue
            del self._data[:length]
            if frame[0] == self._unit:
                yield rtu_frame(self._unit, self._answer(frame[1:-2]))


def refused(question: bytes) -> bytes:
    """The answer of a device that is busy."""
    return bytes((question[0] | 0x80, BUSY))
