"""Questions to a Modbus device and its answers: the part that all framings share."""

from __future__ import annotations

import struct
from typing import NamedTuple

from daqpv.instruments.modbus.place import Table

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "accepted, takes long",
    6: "busy",
    7: "refused",
    8: "memory error",
    10: "gateway: no path to the unit",
    11: "gateway: the unit does not answer",
}
"""What a device says in place of an answer."""

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
GATEWAY = (10, 11)


def exception_words(code: int) -> str:
    """An exception in words: "illegal address (02)"."""
    return f"{EXCEPTIONS.get(code, 'unknown exception')} ({code:02X})"


class Question(NamedTuple):
    """What a device is asked.

    Attributes:
        pdu: function and data.
        size: bytes of a good answer, with its function.
        start: how a good answer begins.
    """

    pdu: bytes
    size: int
    start: bytes

    @property
    def function(self) -> int:
        """Its function."""
        return self.pdu[0]

    @property
    def is_reading(self) -> bool:
        """Whether it may be asked again: it changes nothing."""
        return self.function <= 4

    def fits(self, answer: bytes) -> bool:
        """Whether `answer` can be the answer to it, good or an exception."""
        if len(answer) == 2 and answer[0] == self.function | 0x80:
            return True
        return len(answer) == self.size and answer.startswith(self.start)

    def taken(self, answer: bytes) -> Answer:
        """What a fitting `answer` says."""
        if answer[0] & 0x80:
            return Answer(answer[1])
        return Answer(data=answer[2:] if self.is_reading else b"")


class Answer(NamedTuple):
    """What a device says.

    Attributes:
        code: of its exception; 0: none.
        data: that were read.
    """

    code: int = 0
    data: bytes = b""


def read(table: Table, address: int, count: int) -> Question:
    """Read `count` registers or bits."""
    function = table.reading
    size = -(-count // 8) if table.is_bits else 2 * count
    pdu = struct.pack(">BHH", function, address, count)
    return Question(pdu, 2 + size, bytes((function, size)))


def write(table: Table, address: int, data: bytes, *, single: bool = True) -> Question:
    """Write registers (two bytes each) or bits (one byte each).

    Args:
        table: coil or holding.
        address: the first, from 0.
        data: what is written.
        single: one alone is written with function 5 or 6; else with 15 or 16.
    """
    count = len(data) if table.is_bits else len(data) // 2
    if count == 1 and single:
        if table.is_bits:
            data = b"\xff\x00" if data[0] else b"\x00\x00"
        pdu = struct.pack(">BH", 5 if table.is_bits else 6, address) + data
        return Question(pdu, len(pdu), pdu)
    data = packed(data) if table.is_bits else data
    head = struct.pack(">BHH", 15 if table.is_bits else 16, address, count)
    return Question(head + bytes((len(data),)) + data, len(head), head)


def write_masked(address: int, keep: int, set_: int) -> Question:
    """Change bits of a holding register: its bits in `keep` stay, `set_` are set."""
    pdu = struct.pack(">BHHH", 22, address, keep, set_)
    return Question(pdu, len(pdu), pdu)


def packed(bits: bytes) -> bytes:
    """Bits as a frame has them: eight in a byte, the first is the lowest."""
    out = bytearray(-(-len(bits) // 8))
    for at, bit in enumerate(bits):
        if bit:
            out[at >> 3] |= 1 << (at & 7)
    return bytes(out)


def unpacked(data: bytes, count: int) -> bytes:
    """The first `count` bits, one byte each; a frame has whole bytes of them."""
    return bytes((data[at >> 3] >> (at & 7)) & 1 for at in range(count))
