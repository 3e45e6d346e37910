"""Gets: each PV as each type."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from daqpv.core import Alarm, Severity, Status
from tests.support.lamp import (
    CHAR,
    CTRL,
    DOUBLE,
    ENUM,
    FLOAT,
    GET_FAIL,
    LONG,
    NORMAL,
    SHORT,
    STRING,
    TIME,
    LampGroup,
    connect,
    words,
)


async def test_a_number_can_be_had_as_every_type(bench: Any, group: LampGroup) -> None:
    raw, (sid,) = await connect(bench, group, "L:Power")
    group.power.post(81.25, alarm=Alarm(Severity.NO_ALARM, Status.NO_ALARM), time=2e9)
    for dbr, code, value in (
        (SHORT, ">h", 81),
        (FLOAT, ">f", 81.25),
        (ENUM, ">H", 81),
        (CHAR, ">B", 81),
        (LONG, ">i", 81),
        (DOUBLE, ">d", 81.25),
    ):
        assert struct.unpack_from(code, (await raw.get(sid, dbr)).payload) == (value,)
    assert words((await raw.get(sid, STRING)).payload) == ["81.2"]


async def test_time_and_alarm_come_with_the_value(bench: Any, group: LampGroup) -> None:
    raw, (sid,) = await connect(bench, group, "L:Power")
    group.power.post(96.0, time=2000000000.25)
    payload = (await raw.get(sid, TIME + DOUBLE)).payload
    assert struct.unpack(">HHII4xd", payload) == (
        Status.HIHI,
        Severity.MAJOR,
        2000000000 - 631152000,
        250000000,
        96.0,
    )


async def test_units_and_limits_come_with_ctrl(bench: Any, group: LampGroup) -> None:
    raw, (sid,) = await connect(bench, group, "L:Power")
    payload = (await raw.get(sid, CTRL + DOUBLE)).payload
    _, _, precision, units, *limits = struct.unpack(">HHhxx8s9d", payload)
    assert (precision, units.rstrip(b"\0")) == (1, b"kW")
    assert limits[:4] == [100, 0, 95, 80]
    assert math.isnan(limits[4])
    assert limits[6:8] == [100, 0]


async def test_labels_come_with_an_enum(bench: Any, group: LampGroup) -> None:
    raw, (sid,) = await connect(bench, group, "L:Colour")
    payload = (await raw.get(sid, CTRL + ENUM)).payload
    assert struct.unpack_from(">H", payload, 4) == (3,)
    assert words(payload[6 : 6 + 78], 26) == ["Red", "Green", "Blue"]
    assert words((await raw.get(sid, STRING)).payload) == ["Red"]


async def test_all_types_of_all_pvs_have_their_exact_size(
    bench: Any, group: LampGroup
) -> None:
    heads = {  # db_access.h: bytes before the value, by class and type
        0: (0, 0, 0, 0, 0, 0, 0),
        1: (4, 4, 4, 4, 5, 4, 8),
        2: (12, 14, 12, 14, 15, 12, 16),
        3: (4, 24, 40, 422, 19, 36, 64),
        4: (4, 28, 48, 422, 21, 44, 80),
    }
    sizes = (40, 2, 4, 2, 1, 4, 8)
    names = ["L:Power", "L:Count", "L:Colour", "L:Wave", "L:Note"]
    raw, sids = await connect(bench, group, *names)
    for sid in sids:
        for kind, head in heads.items():
            for basic in range(7):
                message = await raw.get(sid, kind * 7 + basic, 1)
                size = head[basic] + sizes[basic]
                assert message.p1 == NORMAL
                assert message.count == 1
                assert len(message.payload) == size + -size % 8


async def test_a_fixed_count_is_padded_and_none_is_as_long_as_the_value(
    bench: Any, group: LampGroup
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Wave")
    group.wave.post([1.0, 2.0])
    message = await raw.get(sid, DOUBLE, 10)
    assert message.count == 10
    assert struct.unpack(">10d", message.payload) == (1, 2, *[0] * 8)
    message = await raw.get(sid, DOUBLE)
    assert (message.count, message.payload) == (2, struct.pack(">2d", 1, 2))


async def test_a_text_as_a_number_fails_and_harms_nobody(
    bench: Any, group: LampGroup
) -> None:
    raw, (title, power) = await connect(bench, group, "L:Title", "L:Power")
    group.title.post("no number")
    assert (await raw.get(title, DOUBLE)).p1 == GET_FAIL
    raw.subscribe(title, TIME + DOUBLE)
    assert (await raw.expect(1)).p1 == GET_FAIL
    group.title.post("still none")
    assert (await raw.get(power, DOUBLE)).p1 == NORMAL
    group.title.post("42")
    assert struct.unpack_from(">d", (await raw.get(title, DOUBLE)).payload) == (42.0,)


@pytest.mark.parametrize(
    ("dbr", "count"), [(39, 1), (300, 1), (DOUBLE, 11), (6, 65000)]
)
async def test_a_get_of_what_does_not_exist_fails(
    bench: Any, group: LampGroup, dbr: int, count: int
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Wave")
    assert (await raw.get(sid, dbr, count)).p1 == GET_FAIL
    assert (await raw.get(sid + 5, DOUBLE)).p1 == GET_FAIL


async def test_a_get_after_a_get_of_the_same_sees_the_new_value(
    bench: Any, group: LampGroup
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Power")
    for value in (1.0, 2.0, 3.0):
        group.power.post(value)
        payload = (await raw.get(sid, DOUBLE, 1)).payload
        assert struct.unpack(">d", payload) == (value,)


async def test_the_class_name_is_the_record_type(bench: Any, group: LampGroup) -> None:
    raw, (sid,) = await connect(bench, group, "L:Colour")
    assert words((await raw.get(sid, 38)).payload) == ["mbbo"]
