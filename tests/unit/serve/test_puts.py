"""Puts: what is taken, what is refused, and what a client hears of it."""

from __future__ import annotations

import asyncio
import struct
import warnings
from typing import Any

import numpy as np
import pytest

from daqpv.core import Events, Shown, Snapshot
from daqpv.errors import OperationError, RefusedError
from daqpv.serve import (
    Group,
    ai,
    ao,
    longout,
    mbbo,
    string,
    strings,
    waveform,
)
from daqpv.serve.ca.protocol import (
    CHAR,
    DOUBLE,
    ENUM,
    FLOAT,
    INTEGER,
    SHORT,
    STRING,
)
from daqpv.serve.ca.wire import Encoder

NORMAL, PUT_FAIL = 1, 160
EVENT_ADD, WRITE, ERROR, READ_NOTIFY = 1, 4, 11, 15
TIME = 14
MANY = 50_000


async def settle(group: Puts, value: str) -> None:
    """A command that needs no time."""
    group.setting.post(f"set {value}")


async def refuse(group: Puts, value: float) -> None:
    """A command that the device refuses, at once or after a while."""
    if value > 1:
        await asyncio.sleep(0)
    raise RefusedError("not in this state")


async def fail(group: Puts, value: float) -> None:
    """A command that has begun, and fails."""
    raise OperationError("the server refused it")


