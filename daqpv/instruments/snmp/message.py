"""Messages of SNMP v1 and v2c: requests and answers.

Source: RFC 1157 (v1), RFC 1901 and RFC 3416 (v2c).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from daqpv.instruments.snmp.ber import Oid, integer, packed, taken, whole
from daqpv.instruments.snmp.values import EMPTY, Value, read, written

LARGEST = 65507  # [bytes] of a UDP datagram
_SEQUENCE = 0x30


class Operation(IntEnum):
    """What a message is: the tag of its PDU."""

    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    SET = 0xA3
    GET_BULK = 0xA5


class ErrorStatus(IntEnum):
    """Why an agent refuses a request (RFC 3416)."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    BAD_VALUE = 3
    READ_ONLY = 4
    GEN_ERR = 5
    NO_ACCESS = 6
    WRONG_TYPE = 7
    WRONG_LENGTH = 8
    WRONG_ENCODING = 9
    WRONG_VALUE = 10
    NO_CREATION = 11
    INCONSISTENT_VALUE = 12
    RESOURCE_UNAVAILABLE = 13
    COMMIT_FAILED = 14
    UNDO_FAILED = 15
    AUTHORIZATION_ERROR = 16
    NOT_WRITABLE = 17
    INCONSISTENT_NAME = 18

    @property
    def words(self) -> str:
        """As the standard spells it: ``noSuchName``."""
        first, *rest = self.name.lower().split("_")
        return first + "".join(part.capitalize() for part in rest)


class Bound(NamedTuple):
    """An object, and its value."""

    oid: Oid
    value: Value = EMPTY


class Pdu(NamedTuple):
    """A request or an answer.

    Attributes:
        operation: what it is.
        number: of the request; its answer has the same.
        error: `ErrorStatus`; of GET_BULK the non-repeaters.
        position: of the object with the error, from 1; of GET_BULK the max-repetitions.
        bound: the objects.
    """

    operation: Operation
    number: int
    error: int = 0
    position: int = 0
    bound: Sequence[Bound] = ()


class Message(NamedTuple):
    """A message.

    Attributes:
        version: 0 is v1, 1 is v2c.
        community: the name that gives the right to read or write.
        pdu: what it says.
    """

    version: int
    community: bytes
    pdu: Pdu


def encoded(message: Message) -> bytes:
    """The bytes of a message.

    Raises:
        ValueError: a value is out of range.
    """
    pdu = message.pdu
    bound = b"".join(
        packed(_SEQUENCE, packed(0x06, oid) + written(value))
        for oid, value in pdu.bound
    )
    content = (
        packed(0x02, integer(pdu.number))
        + packed(0x02, integer(pdu.error))
        + packed(0x02, integer(pdu.position))
        + packed(_SEQUENCE, bound)
    )
    head = packed(0x02, integer(message.version)) + packed(0x04, message.community)
    return packed(_SEQUENCE, head + packed(pdu.operation, content))


def decoded(data: bytes) -> Message:
    """Read a message.

    Raises:
        ValueError: it is none of v1 or v2c, or has a value that cannot be read. The
            text is the end of a sentence about the message: "it is cut".
    """
    begin, end = _within(data, 0, len(data), _SEQUENCE)
    version, begin = _whole(data, begin, end)
    if version not in (0, 1):
        raise ValueError(f"it is of the SNMP version {version}")
    tag, start, begin = taken(data, begin, end)
    if tag != 0x04:
        raise ValueError("it has no community")
    tag, inner, end = taken(data, begin, end)
    try:
        operation = Operation(tag)
    except ValueError:
        raise ValueError(f"it is of the unknown sort 0x{tag:02X}") from None
    number, inner = _whole(data, inner, end)
    error, inner = _whole(data, inner, end)
    position, inner = _whole(data, inner, end)
    pdu = Pdu(operation, number, error, position, _bound(data, inner, end))
    return Message(version, data[start:begin], pdu)


def _bound(data: bytes, at: int, end: int) -> list[Bound]:
    at, end = _within(data, at, end, _SEQUENCE)
    found: list[Bound] = []
    while at < end:
        inner, stop = _within(data, at, end, _SEQUENCE)
        tag, begin, middle = taken(data, inner, stop)
        if tag != 0x06 or middle == begin or data[middle - 1] & 128:
            raise ValueError("it has a value without an OID")
        kind, first, last = taken(data, middle, stop)
        found.append(Bound(data[begin:middle], read(kind, data[first:last])))
        at = stop
    return found


def _within(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    found, begin, stop = taken(data, at, end)
    if found != tag:
        raise ValueError(f"it begins with 0x{found:02X}")
    return begin, stop


def _whole(data: bytes, at: int, end: int) -> tuple[int, int]:
    tag, begin, stop = taken(data, at, end)
    if tag != 0x02:
        raise ValueError("it has no integer where one belongs")
    return whole(data[begin:stop]), stop
