"""What clients do and how alarms move, as events: each put is exactly one."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace
from typing import Any

import pytest

from daqpv.core import Condition, Event, Events, EventSeverity, Origin
from tests.support.lamp import (
    CHAR,
    DOUBLE,
    ENUM,
    NO_WRITE,
    NORMAL,
    PUT_FAIL,
    STRING,
    Colour,
    Lamp,
    LampGroup,
    text,
)

SHIFT = Origin("shift", "console")
WRITE, WRITE_NOTIFY = 4, 19


class Account:
    """A server of the lamp, what it tells, and a client."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.events = Events(prefix="")
        self.heard: list[Event] = []
        self.events.add(self.heard.append)

    async def open(self, group: LampGroup) -> None:
        self.server = await self.bench.serve(group, events=self.events)
        self.raw = await self.bench.client(self.server)

    async def sid(self, name: str) -> int:
        return int((await self.raw.create(name)).p2)

    def told(self, name: str) -> list[Event]:
        return [event for event in self.heard if event.name == name]

    @property
    def puts(self) -> list[Event]:
        return self.told("put")


@pytest.fixture
async def account(bench: Any, group: LampGroup) -> Account:
    account = Account(bench)
    await account.open(group)
    return account


# -- puts ------------------------------------------------------------------------------


async def test_a_put_is_told_with_who_what_and_how_long(account: Account) -> None:
    sid = await account.sid("L:Level")
    for level in (5.0, 7.5):
        assert await account.raw.put(sid, DOUBLE, struct.pack(">d", level)) == NORMAL
    _, put = account.puts
    assert put.text == "Level: 5.0 -> 7.5"
    assert (put.severity, put.origin) == (EventSeverity.INFORMATION, SHIFT)
    assert put.device == "L"
    assert 0 <= float(str(put.fields["duration"])) < 10
    assert {k: put.fields[k] for k in ("pv", "old", "new", "result")} == {
        "pv": "L:Level",
        "old": "5.0",
        "new": "7.5",
        "result": "done",
    }


async def test_a_button_is_pressed(account: Account) -> None:
    sid = await account.sid("L:Paint")
    for value in (b"\0\1", b"\0\0"):
        assert await account.raw.put(sid, ENUM, value) == NORMAL
    assert [put.text for put in account.puts] == [
        "Paint: pressed",
        "Paint: 0, which does nothing",
    ]


async def test_a_put_without_callback_is_told_as_well(account: Account) -> None:
    sid = await account.sid("L:Title")
    account.raw.send(WRITE, STRING, 1, sid, 1, text("run 7"))
    await account.raw.synchronise()
    assert [event.text for event in account.puts] == ['Title: "" -> run 7']


@pytest.mark.parametrize(
    ("name", "dbr", "payload", "says"),
    [
        ("L:Colour", STRING, text("Purple"), "Colour: Red -> Purple refused: 'Purple'"),
        ("L:Level", DOUBLE, struct.pack(">d", 99), "Level: 0.0 -> 99.0 refused: 99 is"),
        ("L:Level", 77, b"\0" * 8, "Level: 0.0 -> 8 bytes refused: a put of DBR type"),
        ("L:Online", ENUM, b"\0\0", "Online: Yes -> 0 refused: L:Online is read only"),
        ("L:Level.EGU", STRING, text("a" * 39), "Level.EGU: mm -> aaaaaaaaaaaaaaa"),
    ],
)
async def test_a_refused_put_is_a_warning_with_the_reason(
    account: Account, name: str, dbr: int, payload: bytes, says: str
) -> None:
    status = await account.raw.put(await account.sid(name), dbr, payload)
    (put,) = account.puts
    assert put.text.startswith(says)
    refused = status in (PUT_FAIL, NO_WRITE)
    assert (put.severity is EventSeverity.WARNING) == refused
    assert put.fields["result"] == ("refused" if refused else "done")


async def test_a_put_that_is_refused_later_is_one_warning(account: Account) -> None:
    sid = await account.sid("L:Colour")
    payload = struct.pack(">H", Colour.BLUE)
    assert await account.raw.put(sid, ENUM, payload) == PUT_FAIL
    (put,) = account.puts
    assert put.text == "Colour: Red -> Blue refused: no blue paint"
    assert (put.severity, put.origin) == (EventSeverity.WARNING, SHIFT)


