"""Channel Access on the wire: message headers, commands, DBR types, status codes.

Source: Channel Access Protocol Specification (EPICS base documentation), and
caproto's tables of types and status codes.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from caproto import CAStatus, ChannelType

from daqpv.serve.values.elements import STRING_SIZE

MINOR: Final = 13  # the version of our implementation: 4.13

HEADER: Final = Struct(">HHHHII")  # command, size, type, count, parameters 1 and 2
HEADER_SIZE: Final = 16
EXTENDED: Final = Struct(">HHHHIIII")  # size 0xFFFF, count 0; then the real ones
EXTENDED_SIZE: Final = 24
EXTENSION: Final = Struct(">II")  # real size, real count
EXTENDED_MINOR: Final = 9  # older clients do not support the long header
LONG: Final = 0xFFFF  # sizes and counts from here on need the long header
REPLY_HEAD: Final = Struct(">HHHHI")  # a header without its last parameter

# Commands
VERSION: Final = 0
EVENT_ADD: Final = 1
EVENT_CANCEL: Final = 2
READ: Final = 3
WRITE: Final = 4
SEARCH: Final = 6
EVENTS_OFF: Final = 8
EVENTS_ON: Final = 9
READ_SYNC: Final = 10
ERROR: Final = 11
CLEAR_CHANNEL: Final = 12
BEACON: Final = 13
NOT_FOUND: Final = 14
READ_NOTIFY: Final = 15
REPEATER_REGISTER: Final = 24
CREATE_CHANNEL: Final = 18
WRITE_NOTIFY: Final = 19
CLIENT_NAME: Final = 20
HOST_NAME: Final = 21
ACCESS_RIGHTS: Final = 22
ECHO: Final = 23
CREATE_FAILED: Final = 26

DO_REPLY: Final = 10  # a search that also requests a negative reply

# Basic types; a DBR type is one of these plus 7 times its class
STRING: Final = int(ChannelType.STRING)
SHORT: Final = int(ChannelType.INT)
FLOAT: Final = int(ChannelType.FLOAT)
ENUM: Final = int(ChannelType.ENUM)
CHAR: Final = int(ChannelType.CHAR)
INTEGER: Final = int(ChannelType.LONG)
DOUBLE: Final = int(ChannelType.DOUBLE)
BASIC_TYPES: Final = 7

# Classes of DBR types
PLAIN: Final = 0
STS: Final = 1  # with alarm
TIME: Final = 2  # with alarm and time
GR: Final = 3  # with alarm, units, display and alarm limits, or labels
CTRL: Final = 4  # as GR, and control limits

PUT_ACKT: Final = int(ChannelType.PUT_ACKT)
PUT_ACKS: Final = int(ChannelType.PUT_ACKS)
STSACK_STRING: Final = int(ChannelType.STSACK_STRING)
CLASS_NAME: Final = int(ChannelType.CLASS_NAME)

UNITS_SIZE: Final = 8
ELEMENT_SIZE: Final = (STRING_SIZE, 2, 4, 2, 1, 4, 8)  # by basic type


def _code(name: str) -> int:
    return int(CAStatus[name].value.code_with_severity)


# Only codes of severity "warning": libca terminates the client's process at severe
# ones when they reach an old-style get or a default exception handler.
NORMAL: Final = _code("ECA_NORMAL")
GET_FAIL: Final = _code("ECA_GETFAIL")
PUT_FAIL: Final = _code("ECA_PUTFAIL")
NO_CONVERT: Final = _code("ECA_NOCONVERT")
BAD_COUNT: Final = _code("ECA_BADCOUNT")
TOO_LARGE: Final = _code("ECA_TOLARGE")
NO_READ_ACCESS: Final = _code("ECA_NORDACCESS")
NO_WRITE_ACCESS: Final = _code("ECA_NOWTACCESS")


def message(  # noqa: PLR0917, the fields of the header
    command: int, dbr: int, count: int, p1: int, p2: int, payload: bytes = b""
) -> bytes:
    """One message, its payload padded to a multiple of 8 bytes."""
    size = len(payload)
    pad = -size % 8
    size += pad
    if size < LONG and count < LONG:
        head = HEADER.pack(command, size, dbr, count, p1, p2)
    else:
        head = EXTENDED.pack(command, LONG, dbr, 0, p1, p2, size, count)
    return head + payload + bytes(pad) if pad else head + payload
