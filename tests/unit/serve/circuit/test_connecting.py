"""Channels: what a client is told when it connects."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daqpv.errors import ServeError
from tests.support.lamp import (
    CHAR,
    DOUBLE,
    ENUM,
    LONG,
    NORMAL,
    STRING,
    Lamp,
    LampGroup,
    connect,
)


async def test_a_channel_tells_its_type_its_length_and_what_may_be_done(
    bench: Any, group: LampGroup
) -> None:
    raw, _ = await connect(bench, group)
    for name, native, count, rights in (
        ("L:Power", DOUBLE, 1, 1),
        ("L:Level", DOUBLE, 1, 3),
        ("L:Colour", ENUM, 1, 3),
        ("L:Count", LONG, 1, 3),
        ("L:Title", STRING, 1, 3),
        ("L:Message", CHAR, 4000, 1),
        ("L:Wave", DOUBLE, 10, 3),
        ("L:Names", STRING, 4, 3),
        ("L:Power.DESC", STRING, 1, 3),
        ("L:Title$", CHAR, 40, 3),
        ("L:Power.VAL", DOUBLE, 1, 1),
        ("L:Power.", DOUBLE, 1, 1),
        ("L:Title.$", CHAR, 40, 3),
    ):
        raw.messages.clear()
        created = await raw.create(name)
        assert (created.command, created.dbr, created.count) == (18, native, count)
        assert (raw.messages[-1].command, raw.messages[-1].p2) == (22, rights), name


@pytest.mark.parametrize(
    "name", ["L:Nobody", "L:Power.NOPE", "L:Power$", "L", "L:.VAL"]
)
async def test_a_name_that_nobody_has_is_refused(
    bench: Any, group: LampGroup, name: str
) -> None:
    raw, _ = await connect(bench, group)
    assert (await raw.create(name)).command == 26


async def test_a_channel_id_used_twice_gives_two_channels(
    bench: Any, group: LampGroup
) -> None:
    raw, _ = await connect(bench, group)
    first = await raw.create("L:Power")
    raw.cid -= 1
    second = await raw.create("L:Level")
    assert first.p1 == second.p1
    assert (await raw.get(first.p2, DOUBLE)).p1 == NORMAL
    assert (await raw.get(second.p2, DOUBLE)).p1 == NORMAL


async def test_a_circuit_may_have_more_channels_than_sixteen_bits_count(
    bench: Any, group: LampGroup
) -> None:
    raw, _ = await connect(bench, group)
    count = 70_000
    for cid in range(count):
        raw.send(18, 0, 0, cid, 13, b"L:Power\0")
    size = 32 * count  # rights and channel
    async with asyncio.timeout(30):
        answers = await raw.reader.readexactly(size)
    sids = {answers[i + 28 : i + 32] for i in range(0, size, 32)}
    assert len(sids) == count
    last = int.from_bytes(answers[-4:], "big")
    assert (await raw.get(last, DOUBLE)).p1 == NORMAL


async def test_two_priorities_on_one_circuit_are_no_offence(
    bench: Any, group: LampGroup
) -> None:
    raw, _ = await connect(bench, group)
    raw.send(0, 5, 13)
    assert (await raw.create("L:Power")).command == 18


async def test_a_pv_name_used_twice_names_both(lamp: Lamp, bench: Any) -> None:
    with pytest.raises(ServeError, match="L:Colour is served twice: by LampGroup L:"):
        await bench.serve(LampGroup(lamp), LampGroup(lamp))
