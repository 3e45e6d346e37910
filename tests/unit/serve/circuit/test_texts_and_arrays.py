"""Texts and arrays, both ways."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest

from daqpv.core import Severity, Status
from tests.support.lamp import (
    CHAR,
    DOUBLE,
    ENUM,
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
    words,
)


async def test_a_long_text_comes_whole_or_as_a_beginning(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    said = "å" * 30 + " and more"
    lamp.change(replace(lamp.snapshot, message=said))
    raw, sids = await connect(bench, group, "L:Message", "L:Message$", "L:Message.VAL$")
    for sid in sids:
        message = await raw.get(sid, CHAR)
        assert message.payload.rstrip(b"\0").decode() == said
        assert message.count == len(said.encode()) + 1
        assert len((await raw.get(sid, TIME + CHAR, 4000)).payload) == 4016
        assert words((await raw.get(sid, STRING, 1)).payload) == ["å" * 19]


@pytest.mark.parametrize(
    ("dbr", "payload", "count"),
    [
        (STRING, text("hello"), 1),
        (CHAR, b"hello", 5),
        (CHAR, b"hello\0", 6),
        (CHAR, b"hello".ljust(100, b"\0"), 100),
    ],
)
async def test_a_long_text_can_be_put_as_text_or_bytes(
    bench: Any, group: LampGroup, dbr: int, payload: bytes, count: int
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Note$")
    assert await raw.put(sid, dbr, payload, count) == NORMAL
    assert group.note.value == "hello"


async def test_a_long_text_of_one_character_is_a_text(
    bench: Any, group: LampGroup
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Note")
    assert await raw.put(sid, CHAR, b"x", 1) == NORMAL
    assert group.note.value == "x"
    assert await raw.put(sid, CHAR, b"", 0) == NORMAL
    assert group.note.value == ""


async def test_a_text_that_is_too_long_is_refused(bench: Any, group: LampGroup) -> None:
    raw, (sid,) = await connect(bench, group, "L:Note")
    assert await raw.put(sid, CHAR, b"x" * 101, 101) == PUT_FAIL


async def test_the_long_view_of_a_short_text_takes_puts(
    bench: Any, group: LampGroup
) -> None:
    raw, (sid, plain) = await connect(bench, group, "L:Title$", "L:Title")
    raw.subscribe(sid, CHAR, VALUE)
    await raw.synchronise()
    assert await raw.put(sid, CHAR, b"run 7\0", 6) == NORMAL
    assert words((await raw.get(plain, STRING)).payload) == ["run 7"]
    events = [m for m in raw.messages if m.command == 1]
    assert events[-1].payload.startswith(b"run 7\0")


async def test_arrays_go_both_ways(bench: Any, group: LampGroup) -> None:
    raw, (wave, names) = await connect(bench, group, "L:Wave", "L:Names")
    assert await raw.put(wave, SHORT, struct.pack(">3h", 1, -2, 3), 3) == NORMAL
    assert group.wave.value.tolist() == [1, -2, 3]
    assert not group.wave.value.flags.writeable
    assert await raw.put(wave, DOUBLE, bytes(88), 11) == PUT_FAIL
    assert await raw.put(names, STRING, text("a") + text("b"), 2) == NORMAL
    message = await raw.get(names, STRING)
    assert (message.count, words(message.payload)) == (2, ["a", "b"])


async def test_an_array_in_a_snapshot_cannot_be_changed_behind_us(
    group: LampGroup,
) -> None:
    import numpy as np  # noqa: PLC0415

    mine = np.array([1.0, 2.0])
    group.wave.post(mine)
    mine[0] = 9
    assert group.wave.value.tolist() == [1, 2]


async def test_a_write_in_the_style_of_caproto_ends_in_a_post(group: LampGroup) -> None:
    await group.free.write(4.5)
    assert (group.free.value, group.free.alarm.severity) == (4.5, Severity.NO_ALARM)
    await group.free.write(5.5, status=Status.COMM, severity=Severity.MAJOR)
    assert group.free.alarm[:2] == (Severity.MAJOR, Status.COMM)
    await group.free.write(6.5, timestamp=3e9)
    assert (group.free.alarm.severity, group.free.time) == (Severity.MAJOR, 3e9)


async def test_stamps_rise_strictly_whatever_they_are_said_to_be(
    group: LampGroup,
) -> None:
    stamps = []
    for value, said in ((1.0, 3e9), (2.0, 3e9), (3.0, 2.9e9), (3.0, 2.9e9)):
        group.free.post(value, time=said)
        stamps.append(group.free.time)
    assert stamps == sorted(set(stamps))


async def test_puts_that_wait_when_the_server_ends_are_cancelled(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Colour")
    lamp.gate.clear()
    for number in range(3):
        raw.send(19, ENUM, 1, sid, number, struct.pack(">H", 1))
    await bench.until(lambda: len(lamp.puts) == 3)
    raw.send(19, ENUM, 1, sid, 4, struct.pack(">H", 1))
    await bench.close()
    assert lamp.snapshot.colour is Colour.RED
