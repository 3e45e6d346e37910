"""Where values stand, and how they are coded."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daqpv.instruments.driver import Fault
from daqpv.instruments.modbus.channels import places
from daqpv.instruments.modbus.place import DataType, Order, Place, Table
from daqpv.instruments.modbus.values import decoded, encoded, with_field
from daqpv.instruments.settings import InstrumentSettings


@pytest.mark.parametrize(
    ("given_", "table", "address"),
    [
        ({"holding": 0}, Table.HOLDING, 0),
        ({"input": 30}, Table.INPUT, 30),
        ({"coil": 5}, Table.COIL, 5),
        ({"discrete": 2}, Table.DISCRETE, 2),
        ("40001", Table.HOLDING, 0),
        (40001, Table.HOLDING, 0),
        (400001, Table.HOLDING, 0),
        ("465536", Table.HOLDING, 65535),
        ("30010", Table.INPUT, 9),
        (10001, Table.DISCRETE, 0),
        ("00001", Table.COIL, 0),
        ("000017", Table.COIL, 16),
        ({"number": 40108, "type": "float32"}, Table.HOLDING, 107),
    ],
)
def test_a_place_is_a_table_and_an_address_from_0(
    given_: Any, table: Table, address: int
) -> None:
    place = Place.model_validate(given_)
    assert (place.table, place.address) == (table, address)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (5, r"\{holding: 5\} or \{coil: 5\}"),
        ("50001", "or the number of a manual"),
        ("40000", "or the number of a manual"),
        ("holding 3", "or the number of a manual"),
        (True, "or the number of a manual"),
        ({"holding": 1, "input": 1}, "or the number of a manual"),
        ({"type": "int16"}, "or the number of a manual"),
        ({"holding": 70000}, "less than or equal to 65535"),
        ({"holding": 1, "type": "float"}, "'float32'"),
        ({"coil": 1, "type": "int16"}, "neither type nor order"),
        ({"holding": 1, "bit": 16}, "bits from 0 to 15"),
        ({"holding": 1, "bits": [7, 4]}, "the lowest first"),
        ({"holding": 1, "bit": 1, "bits": [1, 2]}, "not both"),
        ({"holding": 1, "bit": 1, "type": "float32"}, "one whole number"),
        ({"holding": 1, "type": "text"}, "length for a text"),
        ({"holding": 1, "length": 4}, "text or bcd only"),
        ({"holding": 65535, "type": "int32"}, "end at 65535"),
        ({"holding": 1, "modify": "mask"}, "modify for bits only"),
        ({"holding": 1, "register": 2}, "Extra inputs"),
        (
            {"holding": 1, "type": "uint32", "bit": 1, "modify": "mask"},
            "modify: read for a number of several",
        ),
    ],
)
def test_what_is_no_place_is_refused_in_words(given_: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Place.model_validate(given_)


@pytest.mark.parametrize(
    ("order", "frame"),
    [
        ("big", "41 42 43 44"),
        ("little", "44 43 42 41"),
        ("big-swap", "42 41 44 43"),
        ("little-swap", "43 44 41 42"),
    ],
)
def test_the_orders_of_a_number_abcd(order: str, frame: str) -> None:
    place = Place.model_validate({"holding": 0, "type": "uint32", "order": order})
    assert decoded(place, bytes.fromhex(frame)) == 0x41424344
    assert encoded(place, 0x41424344) == bytes.fromhex(frame)


@pytest.mark.parametrize(
    ("order", "frame"),
    [
        ("big", "01 02 03 04 05 06 07 08"),
        ("little", "08 07 06 05 04 03 02 01"),
        ("big-swap", "02 01 04 03 06 05 08 07"),
        ("little-swap", "07 08 05 06 03 04 01 02"),
    ],
)
def test_the_orders_of_four_registers(order: str, frame: str) -> None:
    place = Place.model_validate({"holding": 0, "type": "uint64", "order": order})
    assert decoded(place, bytes.fromhex(frame)) == 0x0102030405060708


def test_a_click_plc_has_the_low_register_of_a_float_first() -> None:
    high, low = struct.unpack(">2H", struct.pack(">f", 21.5))
    place = Place.model_validate(
        {"holding": 0, "type": "float32", "order": "little-swap"}
    )
    assert decoded(place, struct.pack(">2H", low, high)) == 21.5


NUMBERS = {
    "int16": st.integers(-(2**15), 2**15 - 1),
    "uint16": st.integers(0, 2**16 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "bcd": st.integers(0, 9999),
}


@given(
    st.sampled_from([*NUMBERS]).flatmap(
        lambda kind: st.tuples(st.just(kind), st.lists(NUMBERS[kind], min_size=1))
    ),
    st.sampled_from(list(Order)),
)
def test_arrays_come_back_as_they_were_coded(
    one: tuple[str, list[float]], order: Order
) -> None:
    kind, numbers = one
    place = Place.model_validate(
        {"holding": 0, "type": kind, "order": order, "count": len(numbers)}
    )
    back = decoded(place, encoded(place, np.array(numbers, dtype=object)))
    assert back.tolist() == numbers  # type: ignore[union-attr]
    alone = place.model_copy(update={"count": None})
    assert decoded(alone, encoded(alone, numbers[0])) == numbers[0]


@given(st.text("abc °µ", max_size=20), st.sampled_from(list(Order)))
def test_texts_come_back_without_their_end(text: str, order: Order) -> None:
    place = Place.model_validate(
        {"holding": 0, "type": "text", "length": 41, "order": order}
    )
    data = encoded(place, text)
    assert len(data) == 2 * place.size == 42
    assert decoded(place, data) == text.rstrip()


def test_a_text_in_swapped_registers() -> None:
    place = Place.model_validate(
        {"input": 0, "type": "text", "length": 4, "order": "big-swap"}
    )
    assert decoded(place, b"BADC") == "ABCD"


def test_bits_of_a_number() -> None:
    """Bit 0 is the lowest; pymodbus' DATATYPE.BITS has it at element 8."""
    number = struct.pack(">H", 0b0000_0001_0110_0010)
    for bit in range(16):
        place = Place.model_validate({"holding": 0, "bit": bit})
        assert decoded(place, number) is (bit in (1, 5, 6, 8))
    field = Place.model_validate({"holding": 0, "bits": [5, 8]})
    assert decoded(field, number) == 0b1011
    signed = Place.model_validate({"holding": 0, "type": "int16", "bits": [12, 15]})
    assert decoded(signed, b"\xf0\x00") == 15
    assert with_field(field, 0xFFFF, 0) == 0xFE1F


