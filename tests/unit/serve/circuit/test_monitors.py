"""Monitors: each change once, to those who asked for it."""

from __future__ import annotations

import struct
from typing import Any

from daqpv.core import Alarm, Severity, Status
from tests.support.lamp import (
    ALARM,
    DOUBLE,
    LOG,
    NORMAL,
    PROPERTY,
    STRING,
    TIME,
    VALUE,
    LampGroup,
    connect,
    doubles,
    text,
)


async def test_each_change_is_one_event_even_in_one_loop_turn(
    bench: Any, group: LampGroup
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Power")
    raw.subscribe(sid, TIME + DOUBLE)
    await raw.synchronise()
    raw.messages.clear()
    for value in (1.0, 2.0, 2.0, 3.0):
        group.power.post(value)
    events = await raw.synchronise()
    assert doubles(events) == [1.0, 2.0, 3.0]
    stamps = [struct.unpack_from(">II", event.payload, 4) for event in events]
    assert stamps == sorted(set(stamps))


async def test_masks_are_obeyed(bench: Any, group: LampGroup) -> None:
    server = await bench.serve(group)
    seen = {}
    for mask in (VALUE, LOG, ALARM, PROPERTY):
        raw = await bench.client(server)
        sid = (await raw.create("L:Free")).p2
        group.free.post(0.0)
        raw.subscribe(sid, TIME + DOUBLE, mask)
        await raw.synchronise()
        group.free.post(1.0)
        group.free.post(1.0, alarm=Alarm(Severity.MINOR, Status.STATE, "odd"))
        field = (await raw.create("L:Free.EGU")).p2
        before = len(raw.messages)
        assert await raw.put(field, STRING, text(f"u{mask}")) == NORMAL
        group.free.repost()
        await raw.synchronise()
        seen[mask] = len([m for m in raw.messages if m.command == 1]) - 1
        assert before
        group.free.post(0.0)
    assert seen == {VALUE: 2, LOG: 1, ALARM: 1, PROPERTY: 1}


async def test_a_dead_band_written_now_acts_at_the_next_value(
    bench: Any, group: LampGroup
) -> None:
    raw, (sid, mdel) = await connect(bench, group, "L:Free", "L:Free.MDEL")
    group.free.post(0.0)
    raw.subscribe(sid, TIME + DOUBLE, VALUE)
    assert await raw.put(mdel, DOUBLE, struct.pack(">d", 5)) == NORMAL
    raw.messages.clear()
    for value in (3.0, 5.0, 5.5, 9.0, 11.0):
        group.free.post(value)
    assert doubles(await raw.synchronise()) == [5.5, 11.0]


async def test_silence_keeps_the_newest_of_each_and_nothing_else(
    bench: Any, group: LampGroup
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Power")
    raw.subscribe(sid, TIME + DOUBLE)
    raw.send(8)
    await raw.synchronise()
    for value in range(10):
        group.power.post(float(value))
    assert await raw.synchronise() == []
    raw.send(9)
    assert doubles(await raw.synchronise()) == [9.0]


async def test_after_a_cancel_nothing_comes(bench: Any, group: LampGroup) -> None:
    raw, (sid,) = await connect(bench, group, "L:Power")
    raw.subscribe(sid, TIME + DOUBLE)
    await raw.synchronise()
    group.power.post(4.0)
    raw.send(2, TIME + DOUBLE, 0, sid, 1000 + sid)
    events = await raw.synchronise()
    assert len(events[-1].payload) == 0  # the confirmation is the last
    group.power.post(5.0)
    assert await raw.synchronise() == []
    assert group.power.outbox is None


async def test_a_client_that_leaves_leaves_nothing_behind(
    bench: Any, group: LampGroup
) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    sid = (await raw.create("L:Power")).p2
    raw.subscribe(sid, TIME + DOUBLE)
    await raw.synchronise()
    assert server.clients.channels == 1
    await raw.close()
    await bench.until(lambda: not server.clients.circuits)
    assert server.clients.channels == 0
    assert group.power.followers == ()
