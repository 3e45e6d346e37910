"""Channel filters of monitors, held against a C IOC wherever it has the same."""

from __future__ import annotations

import struct
import time
from typing import Any

import pytest

from tests.support.filters import (
    ALARM,
    DOUBLE,
    END,
    EPOCH,
    LOG,
    NORMAL,
    PROPERTY,
    TIME,
    VALUE,
    Records,
    elements,
    put,
    reals,
)


async def events(
    raw: Any, name: str, values: list[float], *, mask: int = VALUE | ALARM
) -> list[Any]:
    """The events of `name` for these puts to P:ao, with severities."""
    record = (await raw.create("P:ao")).p2
    await raw.put(record, DOUBLE, reals(values[0]))
    sid = (await raw.create(name)).p2
    raw.subscribe(sid, TIME + DOUBLE, mask)
    while (await raw.expect(1)).p2 != 1000 + sid:
        pass
    raw.messages.clear()
    for value in (*values[1:], END, -END, END, -END):
        await raw.put(record, DOUBLE, reals(value))
    found: list[Any] = []
    while True:  # a C IOC sends events when it comes to that
        for message in raw.messages:
            if (message.command, message.p2) == (1, 1000 + sid):
                (value,) = elements(message)
                if abs(value) == END:
                    return found
                found.append((value, message.payload[3]))
        raw.messages = [await raw.expect(1)]


_MOVES: dict[str, list[float]] = {
    '{"dbnd":{"abs":2}}': [0, 1, 2, 3, 3.5, 2, 5.1, 5.2, 7.1, 7.2, 4],
    '{"dbnd":{"d":0}}': [1, 1, 2, 2, 3],
    '{"dbnd":{"abs":5}}': [96, 99, 100, 98, 100, 101, 104, 106],
    '{"dbnd":{"rel":10}}': [10, 10.5, 11.5, 12, 13, 11.8, 11, 9, 20],
    '{"dbnd":{"d":10,"m":"rel"}}': [10, 11, 11.01, 12, 12.2],
    '{"dec":{"n":3}}': [1, 2, 3, 4, 5, 6, 7, 8],
    '{"dec":{"n":2},"dbnd":{"abs":2}}': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    '{"dbnd":{"abs":2},"dec":{"n":2}}': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    '{"ts":{},"dbnd":{"abs":2}}': [1, 2, 4, 5],
    "[0:1]": [1, 2, 3],
}


@pytest.mark.parametrize("mask", [VALUE, ALARM, VALUE | ALARM, VALUE | LOG | PROPERTY])
async def test_monitors_hear_what_those_of_a_c_ioc_hear(
    bench: Any, group: Records, c_ioc: Any, mask: int
) -> None:
    server = await bench.serve(group)
    for filters, values in _MOVES.items():
        name = f"P:ao.{filters}"
        mine = await events(await bench.client(server), name, values, mask=mask)
        assert mine == await events(c_ioc, name, values, mask=mask), name


async def test_a_relative_band_works_below_zero_too(raw: Any) -> None:
    moves = [-10, -10.5, -11.5, -12, -13, -11.8]
    assert [v for v, _ in await events(raw, "P:ao.{dbnd:{rel:10}}", moves)] == [
        *(-11.5, -13)
    ]


async def follow(raw: Any, name: str, dbr: int, mask: int = VALUE | ALARM) -> Any:
    """Subscribe; returns the first event."""
    raw.subscribe((await raw.create(name)).p2, dbr, mask)
    first = await raw.expect(1)
    raw.messages.clear()
    return first


async def news(raw: Any) -> list[Any]:
    """The elements of the events that have come since."""
    await raw.synchronise()
    found = [elements(m) for m in raw.messages if m.command == 1]
    raw.messages.clear()
    return found


async def test_an_array_is_cut_in_events_too(raw: Any, group: Records) -> None:
    group.wave.post(range(8))
    await follow(raw, "P:wave.[2:2:-1]", TIME + DOUBLE)
    group.wave.post(range(10, 20))
    group.wave.post((5, 6))
    assert await news(raw) == [(12, 14, 16, 18), ()]


@pytest.mark.parametrize("name", ["P:one", "P:wave.[0]"])
async def test_an_array_of_one_is_an_array(raw: Any, group: Records, name: str) -> None:
    await follow(raw, name, TIME + DOUBLE)
    for channel in (group.one, group.wave):
        channel.post([5.0])
        channel.post([])
    assert await news(raw) == [(5.0,), ()]


