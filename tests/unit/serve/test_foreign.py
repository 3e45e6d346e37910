"""A third party's plain PVGroup works unchanged, and cannot poison the server."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from caproto import AccessRights, AlarmSeverity, AlarmStatus, ChannelType, SkipWrite
from caproto.server import PVGroup, SubGroup, pvproperty

STRING, SHORT, FLOAT, ENUM, CHAR, LONG, DOUBLE = range(7)
TIME = 14
NORMAL, GET_FAIL, PUT_FAIL, NO_READ, NO_WRITE = 1, 152, 160, 368, 376
EVENT_ADD, EVENT_CANCEL, ACCESS_RIGHTS = 1, 2, 22


class Inner(PVGroup):
    depth = pvproperty(value=3)


class Theirs(PVGroup):
    number = pvproperty(value=1.5, doc="a number", units="mm", precision=2)
    limited = pvproperty(
        value=1.0, upper_ctrl_limit=10.0, lower_ctrl_limit=0.0, upper_alarm_limit=8.0
    )
    fixed = pvproperty(value=7, read_only=True)
    mode = pvproperty(value="one", enum_strings=["zero", "one"], dtype=ChannelType.ENUM)
    text = pvproperty(value="hello", max_length=100)
    short_text = pvproperty(value="hi", dtype=ChannelType.STRING)
    shown = pvproperty(value="abc", max_length=60, report_as_string=True)
    wave = pvproperty(value=[1.0, 2.0], max_length=10)
    recorded = pvproperty(value=4.0, record="ai", doc="recorded")
    twin = pvproperty(value=0.0)
    uptime = pvproperty(value=0)
    scanned = pvproperty(value=0)
    asked = pvproperty(value=0)
    doubled = pvproperty(value=0.0)
    skipped = pvproperty(value=0.0)
    inner = SubGroup(Inner, prefix="In:")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.closed = False

    @doubled.putter
    async def doubled(self, instance: Any, value: float) -> float:
        if value < 0:
            raise ValueError("negative")
        return 2 * value

    @skipped.putter
    async def skipped(self, instance: Any, value: float) -> None:
        raise SkipWrite

    @asked.getter
    async def asked(self, instance: Any) -> int:
        if instance.value == 2:
            raise ZeroDivisionError
        return int(instance.value) + 1

    @uptime.startup
    async def uptime(self, instance: Any, async_lib: Any) -> None:
        await instance.write(1)
        await async_lib.sleep(0.01)
        await instance.write(2)
        raise RuntimeError("a bug of theirs")

    @uptime.shutdown
    async def uptime(self, instance: Any, async_lib: Any) -> None:
        self.closed = True

    @scanned.scan(period=0.02)
    async def scanned(self, instance: Any, async_lib: Any) -> None:
        await instance.write(instance.value + 1)


@pytest.fixture
def group() -> Theirs:
    return Theirs(prefix="F:")


def text(value: str) -> bytes:
    return value.encode().ljust(40, b"\0")


async def connect(bench: Any, group: Any, *names: str) -> tuple[Any, list[int]]:
    server = await bench.serve(group)
    raw = await bench.client(server)
    return raw, [(await raw.create(name)).p2 for name in names]


def double(message: Any, at: int = 0) -> float:
    found: float = struct.unpack_from(">d", message.payload, at)[0]
    return found


async def test_every_kind_of_pv_is_served(bench: Any, group: Theirs) -> None:
    raw, _ = await connect(bench, group)
    for name, native, count in (
        ("F:number", DOUBLE, 1),
        ("F:fixed", LONG, 1),
        ("F:mode", ENUM, 1),
        ("F:text", CHAR, 101),
        ("F:short_text", STRING, 1),
        ("F:shown", STRING, 1),
        ("F:shown$", CHAR, 60),
        ("F:wave", DOUBLE, 10),
        ("F:In:depth", LONG, 1),
        ("F:recorded.HIHI", DOUBLE, 1),
        ("F:recorded.RTYP", STRING, 1),
        ("F:recorded.NAME$", CHAR, 61),
    ):
        created = await raw.create(name)
        assert (created.command, created.dbr, created.count) == (18, native, count), (
            name
        )
    sid = (await raw.create("F:recorded.RTYP")).p2
    assert (await raw.get(sid, STRING)).payload.startswith(b"ai\0")
    sid = (await raw.create("F:recorded.DESC")).p2
    assert (await raw.get(sid, STRING)).payload.startswith(b"recorded\0")


async def test_a_write_of_theirs_reaches_monitors_each_time(
    bench: Any, group: Theirs
) -> None:
    raw, (sid,) = await connect(bench, group, "F:number")
    raw.subscribe(sid, TIME + DOUBLE)
    await raw.synchronise()
    raw.messages.clear()
    for value in (2.0, 2.0, 3.0):
        await group.number.write(value)
    assert [double(m, 16) for m in await raw.synchronise()] == [2.0, 2.0, 3.0]


async def test_putters_decide(bench: Any, group: Theirs) -> None:
    raw, (doubled, skipped, limited) = await connect(
        bench, group, "F:doubled", "F:skipped", "F:limited"
    )
    assert await raw.put(doubled, DOUBLE, struct.pack(">d", 4)) == NORMAL
    assert double(await raw.get(doubled, DOUBLE)) == 8.0
    assert await raw.put(doubled, DOUBLE, struct.pack(">d", -4)) == PUT_FAIL
    assert double(await raw.get(doubled, DOUBLE)) == 8.0
    assert await raw.put(skipped, DOUBLE, struct.pack(">d", 4)) == NORMAL
    assert double(await raw.get(skipped, DOUBLE)) == 0.0
    assert await raw.put(limited, DOUBLE, struct.pack(">d", 11)) == PUT_FAIL


async def test_read_only_is_read_only(bench: Any, group: Theirs) -> None:
    raw, (sid,) = await connect(bench, group, "F:fixed")
    assert raw.messages[-1].p2 == 1
    assert await raw.put(sid, LONG, bytes(4)) == NO_WRITE


async def test_a_right_that_is_taken_away_is_gone_at_the_next_put(
    bench: Any, group: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, (sid,) = await connect(bench, group, "F:number")
    assert await raw.put(sid, LONG, struct.pack(">i", 2)) == NORMAL
    asked: list[tuple[str, str]] = []

    def check_access(host: str, user: str) -> AccessRights:
        asked.append((user, host))
        return AccessRights.READ

    monkeypatch.setattr(group.number, "check_access", check_access)
    raw.messages.clear()
    assert await raw.put(sid, LONG, struct.pack(">i", 3)) == NO_WRITE
    assert asked == [("shift", "console")]
    assert [(m.command, m.p2) for m in raw.messages] == [(ACCESS_RIGHTS, 1)]
    assert group.number.value == 2


async def test_who_may_not_read_gets_nothing_and_is_told(
    bench: Any, group: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = AccessRights.NO_ACCESS
    monkeypatch.setattr(group.number, "check_access", lambda host, user: may)
    raw, (sid,) = await connect(bench, group, "F:number")
    for may in (AccessRights.NO_ACCESS, AccessRights.READ, AccessRights.WRITE):
        raw.messages.clear()
        answer = await raw.get(sid, DOUBLE)
        raw.subscribe(sid, DOUBLE)
        event = await raw.expect(EVENT_ADD)
        raw.send(EVENT_CANCEL, DOUBLE, 1, sid, event.p2)
        assert (await raw.expect(EVENT_ADD)).payload == b""
        if may is AccessRights.READ:
            assert answer.p1 == event.p1 == NORMAL
            assert double(answer) == double(event) == group.number.value
        else:
            assert answer.p1 == event.p1 == NO_READ
            assert (answer.payload, event.payload) == (b"", bytes(8))
        told = [m.p2 for m in raw.messages if m.command == ACCESS_RIGHTS]
        assert told == [int(may)][: may is not AccessRights.NO_ACCESS]


async def test_a_check_of_access_that_fails_lets_nobody(
    bench: Any, group: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group.number, "check_access", lambda host, user: 1 / 0)
    raw, (sid,) = await connect(bench, group, "F:number")
    assert (await raw.get(sid, DOUBLE)).p1 == NO_READ
    assert await raw.put(sid, DOUBLE, bytes(8)) == NO_WRITE


async def test_texts_and_arrays_can_be_put(bench: Any, group: Theirs) -> None:
    raw, (long, short, shown, wave) = await connect(
        bench, group, "F:text", "F:short_text", "F:shown$", "F:wave"
    )
    assert await raw.put(long, CHAR, b"longer text\0", 12) == NORMAL
    assert group.text.value == "longer text"
    assert await raw.put(short, STRING, text("ho")) == NORMAL
    assert group.short_text.value == "ho"
    assert await raw.put(shown, CHAR, b"much longer\0", 12) == NORMAL
    assert group.shown.value == "much longer"
    assert await raw.put(wave, DOUBLE, struct.pack(">3d", 1, 2, 3), 3) == NORMAL
    assert list(group.wave.value) == [1.0, 2.0, 3.0]


async def test_an_enum_takes_none_but_its_states(bench: Any, group: Theirs) -> None:
    raw, (sid,) = await connect(bench, group, "F:mode")
    assert await raw.put(sid, STRING, text("zero")) == NORMAL
    assert group.mode.value == "zero"
    assert await raw.put(sid, STRING, text("nosuch")) == PUT_FAIL
    assert await raw.put(sid, ENUM, struct.pack(">H", 7)) == PUT_FAIL
    assert (await raw.get(sid, ENUM)).payload[:2] == b"\0\0"


async def test_a_getter_is_asked_and_its_failure_fails_the_get_only(
    bench: Any, group: Theirs, caplog: pytest.LogCaptureFixture
) -> None:
    raw, (sid,) = await connect(bench, group, "F:asked")
    assert struct.unpack_from(">i", (await raw.get(sid, LONG)).payload) == (1,)
    assert struct.unpack_from(">i", (await raw.get(sid, LONG)).payload) == (2,)
    assert (await raw.get(sid, LONG)).p1 == GET_FAIL
    assert "ZeroDivisionError" in caplog.text


async def test_hooks_run_and_their_bugs_end_nothing(
    bench: Any, group: Theirs, caplog: pytest.LogCaptureFixture
) -> None:
    raw, (sid,) = await connect(bench, group, "F:number")
    await bench.until(lambda: group.uptime.value == 2)
    await bench.until(lambda: group.scanned.value > 3)
    await bench.until(lambda: "a bug of theirs" in caplog.text)
    assert (await raw.get(sid, DOUBLE)).p1 == NORMAL
    await bench.close()
    assert group.closed


async def test_an_alarm_of_one_pv_is_not_the_others(bench: Any, group: Theirs) -> None:
    raw, (number, twin) = await connect(bench, group, "F:number", "F:twin")
    raw.subscribe(twin, TIME + DOUBLE)
    await raw.synchronise()
    raw.messages.clear()
    await group.number.write(
        5.0, status=AlarmStatus.COMM, severity=AlarmSeverity.INVALID_ALARM
    )
    assert await raw.synchronise() == []
    assert (await raw.get(number, TIME + DOUBLE)).payload[:4] == b"\0\x09\0\3"
    assert (await raw.get(twin, TIME + DOUBLE)).payload[:4] == bytes(4)


async def test_an_alarm_written_twice_stays_until_a_write_without_one(
    bench: Any, group: Theirs
) -> None:
    raw, (sid,) = await connect(bench, group, "F:number")
    seen = []
    for _ in range(3):
        await group.number.write(
            5.0, status=AlarmStatus.COMM, severity=AlarmSeverity.INVALID_ALARM
        )
        seen.append((await raw.get(sid, TIME + DOUBLE)).payload[:4])
    assert seen == [b"\0\x09\0\3"] * 3
    await group.number.write(5.0)
    assert (await raw.get(sid, TIME + DOUBLE)).payload[:4] == bytes(4)


async def test_their_alarm_limits_act(bench: Any, group: Theirs) -> None:
    raw, (sid,) = await connect(bench, group, "F:limited")
    await group.limited.write(9.0)
    assert (await raw.get(sid, TIME + DOUBLE)).payload[:4] == b"\0\3\0\2"
    await group.limited.write(5.0)
    assert (await raw.get(sid, TIME + DOUBLE)).payload[:4] == bytes(4)


async def test_metadata_written_later_reaches_clients(
    bench: Any, group: Theirs
) -> None:
    raw, (sid,) = await connect(bench, group, "F:number")
    raw.subscribe(sid, 28 + DOUBLE, 8)
    await raw.synchronise()
    raw.messages.clear()
    await group.number.write_metadata(units="cm")
    (event,) = await raw.synchronise()
    assert event.payload[8:11] == b"cm\0"


async def test_a_value_that_is_none_is_logged_and_not_sent(
    bench: Any, group: Theirs, caplog: pytest.LogCaptureFixture
) -> None:
    raw, (sid,) = await connect(bench, group, "F:mode")
    await group.mode.write(7, verify_value=False)
    assert "no such state" in caplog.text
    assert (await raw.get(sid, ENUM)).payload[:2] == b"\0\1"


class Limited(PVGroup):
    """It judges by itself: its limits are for displays."""

    level = pvproperty(
        value=1.0,
        upper_alarm_limit=10.0,
        lower_alarm_limit=-10.0,
        upper_warning_limit=5.0,
        lower_warning_limit=-5.0,
    )


@pytest.mark.parametrize(
    ("value", "alarm"),
    [
        (7.0, (AlarmSeverity.MINOR_ALARM, AlarmStatus.COMM)),
        (20.0, (AlarmSeverity.INVALID_ALARM, AlarmStatus.READ)),
        (20.0, (AlarmSeverity.MINOR_ALARM, AlarmStatus.SOFT)),
        (20.0, (AlarmSeverity.NO_ALARM, AlarmStatus.NO_ALARM)),
    ],
)
async def test_the_alarm_that_a_group_gives_is_not_overruled(
    bench: Any, value: float, alarm: tuple[AlarmSeverity, AlarmStatus]
) -> None:
    group = Limited(prefix="F:")
    raw, (sid,) = await connect(bench, group, "F:level")
    for _ in range(2):
        await group.level.write(
            value, severity=alarm[0], status=alarm[1], verify_value=False
        )
        payload = (await raw.get(sid, TIME + DOUBLE)).payload
        assert struct.unpack_from(">HH", payload) == (alarm[1], alarm[0])
