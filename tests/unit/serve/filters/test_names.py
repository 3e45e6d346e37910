"""Channel filters in names, held against a C IOC; and puts to such names."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daqpv.serve.pv.filters import Part, parse
from tests.support.filters import (
    DOUBLE,
    NO_WRITE,
    NORMAL,
    VALUE,
    Records,
    fill,
    put,
    reals,
    seen,
)

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
        ("{sync:{while:'beam'}}", "filter sync: daqpv has no IOC states to follow"),
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