async def test_an_empty_event_is_none_for_libca(raw: Any, group: Records) -> None:
    first = await follow(raw, "P:wave.[8:9]", DOUBLE)
    assert (first.count, first.payload) == (0, bytes(8))


async def test_each_subscription_has_a_band_of_its_own(
    bench: Any, group: Records
) -> None:
    server = await bench.serve(group)
    raw, other = await bench.client(server), await bench.client(server)
    name = "P:flow.{dbnd:{abs:4}}"
    group.flow.post(0.0)
    await follow(raw, name, TIME + DOUBLE, VALUE)
    await follow(raw, name, TIME + DOUBLE, LOG)
    group.flow.post(3.0)  # MDEL 2, ADEL 10
    group.flow.post(6.0)
    assert (await follow(other, name, TIME + DOUBLE, VALUE)).payload[16:] == reals(6)
    group.flow.post(9.0)
    group.flow.post(11.5)
    assert await news(raw) == [(6.0,), (11.5,), (11.5,)]
    assert await news(other) == [(11.5,)]


async def test_properties_and_reposts_go_through(raw: Any, group: Records) -> None:
    name = "P:ao.{dbnd:{abs:50}}"
    await follow(raw, name, TIME + DOUBLE, PROPERTY)
    assert await put(raw, "P:ao.HOPR", DOUBLE, reals(7)) == NORMAL
    assert await put(raw, "P:ao", DOUBLE, reals(2)) == NORMAL
    assert await put(raw, "P:ao.HOPR", DOUBLE, reals(8)) == NORMAL
    assert await news(raw) == [(0.0,), (2.0,)]


async def test_ts_is_the_time_of_the_delivery(raw: Any, group: Records) -> None:
    group.ao.post(1.0, time=2e9)
    before = int(time.time())

    def stamp(message: Any) -> int:
        seconds: int = struct.unpack_from(">I", message.payload, 4)[0]
        return seconds + EPOCH

    sid = (await raw.create("P:ao.{ts:{}}")).p2
    assert before <= stamp(await raw.get(sid, TIME + DOUBLE)) <= time.time()
    assert before <= stamp(await follow(raw, "P:ao.{ts:{}}", TIME + DOUBLE)) < 2e9
    group.ao.post(2.0, time=2.1e9)
    assert before <= stamp(await raw.expect(1)) <= time.time()
    plain = await raw.get((await raw.create("P:ao")).p2, TIME + DOUBLE)
    assert stamp(plain) == 2.1e9


async def test_a_silent_client_gets_the_newest_that_has_passed(
    raw: Any, group: Records
) -> None:
    await follow(raw, "P:ao.{dbnd:{abs:5}}", TIME + DOUBLE)
    raw.send(8)
    await raw.synchronise()
    for value in (10.0, 20.0, 22.0):
        group.ao.post(value)
    assert await news(raw) == []
    raw.send(9)
    assert await news(raw) == [(20.0,)]
    group.ao.post(25.0)
    group.ao.post(26.0)
    assert await news(raw) == [(26.0,)]


async def test_fields_can_be_filtered(raw: Any, group: Records) -> None:
    await follow(raw, "P:ao.HIHI{dbnd:{abs:5}}", TIME + DOUBLE)
    for limit in (103, 106, 108):
        assert await put(raw, "P:ao.HIHI", DOUBLE, reals(limit)) == NORMAL
    assert await news(raw) == [(106.0,)]


async def test_filters_cost_others_nothing_and_leave_nothing_behind(
    bench: Any, raw: Any, group: Records
) -> None:
    await follow(raw, "P:ao", TIME + DOUBLE)
    packs = 0
    (wire,) = group.ao.packed
    pack = wire._pack

    def counted() -> Any:
        nonlocal packs
        packs += 1
        return pack()

    wire._pack = counted
    filtered = [(await raw.create("P:ao.{dbnd:{abs:1}}")) for _ in range(3)]
    for created in filtered:
        raw.subscribe(created.p2, TIME + DOUBLE)
    assert await news(raw) == [(0.0,)] * 3
    group.ao.post(5.0)
    assert await news(raw) == [(5.0,)] * 4
    assert (packs, group.ao.packed, len(group.ao.followers)) == (1, [wire], 4)
    raw.send(2, TIME + DOUBLE, 0, filtered[0].p2, 1000 + filtered[0].p2)
    for created in filtered[1:]:
        raw.send(12, 0, 0, created.p2, 1)
    await raw.synchronise()
    assert group.ao.followers == (wire,)
    assert group.ao.outbox is not None
    await raw.close()
    await bench.until(lambda: group.ao.outbox is None)
