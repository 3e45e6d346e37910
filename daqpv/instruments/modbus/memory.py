"""The tables of a simulated Modbus device, and its answers."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from daqpv.instruments.modbus.pdu import (
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    packed,
    unpacked,
)
from daqpv.instruments.modbus.place import Table
from daqpv.instruments.modbus.plan import MOST_BITS, MOST_REGISTERS

_READ = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}


class Refusal(Exception):  # noqa: N818 (the word of the field)
    """The device answers with an exception.

    Args:
        code: of the exception.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Memory:
    """Registers and bits that exist, and what a device does with questions.

    Attributes:
        tables: values by address; an address that is not there is illegal.
        written: called with table, address and count after a write.
    """

    def __init__(self) -> None:
        self.tables: Mapping[Table, dict[int, int]] = {table: {} for table in Table}
        self.written: Callable[[Table, int, int], None] = lambda *_: None

    def get(self, table: Table, first: int, count: int) -> bytes:
        """Registers as two bytes each, bits as one byte each.

        Raises:
            Refusal: there is nothing at one of the addresses.
        """
        have = self.tables[table]
        try:
            values = [have[address] for address in range(first, first + count)]
        except KeyError:
            raise Refusal(ILLEGAL_ADDRESS) from None
        return bytes(values) if table.is_bits else struct.pack(f">{count}H", *values)

    def set(self, table: Table, first: int, data: bytes) -> None:
        """Put registers or bits there, whether or not the addresses existed."""
        count = len(data) if table.is_bits else len(data) // 2
        values = data if table.is_bits else struct.unpack(f">{count}H", data)
        self.tables[table].update(enumerate(values, first))

    def answer(self, pdu: bytes) -> bytes:
        """The answer to a question."""
        try:
            return self._done(pdu[0], pdu[1:])
        except Refusal as refusal:
            return bytes((pdu[0] | 0x80, refusal.code))
        except (struct.error, IndexError):
            return bytes((pdu[0] | 0x80, ILLEGAL_VALUE))

    def _done(self, function: int, body: bytes) -> bytes:
        match function:
            case 1 | 2 | 3 | 4:
                return bytes((function,)) + self._read(_READ[function], body)
            case 5 | 6:
                return bytes((function,)) + self._write_one(function, body)
            case 15 | 16:
                return bytes((function,)) + self._write(function, body)
            case 22:
                return bytes((function,)) + self._mask(body)
        raise Refusal(ILLEGAL_FUNCTION)

    def _read(self, table: Table, body: bytes) -> bytes:
        first, count = struct.unpack(">HH", body)
        if not 1 <= count <= (MOST_BITS if table.is_bits else MOST_REGISTERS):
            raise Refusal(ILLEGAL_VALUE)
        data = self.get(table, first, count)
        data = packed(data) if table.is_bits else data
        return bytes((len(data),)) + data

    def _write_one(self, function: int, body: bytes) -> bytes:
        first, value = struct.unpack(">HH", body)
        if function == 6:
            self._put(Table.HOLDING, first, body[2:])
        elif value in (0x0000, 0xFF00):
            self._put(Table.COIL, first, bytes((value > 0,)))
        else:
            raise Refusal(ILLEGAL_VALUE)
        return body

    def _write(self, function: int, body: bytes) -> bytes:
        first, count, size = struct.unpack_from(">HHB", body)
        data = body[5:]
        wanted = -(-count // 8) if function == 15 else 2 * count
        if not count or wanted != size or size != len(data):
            raise Refusal(ILLEGAL_VALUE)
        if function == 15:
            self._put(Table.COIL, first, unpacked(data, count))
        else:
            self._put(Table.HOLDING, first, data)
        return body[:4]

    def _mask(self, body: bytes) -> bytes:
        address, keep, set_ = struct.unpack(">HHH", body)
        (now,) = struct.unpack(">H", self.get(Table.HOLDING, address, 1))
        value = (now & keep) | (set_ & ~keep & 0xFFFF)
        self._put(Table.HOLDING, address, value.to_bytes(2, "big"))
        return body

    def _put(self, table: Table, first: int, data: bytes) -> None:
        count = len(data) if table.is_bits else len(data) // 2
        self.get(table, first, count)  # it must exist
        self.set(table, first, data)
        self.written(table, first, count)
