"""What PVs show of a device, what they judge, and when clients find them."""

from __future__ import annotations

import enum
import math
import struct
from dataclasses import dataclass, replace
from typing import Any

import pytest

from daqpv.core import (
    NO_ALARM,
    Alarm,
    Condition,
    Device,
    DeviceSnapshot,
    Events,
    Severity,
    Status,
)
from daqpv.errors import ServeError
from daqpv.serve import Group, ai, button, longin, mbbi, string, waveform
from daqpv.serve.ca.protocol import DOUBLE, ENUM, INTEGER, STRING

TIME = 14
NORMAL, PUT_FAIL = 1, 160
PUT_ACKS = 36
NO_NUMBER = Alarm(Severity.INVALID, Status.UDF, "no number")


class Mode(enum.IntEnum):
    OFF = 0
    ON = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpSnapshot(DeviceSnapshot):
    observed = frozenset({"online", "mode"})

    mode: Any = Mode.OFF
    start: float = 1795913000.0
    left: float = math.nan
    speed: float = 1.0


async def act(group: Pump, value: object) -> None:
    """A button's action."""


class Pump(Group[Device[PumpSnapshot]]):
    """Its buttons are called as fields of the snapshot."""

    mode = mbbi("Mode", Mode)
    start = button("Start", put=act)
    enabled = button("Enabled", put=act)
    left = ai("Left")
    spare = ai("Spare", of="left", nan=Severity.NO_ALARM)
    speed = ai("Speed", high=5)


def pump(**fields: Any) -> Pump:
    device = Device("pump", PumpSnapshot(**fields), events=Events())
    group = Pump("P:", device)
    device.watch(group.show)
    return group


# -- what is shown ---------------------------------------------------------------------


async def test_a_button_shows_no_field_whatever_it_is_called(bench: Any) -> None:
    group = pump(known=True, condition=Condition.OK)
    raw = await bench.client(await bench.serve(group))
    for name in ("Start", "Enabled"):
        sid = (await raw.create(f"P:{name}")).p2
        payload = (await raw.get(sid, TIME + ENUM)).payload
        assert payload[:4] == bytes(4)  # no alarm
        assert payload[14:16] == bytes(2)
        assert (await raw.get(sid, STRING)).payload.startswith(b"Done\0")
    group.device.change(replace(group.device.snapshot, start=1.0, enabled=False))
    assert (group.start.value, group.enabled.value) == (0, 0)


def test_a_button_that_names_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="a button shows no field"):
        button("Stop", of="stop", put=act)


@pytest.mark.parametrize("wrong", [1795913000.0, 2, -1, "On"])
def test_a_state_that_does_not_exist_is_found_at_the_start(wrong: Any) -> None:
    with pytest.raises(ServeError, match=r"P:Mode shows the field 'mode'"):
        pump(mode=wrong)


@pytest.mark.parametrize("wrong", [7, 0.5, "On"])
async def test_a_state_that_does_not_exist_is_never_shown(wrong: Any) -> None:
    group = pump(known=True, condition=Condition.OK, mode=Mode.ON)
    group.device.change(replace(group.device.snapshot, mode=wrong, speed=2.0))
    assert group.mode.value == 1
    assert group.mode.alarm[:2] == (Severity.INVALID, Status.SOFT)
    assert group.speed.value == 2.0  # the others go on
    group.device.change(replace(group.device.snapshot, mode=Mode.OFF))
    assert (group.mode.value, group.mode.alarm) == (0, NO_ALARM)


# -- numbers that are none -------------------------------------------------------------


async def test_a_nan_is_undefined_as_on_a_c_ioc(bench: Any) -> None:
    group = pump(known=True, condition=Condition.OK)
    raw = await bench.client(await bench.serve(group))
    sid = (await raw.create("P:Left")).p2
    expected = struct.pack(">HH", Status.UDF, Severity.INVALID)
    for dbr in (DOUBLE, INTEGER):
        assert (await raw.get(sid, TIME + dbr)).payload[:4] == expected
    for field, text in (("UDF", b"1"), ("UDFS", b"INVALID"), ("SEVR", b"INVALID")):
        sid = (await raw.create(f"P:Left.{field}")).p2
        assert (await raw.get(sid, STRING)).payload.startswith(text + b"\0")
    group.device.change(replace(group.device.snapshot, left=3.0))
    assert group.left.alarm == NO_ALARM


async def test_a_nan_that_is_posted_again_is_no_event(bench: Any) -> None:
    group = pump(known=True, condition=Condition.OK)
    raw = await bench.client(await bench.serve(group))
    raw.subscribe((await raw.create("P:Left")).p2, TIME + DOUBLE)
    await raw.synchronise()
    group.left.post(math.nan)
    group.left.post(math.nan)
    assert len([m for m in raw.messages if m.command == 1]) == 1