async def test_a_bug_behind_a_put_is_an_error_with_its_traceback(
    account: Account,
) -> None:
    sid = await account.sid("L:Broken")
    assert await account.raw.put(sid, ENUM, struct.pack(">H", 1)) == PUT_FAIL
    (put,) = account.puts
    assert put.severity is EventSeverity.ERROR
    assert "ZeroDivisionError" in str(put.fields["exception"])


async def test_a_put_to_a_field_is_told(account: Account) -> None:
    sid = await account.sid("L:Power.HIHI")
    assert await account.raw.put(sid, DOUBLE, struct.pack(">d", 90)) == NORMAL
    (put,) = account.puts
    assert put.text == "Power.HIHI: 95.0 -> 90.0"
    assert put.device == "L"


async def test_an_acknowledged_alarm_is_told(account: Account) -> None:
    for name, value in (("L:Free.HIHI", 5), ("L:Free.HHSV", 2), ("L:Free", 10)):
        sid = await account.sid(name)
        assert await account.raw.put(sid, DOUBLE, struct.pack(">d", value)) == NORMAL
    acks = 36
    assert await account.raw.put(sid, acks, struct.pack(">H", 2)) == NORMAL
    assert account.puts[-1].text == "Free: (1, 2) -> ACKS 2"


async def test_a_put_that_is_too_long_is_one_warning(account: Account) -> None:
    sid = await account.sid("L:Title")
    account.raw.send(WRITE_NOTIFY, CHAR, 100_000, sid, 9, b"x" * 100_000)
    await account.raw.expect(WRITE_NOTIFY)
    (put,) = account.puts
    assert put.fields["result"] == "refused"
    assert put.text.startswith('Title: "" -> 100000 bytes refused: 100000 bytes are')