async def take_long(group: Puts, value: float) -> None:
    """A command that takes some turns of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)


class Puts(Group[Shown[Snapshot]]):
    """PVs to write."""

    whole = longout("Whole", drive=(-10, 2_000_000_000))
    real = ao("Real", precision=2, drive=(0, 10))
    plain = ao("Plain")
    shown = ai("Shown", display=(0, 5))
    level = ao("Level", display=(0, 5))
    state = mbbo("State", ("Off", "Warm", "Hot"))
    setting = string("Setting", put=settle)
    refused = ao("Refused", put=refuse)
    failing = ao("Failing", put=fail)
    slow = ao("Slow", put=take_long)
    longs = waveform("Longs", size=8, dtype="int32", writable=True)
    shorts = waveform("Shorts", size=8, dtype="int16", writable=True)
    bytes = waveform("Bytes", size=8, dtype="uint8", writable=True)
    singles = waveform("Singles", size=8, dtype="float32", writable=True)
    doubles = waveform("Doubles", size=MANY, writable=True)
    words = strings("Words", size=MANY, writable=True)


@pytest.fixture
def group() -> Puts:
    return Puts("P:", Shown("puts", Snapshot(), events=Events()))


def texts(*values: object) -> bytes:
    return b"".join(str(v).encode().ljust(40, b"\0") for v in values)


async def connected(bench: Any, group: Puts, name: str) -> tuple[Any, int]:
    raw = await bench.client(await bench.serve(group))
    return raw, (await raw.create(f"P:{name}")).p2


# -- whole numbers ---------------------------------------------------------------------


@pytest.mark.parametrize("code", [(DOUBLE, ">d"), (FLOAT, ">f")])
@pytest.mark.parametrize(("sent", "kept"), [(2.9, 2), (-2.9, -2), (0.5, 0), (7.0, 7)])
async def test_the_fraction_of_a_number_is_cut_off(
    bench: Any, group: Puts, code: tuple[int, str], sent: float, kept: int
) -> None:
    raw, sid = await connected(bench, group, "Whole")
    assert await raw.put(sid, code[0], struct.pack(code[1], sent)) == NORMAL
    assert group.whole.value == kept


async def test_a_text_with_a_fraction_is_no_whole_number(
    bench: Any, group: Puts
) -> None:
    raw, sid = await connected(bench, group, "Whole")
    for text in ("2.9", "1e-3", "inf", "nan", "99999999999"):
        assert await raw.put(sid, STRING, texts(text)) == PUT_FAIL
    for text in ("7", "0x10", "2.0", "1e3"):
        assert await raw.put(sid, STRING, texts(text)) == NORMAL
    assert group.whole.value == 1000


async def test_a_number_that_is_no_whole_number_of_the_type_is_refused(
    bench: Any, group: Puts
) -> None:
    raw, sid = await connected(bench, group, "Whole")
    for value in (float("nan"), float("inf"), 1e10, -1e10, -11.0):
        assert await raw.put(sid, DOUBLE, struct.pack(">d", value)) == PUT_FAIL
    assert group.whole.value == 0


async def test_a_fraction_is_no_state(bench: Any, group: Puts) -> None:
    raw, sid = await connected(bench, group, "State")
    assert await raw.put(sid, DOUBLE, struct.pack(">d", 1.5)) == PUT_FAIL
    assert await raw.put(sid, DOUBLE, struct.pack(">d", 2.0)) == NORMAL
    assert await raw.put(sid, ENUM, struct.pack(">H", 3)) == PUT_FAIL
    assert group.state.value == 2


# -- arrays ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Longs", [1, 99999999999, -3]),
        ("Longs", [1.0, float("nan")]),
        ("Longs", [10**30]),
        ("Shorts", [1, 40000]),
        ("Bytes", [1, 256]),
        ("Bytes", [-1]),
        ("Singles", [1.0, 1e39]),
        ("Singles", [-1e39]),
    ],
)
async def test_no_array_saturates(
    bench: Any, group: Puts, name: str, values: list[float]
) -> None:
    raw, sid = await connected(bench, group, name)
    numbers = np.array(values, ">f8").tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert await raw.put(sid, STRING, texts(*values), len(values)) == PUT_FAIL
        assert await raw.put(sid, DOUBLE, numbers, len(values)) == PUT_FAIL
    assert len(getattr(group, name.lower()).value) == 0


async def test_arrays_take_all_that_their_type_holds(bench: Any, group: Puts) -> None:
    raw = await bench.client(await bench.serve(group))
    for name, values in (
        ("Longs", [-(2**31), 2**31 - 1, 2.9]),
        ("Shorts", [-(2**15), 2**15 - 1]),
        ("Bytes", [0, 255]),
        ("Singles", [3.4e38, float("inf"), float("nan")]),
    ):
        sid = (await raw.create(f"P:{name}")).p2
        sent = np.array(values, ">f8").tobytes()
        assert await raw.put(sid, DOUBLE, sent, len(values)) == NORMAL
        kept = getattr(group, name.lower()).value
        np.testing.assert_allclose(kept, np.array(values).astype(kept.dtype), rtol=1e-6)


@pytest.mark.parametrize("value", [1e300, -1e300, float("inf"), float("nan"), 2.0**31])
def test_what_a_type_cannot_hold_is_held_inside_on_its_way_out(value: float) -> None:
    group = Puts("P:", Shown("puts", Snapshot(), events=Events()))
    group.doubles.post([value])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for basic in (SHORT, FLOAT, CHAR, INTEGER, DOUBLE, STRING):
            Encoder(group.doubles).wire(basic, 0).pack()
        group.singles.post([value])
        group.longs.post([value])


@pytest.mark.parametrize("name", ["Longs", "Singles", "Doubles", "Words"])
async def test_an_array_can_be_emptied(bench: Any, group: Puts, name: str) -> None:
    raw, sid = await connected(bench, group, name)
    for dbr in (STRING, DOUBLE):
        assert await raw.put(sid, STRING, texts(1, 2), 2) == NORMAL
        assert await raw.put(sid, dbr, b"", 0) == NORMAL
        assert len(getattr(group, name.lower()).value) == 0


async def test_no_element_is_no_value_of_a_pv_with_one(bench: Any, group: Puts) -> None:
    for name in ("Whole", "Real", "State", "Setting"):
        raw, sid = await connected(bench, group, name)
        assert await raw.put(sid, STRING, b"", 0) == PUT_FAIL


async def test_the_same_array_put_twice_is_two_events(bench: Any, group: Puts) -> None:
    raw, sid = await connected(bench, group, "Longs")
    raw.subscribe(sid, TIME + INTEGER)
    await raw.synchronise()
    for _ in range(2):
        assert await raw.put(sid, STRING, texts(1, 2), 2) == NORMAL
    events = [m for m in raw.messages if m.command == EVENT_ADD]
    assert len(events) == 3  # the first value, and one for each put


# -- what the client hears -------------------------------------------------------------


@pytest.mark.parametrize("value", [1.0, 2.0])
async def test_a_plain_put_that_the_device_refuses_sends_an_exception(
    bench: Any, group: Puts, value: float
) -> None:
    raw, sid = await connected(bench, group, "Refused")
    raw.send(WRITE, DOUBLE, 1, sid, 5, struct.pack(">d", value))
    error = await raw.expect(ERROR)
    assert (error.p1, error.p2) == (raw.cid, PUT_FAIL)
    assert error.payload[16:].partition(b"\0")[0] == b"not in this state"
    assert struct.unpack_from(">HHHHII", error.payload) == (4, 0, DOUBLE, 1, sid, 5)
    assert await raw.put(sid, DOUBLE, struct.pack(">d", value)) == PUT_FAIL


async def test_a_plain_put_whose_action_fails_later_sends_nothing(
    bench: Any, group: Puts
) -> None:
    raw, sid = await connected(bench, group, "Failing")
    raw.send(WRITE, DOUBLE, 1, sid, 5, struct.pack(">d", 1))
    assert await raw.put(sid, DOUBLE, struct.pack(">d", 1)) == PUT_FAIL
    assert await raw.synchronise() == []


async def test_what_needs_no_time_is_done_before_the_next_get(
    bench: Any, group: Puts
) -> None:
    raw, sid = await connected(bench, group, "Setting")
    for name in ("alpha", "beta"):
        raw.send(WRITE, STRING, 1, sid, 5, texts(name))
        answer = await raw.get(sid, STRING)
        assert answer.payload.startswith(f"set {name}".encode())


# -- requests that take long -----------------------------------------------------------


async def first_of(*waiting: Any) -> int:
    """Which of `waiting` ends first; all of them end."""
    ended: list[int] = []

    async def wait(number: int, what: Any) -> None:
        await what
        ended.append(number)

    await asyncio.gather(*(wait(i, what) for i, what in enumerate(waiting)))
    return ended[0]


async def test_requests_beyond_the_budget_of_a_turn_keep_their_order(
    bench: Any, group: Puts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.serve.ca.circuit._BUDGET", 0.0)
    raw, sid = await connected(bench, group, "Plain")
    for number in range(1000):
        raw.send(WRITE, DOUBLE, 1, sid, 0, struct.pack(">d", number))
        raw.send(READ_NOTIFY, DOUBLE, 1, sid, number)
    for number in range(1000):
        answer = await raw.expect(READ_NOTIFY)
        assert (answer.p2, struct.unpack(">d", answer.payload)) == (number, (number,))


async def test_others_are_served_while_many_elements_become_texts(
    bench: Any, group: Puts
) -> None:
    server = await bench.serve(group)
    raw, other = await bench.client(server), await bench.client(server)
    sid, same = (await raw.create("P:Doubles")).p2, (await raw.create("P:Plain")).p2
    theirs = (await other.create("P:Plain")).p2
    group.doubles.post(np.arange(MANY))
    assert await first_of(raw.get(sid, STRING), other.get(theirs, DOUBLE)) == 1
    raw.send(READ_NOTIFY, STRING, 0, sid, 1)
    raw.send(READ_NOTIFY, DOUBLE, 0, same, 2)
    large, small = await raw.recv(), await raw.recv()
    assert (large.p2, large.count, small.p2) == (1, MANY, 2)
    last = large.payload[40 * (MANY - 1) :]
    assert last.rstrip(b"\0") == str(MANY - 1).encode()


async def test_others_are_served_while_many_texts_become_elements(
    bench: Any, group: Puts
) -> None:
    server = await bench.serve(group)
    raw, other = await bench.client(server), await bench.client(server)
    theirs = (await other.create("P:Plain")).p2
    sent = texts(*range(MANY))
    for name, expected in (("Doubles", MANY - 1), ("Words", str(MANY - 1))):
        sid = (await raw.create(f"P:{name}")).p2
        put = raw.put(sid, STRING, sent, MANY)
        assert await first_of(put, other.get(theirs, DOUBLE)) == 1
        value = getattr(group, name.lower()).value
        assert (len(value), value[-1]) == (MANY, expected)


async def test_long_and_short_requests_of_one_client_keep_their_order(
    bench: Any, group: Puts
) -> None:
    raw = await bench.client(await bench.serve(group))
    sids = [(await raw.create(f"P:{n}")).p2 for n in ("Doubles", "Setting", "Slow")]
    doubles, setting, slow = sids
    for number in range(3):
        value = struct.pack(">d", number)
        raw.send(WRITE, STRING, MANY, doubles, 0, texts(number) * MANY)
        raw.send(WRITE, DOUBLE, 1, slow, 0, value)
        raw.send(READ_NOTIFY, STRING, 0, doubles, 1)
        raw.send(WRITE, STRING, 1, setting, 0, texts(number))
        raw.send(READ_NOTIFY, STRING, 1, setting, 2)
    for number in range(3):
        large, small = await raw.recv(), await raw.recv()
        assert (large.p2, small.p2) == (1, 2)
        assert large.payload[: len(texts(number))] == texts(number)
        assert small.payload.startswith(f"set {number}".encode())


async def test_many_texts_of_which_one_is_wrong_are_refused(
    bench: Any, group: Puts
) -> None:
    raw, sid = await connected(bench, group, "Doubles")
    wrong = texts(*range(MANY - 1), "beam")
    assert await raw.put(sid, STRING, wrong, MANY) == PUT_FAIL
    assert await raw.put(sid, STRING, texts(1) * (MANY + 1), MANY + 1) == PUT_FAIL
    raw.send(WRITE, STRING, MANY, sid, 5, wrong)
    error = await raw.expect(ERROR)
    assert b"'beam' is not a number" in error.payload
    assert len(group.doubles.value) == 0


async def test_a_monitor_of_many_texts_gets_the_newest_and_nobody_waits(
    bench: Any, group: Puts
) -> None:
    server = await bench.serve(group)
    raw, other = await bench.client(server), await bench.client(server)
    sid, theirs = (await raw.create("P:Doubles")).p2, (await other.create("P:Plain")).p2
    group.doubles.post(np.arange(MANY))
    raw.subscribe(sid, STRING)
    assert (await raw.expect(EVENT_ADD)).count == MANY
    for number in range(1, 4):
        group.doubles.post(np.full(MANY, number))
    event = raw.expect(EVENT_ADD)
    assert await first_of(event, other.get(theirs, DOUBLE)) == 1
    await bench.until(lambda: all(w.late is None for w in group.doubles.packed))
    seen = [m.payload for m in await raw.synchronise() if m.command == EVENT_ADD]
    assert all(len(payload) == 40 * MANY for payload in seen)
    group.doubles.post(np.full(MANY, 9))
    raw.send(2, STRING, 1, sid, 1000 + sid)  # cancelled before it was packed
    assert (await raw.expect(EVENT_ADD)).payload == b""
    assert await raw.synchronise() == []


# -- control limits --------------------------------------------------------------------


async def test_control_limits_are_those_of_puts(bench: Any, group: Puts) -> None:
    raw = await bench.client(await bench.serve(group))
    for name, limits in (("Real", (10, 0)), ("Level", (0, 0)), ("Shown", (5, 0))):
        sid = (await raw.create(f"P:{name}")).p2
        payload = (await raw.get(sid, 28 + DOUBLE)).payload
        assert struct.unpack_from(">2d", payload, 64) == limits
