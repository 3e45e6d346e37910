"""Puts: what is taken, what is refused, and who hears of it."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from daqpv.core import Severity
from tests.support.lamp import (
    CHAR,
    DOUBLE,
    ENUM,
    FLOAT,
    LONG,
    NO_WRITE,
    NORMAL,
    PUT_FAIL,
    SHORT,
    STRING,
    TIME,
    VALUE,
    Colour,
    Lamp,
    LampGroup,
    connect,
    text,
)


@pytest.mark.parametrize(
    ("dbr", "payload"),
    [
        (STRING, text("Green")),
        (STRING, text("green")),
        (STRING, text("1")),
        (SHORT, struct.pack(">h", 1)),
        (FLOAT, struct.pack(">f", 1)),
        (ENUM, struct.pack(">H", 1)),
        (CHAR, b"\1"),
        (LONG, struct.pack(">i", 1)),
        (DOUBLE, struct.pack(">d", 1)),
    ],
)
async def test_a_state_can_be_put_as_every_type(
    bench: Any, group: LampGroup, lamp: Lamp, dbr: int, payload: bytes
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Colour")
    assert await raw.put(sid, dbr, payload) == NORMAL
    assert lamp.puts == [(Colour.GREEN, "shift@console")]
    assert lamp.snapshot.colour is Colour.GREEN


@pytest.mark.parametrize(
    ("dbr", "payload"),
    [
        (STRING, text("Purple")),
        (STRING, text("7")),
        (STRING, text("1.5")),
        (STRING, text("nan")),
        (STRING, text("")),
        (SHORT, struct.pack(">h", -1)),
        (ENUM, struct.pack(">H", 7)),
        (LONG, struct.pack(">i", -1)),
        (FLOAT, struct.pack(">f", math.inf)),
        (DOUBLE, struct.pack(">d", 1.5)),
        (DOUBLE, struct.pack(">d", math.nan)),
        (DOUBLE, struct.pack(">d", 1e300)),
        (DOUBLE, b""),
        (TIME + DOUBLE, bytes(24)),
        (55, bytes(8)),
    ],
)
async def test_a_put_that_is_no_state_is_refused_and_the_value_shown_again(
    bench: Any, group: LampGroup, lamp: Lamp, dbr: int, payload: bytes
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Colour")
    raw.subscribe(sid, ENUM, VALUE)
    await raw.synchronise()
    raw.messages.clear()
    assert await raw.put(sid, dbr, payload) == PUT_FAIL
    assert [m.payload[:2] for m in raw.messages] == [b"\0\0"]  # it left before
    assert lamp.puts == []
    assert [(name, who) for name, _, who in group.refusals] == [
        ("L:Colour", "shift@console")
    ]
    assert group.colour.alarm.severity == Severity.NO_ALARM


@pytest.mark.parametrize("value", [0.0, 60.1, math.nan, math.inf, -math.inf])
async def test_a_number_outside_its_limits_is_refused_not_clipped(
    bench: Any, group: LampGroup, value: float
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Level")
    assert await raw.put(sid, DOUBLE, struct.pack(">d", 10)) == NORMAL
    assert await raw.put(sid, DOUBLE, struct.pack(">d", value)) == PUT_FAIL
    assert group.level.value == 10
    assert "outside the limits 0.5 to 60 mm" in group.refusals[0][1]


async def test_a_group_that_fails_to_hear_of_a_refusal_harms_nobody(
    bench: Any, group: LampGroup, caplog: pytest.LogCaptureFixture
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Level")
    group.refusals = None  # type: ignore[assignment]
    assert await raw.put(sid, DOUBLE, struct.pack(">d", 99)) == PUT_FAIL
    assert "refused() failed" in caplog.text
    assert await raw.put(sid, DOUBLE, struct.pack(">d", 9)) == NORMAL


async def test_whole_numbers_take_whole_numbers_only(
    bench: Any, group: LampGroup
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Count")
    for given, status in (("12", 1), ("0x10", 1), ("1.5", 160), ("2147483648", 160)):
        assert await raw.put(sid, STRING, text(given)) == status
    assert group.count.value == 16


async def test_monitors_leave_before_the_callback_and_a_get_after_sees_the_value(
    bench: Any, group: LampGroup
) -> None:
    raw, (sid, rbv) = await connect(bench, group, "L:Colour", "L:Colour_RBV")
    raw.subscribe(rbv, ENUM, VALUE)
    await raw.synchronise()
    raw.messages.clear()
    assert await raw.put(sid, ENUM, struct.pack(">H", 1)) == NORMAL
    assert [m.payload[:2] for m in raw.messages] == [b"\0\1"]
    assert (await raw.get(rbv, ENUM)).payload[:2] == b"\0\1"


async def test_a_command_that_fails_fails_the_callback_and_shows_the_true_value(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Colour")
    raw.subscribe(sid, ENUM, VALUE)
    await raw.synchronise()
    raw.messages.clear()
    assert await raw.put(sid, ENUM, struct.pack(">H", 2)) == PUT_FAIL
    assert [m.payload[:2] for m in raw.messages] == [b"\0\0"]
    assert group.refusals == []  # the command's own matter


async def test_a_bug_in_a_command_fails_its_callback_only(
    bench: Any, group: LampGroup, caplog: pytest.LogCaptureFixture
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Broken")
    assert await raw.put(sid, SHORT, struct.pack(">h", 1)) == PUT_FAIL
    assert "ZeroDivisionError" in caplog.text
    assert (await raw.get(sid, SHORT)).payload[:2] == b"\0\0"


async def test_a_second_put_does_not_wait_for_the_first(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    raw, (sid, power) = await connect(bench, group, "L:Colour", "L:Power")
    lamp.gate.clear()
    raw.send(19, ENUM, 1, sid, 1, struct.pack(">H", 1))
    raw.send(19, ENUM, 1, sid, 2, struct.pack(">H", 0))
    await bench.until(lambda: len(lamp.puts) == 2)
    assert [colour for colour, _ in lamp.puts] == [Colour.GREEN, Colour.RED]
    assert (await raw.get(power, DOUBLE)).p1 == NORMAL
    lamp.gate.set()
    assert {(await raw.expect(19)).p2, (await raw.expect(19)).p2} == {1, 2}


async def test_a_client_that_leaves_cancels_nothing(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    sid = (await raw.create("L:Colour")).p2
    lamp.gate.clear()
    raw.send(4, ENUM, 1, sid, 1, struct.pack(">H", 1))
    await bench.until(lambda: bool(lamp.puts))
    await raw.close()
    await bench.until(lambda: not server.clients.circuits)
    lamp.gate.set()
    await bench.until(lambda: lamp.snapshot.colour is Colour.GREEN)


async def test_a_button_reads_one_until_its_action_has_ended(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Paint")
    raw.subscribe(sid, ENUM, VALUE)
    assert await raw.put(sid, SHORT, struct.pack(">h", 0)) == NORMAL
    assert lamp.puts == []
    raw.messages.clear()
    lamp.gate.clear()
    raw.send(19, STRING, 1, sid, 9, text("1"))
    await bench.until(lambda: bool(lamp.puts))
    assert (await raw.get(sid, ENUM)).payload[:2] == b"\0\1"
    lamp.gate.set()
    await raw.expect(19)
    assert [m.payload[:2] for m in raw.messages if m.command == 1] == [b"\0\1", b"\0\0"]


async def test_a_read_only_pv_cannot_be_put(bench: Any, group: LampGroup) -> None:
    raw, (sid,) = await connect(bench, group, "L:Power")
    assert await raw.put(sid, DOUBLE, bytes(8)) == NO_WRITE
    raw.send(4, DOUBLE, 1, sid, 5, bytes(8))
    error = await raw.expect(11)
    assert error.p2 == NO_WRITE
    assert b"L:Power is read only" in error.payload


async def test_disp_disables_puts(bench: Any, group: LampGroup) -> None:
    raw, (sid, disp) = await connect(bench, group, "L:Level", "L:Level.DISP")
    assert await raw.put(disp, STRING, text("1")) == NORMAL
    assert await raw.put(sid, DOUBLE, struct.pack(">d", 10)) == PUT_FAIL
    assert "caput L:Level.DISP 0" in group.refusals[0][1]
    assert await raw.put(disp, CHAR, b"\0") == NORMAL
    assert await raw.put(sid, DOUBLE, struct.pack(">d", 10)) == NORMAL


async def test_a_group_hears_how_each_put_has_ended_before_its_client(
    bench: Any, group: LampGroup
) -> None:
    raw, (colour, level) = await connect(bench, group, "L:Colour", "L:Level")
    assert await raw.put(colour, STRING, text("Green")) == NORMAL
    assert group.ended == [("L:Colour", "", "shift@console")]
    assert await raw.put(colour, STRING, text("Blue")) == PUT_FAIL
    assert group.ended[1:] == [("L:Colour", "no blue paint", "shift@console")]
    assert await raw.put(level, DOUBLE, struct.pack(">d", 99)) == PUT_FAIL
    assert group.ended[2][0] == "L:Level"
    assert "outside the limits" in group.ended[2][1]
    assert await raw.put(level, DOUBLE, struct.pack(">d", 5)) == NORMAL
    assert group.ended[3][:2] == ("L:Level", "")