def test_a_nan_that_is_a_good_value_says_so_in_its_declaration() -> None:
    group = pump(known=True, condition=Condition.OK)
    assert math.isnan(group.spare.value)
    assert group.spare.alarm == NO_ALARM
    group.spare.post(math.nan, alarm=Alarm(Severity.MINOR, Status.STATE, "odd"))
    assert group.spare.alarm.status is Status.STATE


def test_the_worse_of_a_nan_and_the_device_counts() -> None:
    group = pump(known=True, condition=Condition.OK)
    odd = Alarm(Severity.MINOR, Status.STATE, "odd")
    lost = Alarm(Severity.INVALID, Status.COMM, "offline")
    for alarm, seen in ((odd, NO_NUMBER), (lost, lost), (NO_ALARM, NO_NUMBER)):
        group.left.rejudge(alarm)
        assert group.left.alarm == seen
        group.left.post(math.nan, alarm=alarm)
        assert group.left.alarm == seen
    group.speed.post(math.nan)
    assert group.speed.alarm == NO_NUMBER
    group.speed.post(6.0)
    assert group.speed.alarm.status is Status.HIGH


# -- alarms of arrays, acknowledgement -------------------------------------------------


class Arrays(Group[Device[PumpSnapshot]]):
    wave = waveform("Wave", size=4)


async def test_another_alarm_of_the_same_array_is_no_new_value(bench: Any) -> None:
    group = Arrays("P:", Device("a", PumpSnapshot(), events=Events()))
    group.wave.post([1, 2])
    raw = await bench.client(await bench.serve(group))
    raw.subscribe((await raw.create("P:Wave")).p2, TIME + DOUBLE, mask=1)
    await raw.synchronise()
    group.wave.rejudge(Alarm(Severity.MAJOR, Status.STATE, "odd"))
    assert await raw.synchronise() == []


async def test_an_alarm_is_acknowledged_as_on_a_c_ioc(bench: Any) -> None:
    group = pump(known=True, condition=Condition.OK, speed=9.0)
    raw = await bench.client(await bench.serve(group))
    acks = (await raw.create("P:Speed.ACKS")).p2
    ackt = (await raw.create("P:Speed.ACKT")).p2
    assert await raw.put(acks, ENUM, struct.pack(">H", 2)) == PUT_FAIL
    assert await raw.put(ackt, ENUM, struct.pack(">H", 0)) == PUT_FAIL
    assert group.speed.acknowledgement() == (1, Severity.MINOR)
    assert await raw.put(acks, PUT_ACKS, struct.pack(">H", 2)) == NORMAL
    assert group.speed.acknowledgement() == (1, Severity.NO_ALARM)


# -- when clients find a PV ------------------------------------------------------------


async def found(bench: Any, server: Any, names: list[str]) -> list[str]:
    """Which of `names` the server answers, over TCP."""
    raw = await bench.client(server)
    for cid, name in enumerate(names):
        raw.send(6, 5, 13, cid, cid, name.encode() + b"\0")
    return [names[m.p2] for m in await raw.synchronise() if m.command == 6]


class Figures(Group[Device[PumpSnapshot]]):
    speed = ai("Speed")
    name = string("Name")
    count = longin("Count")


NAMES = ["P:Mode", "P:Speed.EGU", "P:Left.[0:1]"]


async def test_pvs_of_a_device_are_found_when_its_states_are_known(
    bench: Any,
) -> None:
    group, figures = pump(), Figures("F:", Device("f", PumpSnapshot(), events=Events()))
    server = await bench.serve(group, figures)
    assert await found(bench, server, [*NAMES, "F:Speed"]) == ["F:Speed"]
    group.device.change(
        replace(group.device.snapshot, known=True, online=True, condition=Condition.OK)
    )
    assert await found(bench, server, NAMES) == NAMES
    group.device.change(
        replace(group.device.snapshot, known=False)
    )  # later nothing is hidden any more
    assert await found(bench, server, NAMES) == NAMES


@pytest.mark.parametrize("fields", [{"enabled": False}, {"known": True}])
async def test_a_device_that_is_disabled_or_known_to_be_lost_is_found_at_once(
    bench: Any, fields: dict[str, Any]
) -> None:
    server = await bench.serve(pump(**fields))
    assert await found(bench, server, NAMES) == NAMES


async def test_a_device_that_does_not_become_known_is_found_after_a_while(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.serve.directory._PATIENCE", 0.0)
    server = await bench.serve(pump())
    assert await found(bench, server, NAMES) == NAMES


async def test_who_knows_the_server_connects_at_any_time(bench: Any) -> None:
    raw = await bench.client(await bench.serve(pump()))
    sid = (await raw.create("P:Mode")).p2
    payload = (await raw.get(sid, TIME + ENUM)).payload
    assert payload[:4] == struct.pack(">HH", Status.UDF, Severity.INVALID)
