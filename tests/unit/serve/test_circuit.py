"""Gets, monitors and puts, message by message."""

from __future__ import annotations

import asyncio
import enum
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from daqpv.core import (
    Alarm,
    Condition,
    Device,
    Events,
    Severity,
    Snapshot,
    Status,
    origin,
)
from daqpv.errors import RefusedError, ServeError
from daqpv.serve import (
    Group,
    ai,
    ao,
    bi,
    button,
    long,
    longout,
    mbbi,
    mbbo,
    string,
    strings,
    waveform,
)

STRING, SHORT, FLOAT, ENUM, CHAR, LONG, DOUBLE = range(7)
TIME, GR, CTRL = 14, 21, 28
VALUE, LOG, ALARM, PROPERTY = 1, 2, 4, 8
NORMAL, GET_FAIL, PUT_FAIL, NO_WRITE = 1, 152, 160, 376


class Colour(enum.IntEnum):
    RED = 0
    GREEN = 1
    BLUE = 2

    @property
    def label(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class LampSnapshot(Snapshot):
    observed = frozenset({"online", "colour", "power", "heat"})
    colour: Colour | None = Colour.RED
    power: float = 0.0

    @property
    def heat(self) -> float:
        return self.power * 2


class Lamp(Device[LampSnapshot]):
    def __init__(self) -> None:
        super().__init__("lamp", LampSnapshot(), events=Events())
        self.puts: list[Any] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def paint(self, colour: Colour) -> None:
        self.puts.append((colour, str(origin.get())))
        await self.gate.wait()
        if colour is Colour.BLUE:
            raise RefusedError("no blue paint")
        self.change(colour=colour)


async def paint(group: LampGroup, colour: Colour) -> None:
    await group.device.paint(colour)


async def explode(group: LampGroup, value: Any) -> None:
    raise ZeroDivisionError


class LampGroup(Group[Lamp]):
    colour = mbbo("Colour", Colour, put=paint, doc="of the lamp")
    colour_rbv = mbbi("Colour_RBV", Colour, of="colour")
    online = bi("Online", labels=("No", "Yes"))
    power = ai("Power", units="kW", precision=1, high=80, hihi=95, display=(0, 100))
    heat = ai("Heat")
    level = ao("Level", units="mm", precision=2, drive=(0.5, 60))
    free = ao("Free")
    count = longout("Count")
    paint_it = button("Paint", put=lambda group, _: paint(group, Colour.GREEN))
    broken = button("Broken", put=explode)
    message = long("Message")
    note = long("Note", size=100, writable=True)
    title = string("Title", writable=True)
    wave = waveform("Wave", size=10, writable=True)
    names = strings("Names", size=4, writable=True)

    def __init__(self, lamp: Lamp) -> None:
        super().__init__("L:", lamp)
        self.refusals: list[tuple[str, str, str]] = []

    def refused(self, channel: Any, error: RefusedError) -> None:
        self.refusals.append((channel.name, str(error), str(origin.get())))


@pytest.fixture
def lamp() -> Lamp:
    return Lamp()


@pytest.fixture
def group(lamp: Lamp) -> LampGroup:
    group = LampGroup(lamp)
    lamp.watch(group.show)
    lamp.change(at=2e9, known=True, online=True, condition=Condition.OK)
    return group


def text(value: str) -> bytes:
    return value.encode().ljust(40, b"\0")


def words(payload: bytes, size: int = 40) -> list[str]:
    parts = (payload[i : i + size] for i in range(0, len(payload), size))
    return [part.partition(b"\0")[0].decode() for part in parts]


async def connect(bench: Any, group: Any, *names: str) -> tuple[Any, list[int]]:
    server = await bench.serve(group)
    raw = await bench.client(server)
    return raw, [(await raw.create(name)).p2 for name in names]


# -- connecting ------------------------------------------------------------------------


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


async def test_two_priorities_on_one_circuit_are_no_offence(
    bench: Any, group: LampGroup
) -> None:
    raw, _ = await connect(bench, group)
    raw.send(0, 5, 13)
    assert (await raw.create("L:Power")).command == 18


async def test_a_pv_name_used_twice_names_both(lamp: Lamp, bench: Any) -> None:
    with pytest.raises(ServeError, match="L:Colour is served twice: by LampGroup L:"):
        await bench.serve(LampGroup(lamp), LampGroup(lamp))


# -- gets ------------------------------------------------------------------------------


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


# -- monitors --------------------------------------------------------------------------


def doubles(messages: Iterable[Any]) -> list[float]:
    return [struct.unpack_from(">d", m.payload, 16)[0] for m in messages]


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
    assert server.channel_count == 1
    await raw.close()
    await bench.until(lambda: not server.circuits)
    assert server.channel_count == 0
    assert all(not wire.subscriptions for wire in group.power.wires)


# -- puts ------------------------------------------------------------------------------


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
    await bench.until(lambda: not server.circuits)
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


# -- texts and arrays ------------------------------------------------------------------


async def test_a_long_text_comes_whole_or_as_a_beginning(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    said = "å" * 30 + " and more"
    lamp.change(message=said)
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


# -- snapshots -------------------------------------------------------------------------


async def test_a_loss_and_a_return_post_each_alarm_once(
    bench: Any, group: LampGroup, lamp: Lamp
) -> None:
    raw, (sid,) = await connect(bench, group, "L:Heat")
    raw.subscribe(sid, TIME + DOUBLE, VALUE | ALARM)
    await raw.synchronise()
    raw.messages.clear()
    lamp.change(at=2e9 + 1, condition=Condition.OFFLINE, online=False)
    lamp.change(at=2e9 + 2)
    lamp.change(at=2e9 + 3, condition=Condition.OK, online=True)
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
    lamp.change(at=2e9 + 50)
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
    lamp.change(at=2e9 + 1, power=21.0)
    lamp.change(message="unrelated")
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
    lamp.change(colour=Colour.GREEN)
    lamp.change(colour=None)
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