async def test_a_put_that_the_device_tells_is_aside(
    account: Account, group: LampGroup, lamp: Lamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def paint(colour: Colour) -> None:
        with lamp.command("paint it"):
            await asyncio.sleep(0)

    monkeypatch.setattr(lamp, "paint", paint)
    sid = await account.sid("L:Colour")
    assert await account.raw.put(sid, ENUM, struct.pack(">H", 1)) == NORMAL
    (put,) = account.puts
    assert put.is_aside
    assert put.fields["told"] == ["command"]


async def test_a_put_whose_client_has_gone_is_told_when_it_ends(
    account: Account, lamp: Lamp
) -> None:
    lamp.gate.clear()
    sid = await account.sid("L:Colour")
    account.raw.send(WRITE, ENUM, 1, sid, 1, struct.pack(">H", 1))
    await account.bench.until(lambda: lamp.puts)
    await account.raw.close()
    await account.bench.until(lambda: account.told("client")[1:])
    assert account.puts == []
    lamp.gate.set()
    await account.bench.until(lambda: account.puts)
    assert account.puts[0].text == "Colour: Red -> Green"


async def test_a_put_that_the_end_cuts_off_is_told(
    account: Account, lamp: Lamp
) -> None:
    lamp.gate.clear()
    sid = await account.sid("L:Colour")
    account.raw.send(WRITE, ENUM, 1, sid, 1, struct.pack(">H", 1))
    await account.bench.until(lambda: lamp.puts)
    await account.bench.close()
    (put,) = account.puts
    assert put.fields["result"] == "aborted"
    assert "daqpv ends" in put.text


async def test_a_thousand_puts_are_a_few_events_and_none_is_lost(
    account: Account,
) -> None:
    sid = await account.sid("L:Free")
    for n in range(1000):
        account.raw.send(WRITE, DOUBLE, 1, sid, n, struct.pack(">d", n))
    await account.raw.synchronise()
    other = await account.sid("L:Count")
    await account.raw.put(other, DOUBLE, struct.pack(">d", 3))
    account.events.close()
    assert sum(put.count for put in account.puts) == 1001
    assert len(account.puts) < 30
    last = account.puts[-1]
    assert last.text == "Free: 998.0 -> 999.0 (980 times, this was the last)"
    assert "Count: 0 -> 3" in [put.text for put in account.puts]


async def test_of_a_long_array_the_beginning_is_told(account: Account) -> None:
    sid = await account.sid("L:Wave")
    payload = struct.pack(">10d", *range(10))
    assert await account.raw.put(sid, DOUBLE, payload, count=10) == NORMAL
    (put,) = account.puts
    assert put.text == "Wave: [] -> [0.0, 1.0, 2.0, 3.0, 4.0, ... 10 elements]"


# -- alarms ----------------------------------------------------------------------------


async def test_a_limit_that_is_passed_is_a_warning_and_its_end_is_told(
    account: Account, lamp: Lamp
) -> None:
    for power in (50.0, 85.0, 86.0, 99.0, 20.0, 21.0):
        lamp.change(replace(lamp.snapshot, power=power))
    assert [(event.severity.value, event.text) for event in account.told("alarm")] == [
        ("warning", "Power: MINOR, above 80; it is 85.0"),
        ("warning", "Power: MAJOR, above 95; it is 99.0"),
        ("information", "Power: no alarm any more; it is 20.0"),
    ]
    event = account.told("alarm")[1]
    assert event.fields == {
        "pv": "L:Power",
        "value": "99.0",
        "old": "MINOR",
        "new": "MAJOR",
        "status": "HIHI",
        "reason": "above 95",
    }


async def test_limits_of_a_group_that_says_so_are_kept_aside(
    account: Account, group: LampGroup, lamp: Lamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(group), "limits_reported", False)
    for power in (50.0, 85.0, 20.0):
        lamp.change(replace(lamp.snapshot, power=power))
    alarms = account.told("alarm")
    assert [event.fields["new"] for event in alarms] == ["MINOR", "NO_ALARM"]
    assert all(event.is_aside for event in alarms)
    assert {event.severity for event in alarms} == {EventSeverity.INFORMATION}


async def test_a_lost_device_is_one_alarm_which_the_device_tells_itself(
    account: Account, lamp: Lamp
) -> None:
    lamp.change(replace(lamp.snapshot, online=False, condition=Condition.OFFLINE))
    lamp.change(replace(lamp.snapshot, online=True, condition=Condition.OK))
    assert [event.fields["pv"] for event in account.told("alarm")] == ["L:Online"] * 2
    assert all(event.is_aside for event in account.told("alarm"))


async def test_an_alarm_limit_that_is_moved_acts_and_is_told(
    account: Account, lamp: Lamp
) -> None:
    lamp.change(replace(lamp.snapshot, power=50.0))
    sid = await account.sid("L:Power.HIGH")
    await account.raw.put(sid, DOUBLE, struct.pack(">d", 40))
    (alarm,) = account.told("alarm")
    assert alarm.text == "Power: MINOR, above 40; it is 50.0"
    assert not alarm.is_aside


async def test_values_that_come_for_the_first_time_are_no_alarms(bench: Any) -> None:
    lamp = Lamp()
    group = LampGroup(lamp)
    account = Account(bench)
    await account.open(group)
    lamp.watch(group.show)
    lamp.change(replace(lamp.snapshot, known=True, online=True, condition=Condition.OK))
    assert account.told("alarm") == []


# -- clients ---------------------------------------------------------------------------


async def test_a_client_that_comes_and_goes_is_told_aside(account: Account) -> None:
    await account.sid("L:Level")
    await account.sid("L:Free")
    await account.raw.close()
    await account.bench.until(lambda: account.told("client")[1:])
    came, gone = account.told("client")
    assert came.text.startswith("shift@console connected from 127.0.0.1:")
    assert gone.text.startswith("shift@console disconnected from 127.0.0.1:")
    assert came.is_aside
    assert gone.is_aside


async def test_whoever_only_knocks_is_no_client(account: Account) -> None:
    await account.raw.close()
    await account.bench.until(lambda: not account.server.clients.circuits)
    assert account.heard == []


# -- texts -----------------------------------------------------------------------------


async def test_a_text_that_its_pv_does_not_hold_is_told_once(
    account: Account, group: LampGroup, lamp: Lamp
) -> None:
    whole = "\n".join(f"cobo{i}/exp/exp" for i in range(300))
    for _ in range(3):
        lamp.change(replace(lamp.snapshot, message=whole))
        lamp.change(replace(lamp.snapshot, message="short"))
    lamp.change(replace(lamp.snapshot, message=whole))
    (event,) = account.told("text cut")
    assert event.severity is EventSeverity.WARNING
    assert event.text == (
        "Message does not hold the whole text: it has 4,689 bytes, and the PV takes "
        "3,999"
    )