def test_what_is_no_bcd_is_a_fault() -> None:
    place = Place.model_validate({"input": 0, "type": "bcd", "length": 8})
    assert decoded(place, bytes.fromhex("12345678")) == 12345678
    fault = decoded(place, bytes.fromhex("1234567a"))
    assert isinstance(fault, Fault)
    assert fault.words == "not decimal digits: 1234567a"


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        ({"holding": 0}, 65536, "takes 0 to 65535, not 65536"),
        ({"holding": 0}, -1, "takes 0 to 65535, not -1"),
        ({"holding": 0, "type": "int16"}, 40000, "takes -32768 to 32767, not 40000"),
        ({"holding": 0}, float("nan"), "takes numbers only, not nan"),
        ({"holding": 0}, "on", "takes numbers only"),
        ({"holding": 0, "type": "float32"}, 1e39, "float32, and cannot hold 1e"),
        ({"holding": 0, "type": "bcd"}, 10000, "takes 0 to 9999"),
        ({"coil": 0}, 2, "takes 0 and 1, not 2"),
        ({"holding": 0, "count": 3}, np.arange(2), "takes 3 values, not 2"),
        ({"holding": 0, "type": "text", "length": 3}, "abcd", "3 bytes of text, not 4"),
    ],
)
def test_what_a_place_cannot_hold_is_refused_in_words(
    at: Any, value: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        encoded(Place.model_validate(at), value)


def test_a_scaled_value_is_rounded_to_the_nearest_whole_number() -> None:
    assert encoded(Place.model_validate("40001"), 11.9999999) == b"\x00\x0c"


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ({}, "channels.x: at is missing"),
        ({"at": 7}, r"channels.x: at: the table of a small number"),
        ({"at": {"holding": 1, "bit": 99}}, "channels.x: at.bit: Input should be less"),
        ({"at": {"input": 1}, "write": True}, "input 1 can only be read"),
        ({"at": {"discrete": 1}, "write": True}, "discrete 1 can only be read"),
        ({"at": {"holding": 1}, "write": "SP"}, "write: true is how"),
        (
            {"at": {"holding": 1, "bit": 2}, "write": True},
            r"modify: mask} \(function 22",
        ),
        ({"at": {"holding": 1, "count": 3}}, "type: array is needed"),
        (
            {"at": {"holding": 1, "count": 3}, "type": "array", "length": 2},
            "length must not be below",
        ),
        ({"at": {"holding": 1, "type": "text", "length": 2}}, "type: text is needed"),
        (
            {"at": {"holding": 1}, "type": "array", "length": 124, "write": True},
            "more than 123",
        ),
        (
            {"at": {"holding": 65530}, "type": "array", "length": 9},
            "end at 65535 or before",
        ),
    ],
)
def test_channels_that_cannot_be_are_refused_at_the_start(
    channel: dict[str, Any], words: str
) -> None:
    settings = InstrumentSettings.model_validate({"channels": {"x": channel}})
    with pytest.raises(ValueError, match=words):
        places(settings)


def test_the_order_of_the_connection_is_that_of_its_channels() -> None:
    channels = {
        "a": {"at": {"holding": 1}},
        "b": {"at": {"holding": 2, "order": "big"}},
        "c": {"at": {"coil": 2}},
        "d": {"calc": "a + b"},
    }
    settings = InstrumentSettings.model_validate({"channels": channels})
    found = places(settings, Order.LITTLE)
    assert {name: place.order for name, place in found.items()} == {
        "a": Order.LITTLE,
        "b": Order.BIG,
        "c": None,
    }
    assert found["a"].data_type is DataType.UINT16
