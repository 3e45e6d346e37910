"""The two frames round a PDU: Modbus TCP with its transaction, RTU with its check sum.

They are our own, and not those of pymodbus 3.16: its RTU framer takes any answer of the
unit, so the late answer to the question before passes for this one's, and so on at
every question after. Here an answer must have the function and the size that were
asked for, and on TCP the transaction. pymodbus is the other side in the tests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from daqpv.instruments.modbus.pdu import Question


class TcpFrame(NamedTuple):
    """A frame of Modbus TCP.

    Attributes:
        transaction: number of the question.
        unit: behind a gateway.
        pdu: function and data.
    """

    transaction: int
    unit: int
    pdu: bytes

    def packed(self) -> bytes:
        """Its bytes."""
        head = struct.pack(">HHHB", self.transaction, 0, len(self.pdu) + 1, self.unit)
        return head + self.pdu


class TcpFrames:
    """Takes the bytes of a Modbus TCP connection apart."""

    def __init__(self) -> None:
        self._data = bytearray()

    def fed(self, data: bytes) -> Iterator[TcpFrame]:
        """The frames that are complete with `data`.

        Raises:
            ValueError: it is not Modbus TCP.
        """
        self._data += data
        while len(self._data) >= 7:
            head = struct.unpack_from(">HHHB", self._data)
            transaction, protocol, length, unit = head
            if protocol or not 2 <= length <= 254:
                raise ValueError(bytes(self._data[:16]).hex(" "))
            if len(self._data) < 6 + length:
                return
            pdu = bytes(self._data[7 : 6 + length])
            del self._data[: 6 + length]
            yield TcpFrame(transaction, unit, pdu)


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xA001 if byte & 1 else 0)
    return byte


_CRC = [_crc_of(byte) for byte in range(256)]


def crc(data: bytes) -> bytes:
    """The check sum of RTU, as it stands in the frame."""
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ _CRC[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    """The RTU frame of `pdu` for, or from, `unit`."""
    frame = bytes((unit,)) + pdu
    return frame + crc(frame)


def rtu_answer(data: bytes, unit: int, question: Question) -> bytes | None:
    """Find the answer to `question` in what the line has given; None: not there yet.

    Adapters add bytes before and after answers, and glue frames together: a frame
    counts wherever it begins, if unit, function, size and check sum are right.
    """
    for start in range(len(data) - 4):
        if data[start] != unit or data[start + 1] & 0x7F != question.function:
            continue
        size = 2 if data[start + 1] & 0x80 else question.size
        frame = data[start : start + 1 + size + 2]
        if len(frame) < size + 3 or crc(frame[:-2]) != frame[-2:]:
            continue
        if question.fits(frame[1:-2]):
            return bytes(frame[1:-2])
    return None


def rtu_question(data: bytes) -> int | None:
    """Length of the RTU question that `data` begins with; None: not complete yet.

    A line has no marks between frames: the length follows from the function.
    """
    if len(data) < 2:
        return None
    function = data[1]
    length = {22: 10}.get(function, 8)
    if function in (15, 16):
        if len(data) < 7:
            return None
        length = 9 + data[6]
    return length if len(data) >= length else None
