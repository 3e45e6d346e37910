"""SNMP messages as bytes; the reference is what net-snmp and a WIENER crate send."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.instruments.snmp import ber
from daqpv.instruments.snmp.message import (
    Bound,
    Message,
    Operation,
    Pdu,
    decoded,
    encoded,
)
from daqpv.instruments.snmp.values import (
    Kind,
    Value,
    bits,
    bits_content,
    of_plain,
    read,
    written,
)

WIENER_FLOAT = bytes.fromhex("44 07 9F 78 04 42 F6 E9 79")

NUMBERS = st.lists(st.integers(0, 2**32 - 1), max_size=20).map(
    lambda rest: (1, 3, *rest)
)
VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda v: Value(Kind.INTEGER, v)),
    st.integers(0, 2**32 - 1).map(lambda v: Value(Kind.COUNTER, v)),
    st.integers(0, 2**32 - 1).map(lambda v: Value(Kind.GAUGE, v)),
    st.integers(0, 2**32 - 1).map(lambda v: Value(Kind.TICKS, v)),
    st.integers(0, 2**64 - 1).map(lambda v: Value(Kind.COUNTER64, v)),
    st.binary(max_size=300).map(lambda v: Value(Kind.TEXT, v)),
    st.floats(width=32, allow_nan=False).map(lambda v: Value(Kind.FLOAT, v)),
    st.floats(allow_nan=False).map(lambda v: Value(Kind.DOUBLE, v)),
    st.ip_addresses(v=4).map(lambda v: Value(Kind.IP, str(v))),
    NUMBERS.map(lambda v: Value(Kind.OID, ".".join(map(str, v)))),
    st.sampled_from([Kind.NULL, Kind.NO_OBJECT, Kind.NO_INSTANCE, Kind.END]).map(Value),
)
MESSAGES = st.builds(
    Message,
    st.sampled_from([0, 1]),
    st.binary(max_size=40),
    st.builds(
        Pdu,
        st.sampled_from(Operation),
        st.integers(0, 2**31 - 1),
        st.integers(0, 20),
        st.integers(0, 200),
        st.lists(st.builds(Bound, NUMBERS.map(ber.of_numbers), VALUES), max_size=9),
    ),
)


@given(MESSAGES)
def test_each_message_is_read_as_it_was_written(message: Message) -> None:
    assert decoded(encoded(message)) == message


@given(MESSAGES, st.data())
def test_a_damaged_message_is_an_error_or_another_message(
    message: Message, data: st.DataObject
) -> None:
    damaged = bytearray(encoded(message))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(
            st.integers(0, 255)
        )
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    with suppress(ValueError):  # and no other error
        decoded(cut)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_or_a_message(data: bytes) -> None:
    with suppress(ValueError):
        decoded(data)


@given(NUMBERS)
def test_an_oid_is_read_as_it_was_written(numbers: tuple[int, ...]) -> None:
    encoded = ber.of_numbers(numbers)
    assert ber.numbers(encoded) == numbers
    assert ber.oid(ber.dotted(encoded)) == encoded


@given(NUMBERS, NUMBERS)
def test_a_subtree_is_a_common_beginning_of_bytes(
    one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    starts = ber.of_numbers(other).startswith(ber.of_numbers(one))
    assert starts == (other[: len(one)] == one)


@pytest.mark.parametrize(
    "text", ["", "1", "1.3.", "..1.3", "1.3.-6", "1.3.x", "1.40", "3.1", "1.4294967296"]
)
def test_what_is_no_oid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OID"):
        ber.oid(text)


def test_a_get_is_that_of_net_snmp() -> None:
    """``snmpget -v2c -c public HOST 1.3.6.1.2.1.1.1.0`` sends these bytes."""
    recorded = bytes.fromhex(
        "30 29 02 01 01 04 06 70 75 62 6c 69 63 a0 1c 02 04 5e 2c a4 37 02 01 00 02 01"
        "00 30 0e 30 0c 06 08 2b 06 01 02 01 01 01 00 05 00"
    )
    pdu = Pdu(Operation.GET, 0x5E2CA437, 0, 0, [Bound(ber.oid("1.3.6.1.2.1.1.1.0"))])
    assert encoded(Message(1, b"public", pdu)) == recorded


def test_a_float_of_a_wiener_crate_is_a_number() -> None:
    tag, content = WIENER_FLOAT[0], WIENER_FLOAT[2:]
    value = read(tag, content)
    assert value.kind is Kind.FLOAT
    assert value.plain == pytest.approx(123.456, rel=1e-6)
    assert written(value) == WIENER_FLOAT


def test_an_opaque_that_is_no_number_stays_bytes() -> None:
    assert read(0x44, b"\x04\x02ab") == Value(Kind.OPAQUE, b"\x04\x02ab")


def test_an_opaque_float_of_a_wrong_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="Opaque FLOAT of 3 bytes"):
        read(0x44, b"\x9f\x78\x03\x00\x00\x00")


def test_a_counter_whose_zero_was_left_out_is_positive() -> None:
    assert read(0x41, b"\xff\xff\xff\xff") == Value(Kind.COUNTER, 2**32 - 1)
    assert read(0x46, b"\xff" * 8) == Value(Kind.COUNTER64, 2**64 - 1)


def test_bits_are_counted_from_the_most_significant_of_the_first_byte() -> None:
    assert bits(b"\x80\x01") == 1 << 0 | 1 << 15
    assert bits_content(1 << 0 | 1 << 15, 2) == b"\x80\x01"
    assert bits(b"") == 0


@given(st.binary(min_size=1, max_size=9))
def test_bits_are_written_as_they_were_read(content: bytes) -> None:
    assert bits_content(bits(content), len(content)) == content


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.INTEGER, 3.7),
        (Kind.INTEGER, 2**31),
        (Kind.INTEGER, "on"),
        (Kind.INTEGER, float("nan")),
        (Kind.GAUGE, -1),
        (Kind.FLOAT, float("inf")),
        (Kind.IP, "10.0.0.256"),
        (Kind.OID, "1.x"),
        (Kind.NO_INSTANCE, 1),
    ],
)
def test_what_does_not_fit_a_type_is_not_written(kind: Kind, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        of_plain(kind, value)


def test_a_value_is_written_in_the_type_of_the_object() -> None:
    assert of_plain(Kind.INTEGER, 5.0) == Value(Kind.INTEGER, 5)
    assert of_plain(Kind.INTEGER, True) == Value(Kind.INTEGER, 1)
    assert of_plain(Kind.TEXT, "on") == Value(Kind.TEXT, b"on")
    assert written(of_plain(Kind.FLOAT, 1)) == bytes.fromhex("44079F7804") + (
        struct.pack(">f", 1)
    )
