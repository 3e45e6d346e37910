"""Check sums: published values, and messages of instruments."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.instruments.parsing import checksum
from daqpv.instruments.parsing.checksums import DIGITS, NAMES, STREAM_DEVICE

# of "123456789": the catalogue of parametrised CRC algorithms, and the comments of
# StreamDevice's ChecksumConverter.cc
PUBLISHED = {
    "sum8": 0xDD,
    "sum16": 0x01DD,
    "sum32": 0x1DD,
    "negsum8": 0x23,
    "negsum16": 0xFE23,
    "negsum32": 0xFFFFFE23,
    "notsum8": 0x22,
    "bitsum8": 0x21,
    "bitsum16": 0x21,
    "xor8": 0x31,
    "notxor8": 0xCE,
    "xor7": 0x31,
    "lrc": 0x23,
    "hexsum8": 0x2D,
    "leybold": 0x22,
    "brooks": 0x4A,
    "spellman": 0x63,
    "cpi": 0x7E,
    "crc8": 0xF4,
    "crc8-maxim": 0xA1,
    "crc16-arc": 0xBB3D,
    "crc16-umts": 0xFEE8,
    "crc16-modbus": 0x4B37,
    "crc16-usb": 0xB4C8,
    "crc16-ccitt": 0x29B1,
    "crc16-aug-ccitt": 0xE5CC,
    "crc16-xmodem": 0x31C3,
    "crc16-kermit": 0x2189,
    "crc16-x25": 0x906E,
    "crc32": 0xCBF43926,
    "crc32-bzip2": 0xFC891918,
    "crc32-jam": 0x340BC6D9,
    "adler32": 0x091E01DE,
}


@pytest.mark.parametrize(("name", "value"), PUBLISHED.items())
def test_the_published_value(name: str, value: int) -> None:
    made = checksum(f"{name} big")
    assert made(b"123456789") == value.to_bytes(made.size, "big")


# StreamDevice's own names, with the values of its comments
STREAM = {
    "sum": 0xDD,
    "nsum8": 0x23,
    "nsum16": 0xFE23,
    "notsum": 0x22,
    "xor8ff": 0xCE,
    "ccitt8": 0xA1,
    "crc16": 0xFEE8,
    "crc16r": 0xBB3D,
    "modbus": 0x4B37,
    "ccitt16": 0x29B1,
    "ccitt16a": 0xE5CC,
    "ccitt16x": 0x31C3,
    "crc32": 0xFC891918,
    "crc32r": 0xCBF43926,
    "jamcrc": 0x340BC6D9,
    "hv_mps": 0x63,
}


@pytest.mark.parametrize(("name", "value"), STREAM.items())
def test_names_of_streamdevice(name: str, value: int) -> None:
    assert int.from_bytes(checksum(STREAM_DEVICE[name])(b"123456789")) == value


def test_all_names_are_known() -> None:
    assert {checksum(name).size for name in STREAM_DEVICE.values()} == {1, 2, 4}
    assert set(PUBLISHED) >= {n for n in NAMES if not n.endswith("sum32")} - {
        "notsum16"
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        # Modbus RTU: read 10 holding registers of slave 1; the low byte comes first
        ("crc16-modbus", bytes.fromhex("01 03 00 00 00 0a c5 cd")),
        # Agilent window protocol: all after STX, with ETX
        ("xor8 HEX from 2", b"\x02\x80810" + b"0\x03" + b"8A"),
        # Pfeiffer: three decimal digits
        ("sum8 decimal", b"0010074002=?106"),
        ("sum8 decimal", b"0011074006100023025"),
        # INFICON BPG400: bytes 2 to 8 count
        ("sum8 from 2", bytes.fromhex("07 05 00 00 ff fe 01 02 05")),
        # NMEA: between $ and *
        (
            "xor8 HEX from 2 less 1",
            b"$GPGLL,4916.45,N,12311.12,W,225444,A,*1D",
        ),
        ("sum8 nibbles", b"\xab\x3a\x3b"),
        ("negsum8 hex", b"\x01ff"),
    ],
)
def test_a_message(name: str, message: bytes) -> None:
    made = checksum(name)
    data = made.checked(message)
    assert data + made(data) == message
    assert len(message) - len(data) == made.length


def test_hexadecimal_digits_of_either_sort_are_right() -> None:
    assert checksum("sum8 hex").checked(b"\xab\x01AC") == b"\xab\x01"
    assert checksum("sum8 HEX").checked(b"\xab\x01ac") == b"\xab\x01"


@pytest.mark.parametrize(
    ("name", "message", "why"),
    [
        ("sum8", b"ab\x00", "sum8 is 00, and should be c3: a byte was lost or changed"),
        ("sum8 hex", b"abC4", "sum8 hex is 'C4', and should be 'c3'"),
        ("crc32", b"abc", "the message is too short for the check sum crc32"),
    ],
)
def test_a_wrong_sum(name: str, message: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        checksum(name).checked(message)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sum9", "'sum9' is no check sum; there are sum8, sum16"),
        ("", "'' is no check sum"),
        ("sum8 octal", "'octal' in the check sum 'sum8 octal' is not known"),
        ("sum8 from", "'from' in the check sum"),
    ],
)
def test_a_wrong_name(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        checksum(name)


@given(
    st.sampled_from(sorted(NAMES)),
    st.sampled_from(DIGITS),
    st.integers(1, 3),
    st.integers(0, 3),
    st.binary(),
)
def test_what_is_appended_is_right(
    name: str, digits: str, first: int, less: int, data: bytes
) -> None:
    made = checksum(f"{name} {digits} from {first} less {less}")
    assert made.checked(data + made(data)) == data
