"""Channel filters, held against a C IOC wherever it has the same."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daqpv.core import Device, Events, Snapshot
from daqpv.serve import (
    Group,
    ai,
    ao,
    long,
    mbbo,
    string,
    strings,
    waveform,
)
from daqpv.serve.filters import Part, parse

STRING, CHAR, DOUBLE, TIME = 0, 4, 6, 14
VALUE, LOG, ALARM, PROPERTY = 1, 2, 4, 8
NORMAL, NO_WRITE = 1, 376
EPOCH = 631152000
END = 1e6  # passes each dead band, so that nothing can come any more


class Step(enum.IntEnum):
    ZERO = 0
    ONE = 1
    TWO = 2

    @property
    def label(self) -> str:
        return self.name.lower()


class Records(Group[Any]):
    ao = ao("ao", precision=3, hihi=100, doc="an output")
    mbbo = mbbo("mbbo", Step, put=lambda group, value: None)
    text = string("text", writable=True)
    wave = waveform("wave", size=10, writable=True)
    one = waveform("one", size=1, writable=True)
    bytes = long("bytes", size=50, writable=True)
    names = strings("names", size=5, writable=True)
    flow = ai("flow", dead_band=2, archive_dead_band=10)


_IN_C = """
record(ao, "P:ao") {
    field(PINI, YES) field(PREC, 3) field(HIHI, 100) field(HHSV, MAJOR)
    field(DESC, "an output")
}
record(mbbo, "P:mbbo") {field(ZRST, zero) field(ONST, one) field(TWST, two)}
record(stringout, "P:text") {}
record(waveform, "P:wave") {field(FTVL, DOUBLE) field(NELM, 10)}
record(waveform, "P:one") {field(FTVL, DOUBLE) field(NELM, 1)}
record(waveform, "P:bytes") {field(FTVL, CHAR) field(NELM, 50)}
record(waveform, "P:names") {field(FTVL, STRING) field(NELM, 5)}
"""


@pytest.fixture
def group() -> Records:
    group = Records("P:", Device("records", Snapshot(), events=Events()))
    group.ao.post(0.0)
    group.mbbo.post(0)
    return group


@pytest.fixture
async def raw(bench: Any, group: Records) -> Any:
    return await bench.client(await bench.serve(group))


@pytest.fixture
async def c_ioc(bench: Any, tmp_path: Path) -> Any:
    return await bench.serve_in_c(_IN_C, tmp_path)


def reals(*values: float) -> bytes:
    return struct.pack(f">{len(values)}d", *values)


def texts(*values: str) -> bytes:
    return b"".join(value.encode().ljust(40, b"\0") for value in values)


async def put(raw: Any, name: str, dbr: int, payload: bytes, count: int = 1) -> int:
    status: int = await raw.put((await raw.create(name)).p2, dbr, payload, count)
    return status


async def fill(raw: Any) -> None:
    for name, dbr, payload, count in (
        ("P:wave", DOUBLE, reals(*range(8)), 8),
        ("P:bytes", CHAR, b"hello world\0", 12),
        ("P:text", STRING, texts("hello"), 1),
        ("P:names", STRING, texts("a", "b", "c"), 3),
        ("P:mbbo", DOUBLE, reals(0), 1),
    ):
        assert await put(raw, name, dbr, payload, count) == NORMAL


def elements(message: Any) -> tuple[Any, ...]:
    """The values of a plain or a TIME type."""
    kind, basic = divmod(message.dbr, 7)
    code = {STRING: "40s", 3: "H", CHAR: "B", DOUBLE: "d"}[basic]
    start = {STRING: 12, 3: 14, CHAR: 15, DOUBLE: 16}[basic] if kind == 2 else 0
    found = struct.unpack_from(f">{message.count * code}", message.payload, start)
    return tuple(v.partition(b"\0")[0] if basic == STRING else v for v in found)


async def seen(raw: Any, name: str, count: int = 0) -> Any:
    """Type, count and present elements of a channel; None: there is none."""
    created = await raw.create(name)
    if created.command != 18:
        return None
    got = await raw.get(created.p2, created.dbr, count)
    assert got.p1 == NORMAL
    return created.dbr, created.count, elements(got)


# -- names -----------------------------------------------------------------------------

_TAKEN = """
P:wave.[2:5]   P:wave.VAL[2:5]   P:wave.[2:2:9]   P:wave.[3]   P:wave.[-1]   P:wave.[:2]
P:wave.[:]   P:wave.[::]   P:wave.[::2]   P:wave.[:2:]   P:wave.[-3:-1]   P:wave.[5:2]
P:wave.[8:9]   P:wave.[20:30]   P:wave.[0x2:010]   P:wave.[ 2:+5]   P:wave.[1:0:4]
P:wave.[1:-2:4]   P:wave.[1:6]{"arr":{"s":1,"i":2}}   P:wave.[9]   P:wave.[-30:-4]
P:wave.{"arr":{"s":1,"i":2,"e":5}}   P:wave.VAL{"arr":{"s":1}}   P:wave.{}
P:wave.{arr:{s:1,e:-3}}   P:wave.{'arr':{'s':1,},}   P:wave.{"arr":{"s":"1"}}
P:wave.{"arr":{"s":1.9}}   P:wave.{"arr":{"s":true}}   P:wave.{"arr":{}}
P:wave.{ "arr" : { "s" : 1 } }   P:wave.{"arr":{"s":2},"arr":{"s":1}}
P:wave.{"arr":{"s":0x2}}   P:wave.{"arr":{"s":+2}}   P:wave.{"arr":{"s":1,"s":2}}
P:wave.{"arr":{"":3}}   P:wave.{arr:{s:1}}//why   P:wave.{/*why*/arr:{s:1}}
P:wave.{"arr":{"s":"0x2"}}   P:wave.{"arr":{"i":-3}}
P:ao.[0:0]   P:ao.[5:9]   P:ao.{"arr":{"s":5}}   P:ao.{"dbnd":{}}   P:ao.{dbnd:{a:1}}
P:ao.{"dbnd":{"abs":1}}   P:ao.{"dbnd":{"d":1.5,"m":"rel"}}   P:ao.{dbnd:{d:1,m:"r"}}
P:ao.{"dbnd":{"d":1.5,"m":1}}   P:ao.{"dbnd":{"d":"1.5"}}   P:ao.{"dbnd":{"d":true}}
P:ao.{"dbnd":{"d":.5}}   P:ao.{"dbnd":{"d":5.}}   P:ao.{"dbnd":{"d":Infinity}}
P:ao.{"dbnd":{"d":1e-3}}   P:ao.{"dbnd":{"abs":-1}}   P:ao.{"dbnd":{"m":0}}
P:ao.{"ts":{}}   P:ao.{"dec":{"n":2}}   P:ao.{ts:{},dbnd:{abs:1},arr:{s:1}}
P:ao.HIHI{"ts":{}}   P:ao.DESC$[0:2]   P:ao.DESC$[-5:-1]   P:text.VAL$[0:2]
P:text.$[1:2]   P:text.$[-3:-1]   P:text.$[3]   P:text.$[1:2]{"arr":{"s":1}}
P:text.VAL${ts:{}}   P:bytes.[0:4]   P:bytes.[-3:-1]   P:names.[1:2]   P:names.[-1]
P:one   P:one.[0]   P:one.[1:3]   P:mbbo.{dbnd:{d:1}}
"""

_REFUSED = """
P:wave.[2 :5]   P:wave.[]   P:wave.[1:2:3:4]   P:wave.[1:2]x   P:wave.[1:2   P:wave.]
P:wave.[x]   P:wave.[1.5]   P:wave.[09]   P:wave.[1:2][0]   P:wave.{   P:wave.}
P:wave.{"arr":{"s":null}}   P:wave.{"arr":{"s":[1]}}   P:wave.{"arr":[1]}
P:wave.{"arr":{"x":1}}   P:wave.{"a":{"s":1}}   P:wave.{"arr":5}   P:wave.{"arr"}
P:wave.{"arr":{"s":1}   P:wave.{"arr":{"s":99999999999}}   P:wave.{"nosuch":{}}
P:wave.{"arr":{"s":1}}{"arr":{"s":1}}   P:wave.{"arr":{"s":1}}[1]   P:wave.{"":{"s":3}}
P:wave.{"arr":{"start":1}}   P:wave.{"arr":{"s":"z"}}   P:wave.{"arr":{"s" 1}}
P:ao.{"dbnd":{"d":1.5,"m":"x"}}   P:ao.{"dbnd":{"d":"x"}}   P:ao.{"dbnd":1.5}
P:ao.{"dbnd":{"d":1.5,"m":2}}   P:ao.{"ts":{"x":1}}   P:ao.{"dec":{"n":0}}
P:ao.{"dec":{}}   P:ao.{"decimate":{"n":2}}   P:ao.{"sync":{"while":"blue"}}
P:ao.{"sync":{"m":"while","s":"blue"}}   P:text.[0:2]$   P:text.{"arr":{"s":1}}$
P:ao.$[0:1]   P:ao.NOPE[0:1]   P:nobody.[0:1]   P:nobody.{ts:{}}
"""


def names(text: str) -> list[str]:
    return [n for line in text.splitlines() for n in line.split("   ") if n]


async def test_filters_show_what_a_c_ioc_shows(raw: Any, c_ioc: Any) -> None:
    await fill(raw)
    await fill(c_ioc)
    mine = {name: await seen(raw, name) for name in names(_TAKEN)}
    assert mine == {name: await seen(c_ioc, name) for name in names(_TAKEN)}
    assert None not in mine.values()


async def test_a_count_beyond_what_passes_is_filled_with_zeros(
    raw: Any, c_ioc: Any
) -> None:
    await fill(raw)
    await fill(c_ioc)
    for name, count in (
        *(("P:wave.[2:5]", n) for n in (1, 4, 5, 10)),
        *(("P:wave.[5:9]", 5), ("P:wave.[5:2]", 1), ("P:bytes.[2:3]", 9)),
    ):
        assert await seen(raw, name, count) == await seen(c_ioc, name, count), name


async def test_what_a_c_ioc_refuses_is_no_channel_and_not_found(
    bench: Any, group: Records, c_ioc: Any, udp: Any
) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    for name in names(_REFUSED):
        assert (await c_ioc.create(name)).command == 26, name
        assert (await raw.create(name)).command == 26, name
        assert server.find(name.encode()) is None


async def test_a_search_is_answered_if_the_filters_are_good(
    bench: Any, group: Records, udp: Any
) -> None:
    port = (await bench.serve(group)).addresses.port
    for cid, name in enumerate(
        ("P:ao.{dbnd:{abs:", "P:ao.{sync:{while:'x'}}", "P:ao.[0]")
    ):
        text = name.encode() + b"\0"
        text += bytes(-len(text) % 8)
        head = struct.pack(">HHHHII", 6, len(text), 5, 13, cid, cid)
        udp.sendto(head + text, ("127.0.0.1", port))
    answer = await asyncio.to_thread(udp.recv, 1024)
    assert len(answer) == 16 + 24
    assert struct.unpack_from(">I", answer, 16 + 12) == (2,)


@pytest.mark.parametrize(
    ("filters", "why"),
    [
        ("{dbnd:{abs:", "wrong JSON: "),
        ("{sync:{while:'beam'}}", "it follows a state of the IOC, and this one has"),
        ("{ts:{num:'sec'}}", "channel filter ts: it takes no option 'num'"),
        ("{nosuch:{}}", "no channel filter 'nosuch', but ts, dbnd, arr, dec"),
        ("[1:2", "no closing bracket"),
        ("[1:2]$", "'[$]' is no channel filter"),
    ],
)
async def test_the_log_says_once_why_filters_are_refused(
    raw: Any, caplog: pytest.LogCaptureFixture, filters: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        parse(filters)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await raw.create(f"P:flow.{filters}")
    (told,) = [r.getMessage() for r in caplog.records if "P:flow" in r.getMessage()]
    assert filters in told


async def test_the_dot_may_be_left_out(raw: Any) -> None:
    await fill(raw)
    for short, long_ in (("P:wave[2:5]", "P:wave.[2:5]"), ("P:ao{ts:{}}", "P:ao.{}")):
        assert await seen(raw, short) == await seen(raw, long_)


_PIECES = st.sampled_from(
    [
        *(
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            '"',
            "'",
            "\\",
            "/*",
            "*/",
            "//",
            " ",
            "$",
            ".",
        ),
        *("arr", "dbnd", "dec", "ts", "sync", "s", "i", "e", "n", "d", "m", "abs"),
        *("0", "-1", "1e999", "0x1f", "NaN", "Infinity", "true", "null", "9" * 30),
    ]
)


@given(st.lists(_PIECES | st.text(max_size=3)).map("".join))
@example("{" * 300)
@example("{a:" * 100)
@example('{"\\ud800":{"\\ud800":[]}}')
def test_no_text_is_more_than_not_understood(text: str) -> None:
    with contextlib.suppress(ValueError):
        filters = parse(text)
        assert text[:1] in ("", "[", "{")
        for part in filters.parts:
            assert 0 <= part.count(10) <= 10
        for make in filters.gates:
            assert make().passes(1.0, VALUE)


@pytest.mark.parametrize("size", range(7))
def test_a_part_is_what_base_counts(size: int) -> None:
    for start in range(-8, 8):
        for end in range(-8, 8):
            for step in range(-1, 4):
                part = Part(start, step, end)
                first = max(start + size, 0) if start < 0 else min(start, size)
                last = max(end + size, 0) if end < 0 else end
                last = min(last, size - 1)
                expected = list(range(first, last + 1, max(step, 1)))
                assert list(range(size))[part.of(size)] == expected
                assert part.count(size) == len(expected)


# -- monitors --------------------------------------------------------------------------


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


_MOVES = {
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
    (wire,) = group.ao.wires
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
    assert (packs, group.ao.wires, len(group.ao.views)) == (1, [wire], 3)
    raw.send(2, TIME + DOUBLE, 0, filtered[0].p2, 1000 + filtered[0].p2)
    for created in filtered[1:]:
        raw.send(12, 0, 0, created.p2, 1)
    await raw.synchronise()
    assert group.ao.views == ()
    assert group.ao.outbox is not None
    await raw.close()
    await bench.until(lambda: group.ao.outbox is None)


# -- puts ------------------------------------------------------------------------------


async def test_a_put_goes_past_the_filters(raw: Any, c_ioc: Any) -> None:
    for ioc in (raw, c_ioc):
        await fill(ioc)
        left = []
        for name, *values in (
            ("P:wave.[2:5]", 100, 101),
            ("P:wave.[2:5]", *range(6)),
            ("P:wave.[5:2]", 7),
            ("P:ao.{dbnd:{abs:5}}", 3),
        ):
            payload = reals(*values)
            assert await put(ioc, name, DOUBLE, payload, len(values)) == NORMAL
            left.append((await seen(ioc, name.partition("[")[0]))[-1])
        assert left == [(100, 101), tuple(range(6)), (7,), (3,)]


async def test_what_cannot_be_put_cannot_be_put_through_a_filter(raw: Any) -> None:
    assert await put(raw, "P:flow.{ts:{}}", DOUBLE, reals(1)) == NO_WRITE
