"""A device's snapshots as PVs."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest

from daqpv.core import Condition, Severity, Status
from daqpv.errors import ServeError
from daqpv.serve import Group, ai, mbbi
from tests.support.lamp import (
    ALARM,
    CHAR,
    DOUBLE,
    TIME,
    VALUE,
    Colour,
    Lamp,
    LampGroup,
    connect,
    doubles,
)


async def test_a_loss_and_a_return_post_each_alarm_once(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Heat")
    raw.subscribe(sid, TIME + DOUBLE, VALUE | ALARM)
    await raw.synchronise()
    raw.messages.clear()
    lamp.change(
        replace(lamp.snapshot, condition=Condition.OFFLINE, online=False), at=2e9 + 1
    )
    lamp.change(lamp.snapshot, at=2e9 + 2)
    lamp.change(replace(lamp.snapshot, condition=Condition.OK, online=True), at=2e9 + 3)
    events = await raw.synchronise()
    heads = [struct.unpack_from(">HHI", m.payload) for m in events]
    epoch = 2000000000 - 631152000
    assert heads == [
        (Status.COMM, Severity.INVALID, epoch + 1),
        (Status.NO_ALARM, Severity.NO_ALARM, epoch + 3),
    ]


async def test_an_observation_without_a_change_moves_the_stamp_of_gets_only(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    raw, (sid, message) = await connect(bench, group, "L:Heat", "L:Message")
    raw.subscribe(sid, TIME + DOUBLE)
    await raw.synchronise()
    before = struct.unpack_from(">I", (await raw.get(message, 14 + CHAR)).payload, 4)
    raw.messages.clear()
    lamp.change(lamp.snapshot, at=2e9 + 50)
    payload = (await raw.get(sid, TIME + DOUBLE)).payload
    assert struct.unpack_from(">I", payload, 4) == (2000000050 - 631152000,)
    after = struct.unpack_from(">I", (await raw.get(message, 14 + CHAR)).payload, 4)
    assert raw.messages == []
    assert before == after


async def test_a_derived_value_moves_with_what_it_is_made_from(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Heat")
    raw.subscribe(sid, TIME + DOUBLE)
    await raw.synchronise()
    raw.messages.clear()
    lamp.change(replace(lamp.snapshot, power=21.0), at=2e9 + 1)
    lamp.change(replace(lamp.snapshot, message="unrelated"))
    assert doubles(await raw.synchronise()) == [42.0]


async def test_before_first_contact_values_are_undefined(lamp: Lamp) -> None:
    group = LampGroup(lamp)
    lamp.watch(group.show)
    for channel in (group.colour, group.heat):
        assert channel.alarm[:2] == (Severity.INVALID, Status.UDF)
        assert channel.undefined
        assert channel.time > 1.7e9  # the start, not 1970
    assert group.message.alarm.severity == Severity.NO_ALARM


async def test_nothing_known_leaves_a_value_undefined(
    lamp: Lamp, group: LampGroup
) -> None:
    lamp.change(replace(lamp.snapshot, colour=Colour.GREEN))
    lamp.change(replace(lamp.snapshot, colour=None))
    assert group.colour.value == Colour.GREEN
    assert group.colour.alarm[:2] == (Severity.INVALID, Status.UDF)


def test_a_pv_that_shows_what_no_snapshot_has_is_an_error(lamp: Lamp) -> None:
    class Wrong(Group[Lamp]):
        odd = ai("Odd", of="oddity")

    with pytest.raises(ServeError, match="X:Odd shows 'oddity', which LampSnapshot"):
        Wrong("X:", lamp)


def test_names_units_and_states_are_checked(lamp: Lamp) -> None:
    with pytest.raises(ValueError, match="more than 15 bytes"):
        ai("Odd", units="furlongs/fortnight")
    with pytest.raises(ValueError, match="17 states"):
        mbbi("Odd", [str(i) for i in range(17)])
    with pytest.raises(ValueError, match="more than 25 bytes"):
        mbbi("Odd", ["x" * 26])
    with pytest.raises(ServeError, match="more than 60 bytes"):
        type("Far", (Group,), {"far": ai("Far")})("X" * 60, lamp)


def test_the_table_of_pvs_has_a_row_for_each(group: LampGroup) -> None:
    rows = {info.name: info for info in group.infos()}
    colour = rows["L:Colour"]
    assert (colour.device, colour.record, colour.writable) == ("lamp", "mbbo", True)
    assert colour.choices == ("Red", "Green", "Blue")
    assert colour.doc == "of the lamp"
    assert (rows["L:Power"].units, rows["L:Power"].precision) == ("kW", 1)


async def test_a_clock_that_was_set_back_freezes_no_stamp(
    group: LampGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = group.power.time - 3600.0
    monkeypatch.setattr("daqpv.core.timing.clock.AHEAD", 1.0)
    monkeypatch.setattr("time.time", lambda: clock)
    for change in (group.power.post, lambda _: group.power.repost()):
        clock += 1.0
        change(3.0)
        assert group.power.time == clock
    clock += 1.0
    group.power.stamp(clock)
    assert group.power.time == clock
