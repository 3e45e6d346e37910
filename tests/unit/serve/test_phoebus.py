"""What Phoebus and the Archiver Appliance send, by CAJ, and no other client does."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from daqpv.core import Events, Shown, Snapshot
from daqpv.serve import Group, ai, long, string
from daqpv.serve.ca.protocol import CHAR, DOUBLE, FLOAT, INTEGER, SHORT, STRING

NORMAL, PUT_FAIL = 1, 160
TIME = 14
TYPES = {SHORT: ">i2", FLOAT: ">f4", INTEGER: ">i4", DOUBLE: ">f8"}


class Texts(Group[Shown[Snapshot]]):
    """What is written from a screen, and what is shown on it."""

    title = long("Title", size=200, writable=True)
    name = string("Name", writable=True)
    flow = ai("Flow", precision=1)


@pytest.fixture
def group() -> Texts:
    group = Texts("P:", Shown("texts", Snapshot(), events=Events()))
    group.flow.post(1.5)
    return group


def units(text: str) -> list[int]:
    """The code units of a text, and the 0 that ends it."""
    return [*np.frombuffer(text.encode("utf-16-le"), "<u2").tolist(), 0]


async def test_a_subscription_with_the_same_id_answers_and_replaces_the_first(
    bench: Any, group: Texts
) -> None:
    raw = await bench.client(await bench.serve(group))
    sid = (await raw.create("P:Flow")).p2
    raw.subscribe(sid, TIME + DOUBLE)
    assert len(await raw.synchronise()) == 1
    raw.subscribe(sid, TIME + DOUBLE)
    (event,) = await raw.synchronise()
    assert (event.command, event.p2, event.count) == (1, 1000 + sid, 1)
    assert event.payload[-8:] == struct.pack(">d", 1.5)
    group.flow.post(2.5)
    assert len(await raw.synchronise()) == 1  # one subscription: one event
    raw.subscribe(sid, TIME + SHORT, mask=4)  # another type, alarms only
    await raw.synchronise()
    group.flow.post(3.5)
    assert await raw.synchronise() == []
    raw.send(2, TIME + SHORT, 1, sid, 1000 + sid)
    await raw.synchronise()
    assert group.flow.followers == ()


async def test_a_repeated_subscription_is_answered_while_events_are_off(
    bench: Any, group: Texts
) -> None:
    raw = await bench.client(await bench.serve(group))
    sid = (await raw.create("P:Flow")).p2
    raw.subscribe(sid, TIME + DOUBLE)
    await raw.synchronise()
    raw.send(8)
    await raw.synchronise()
    group.flow.post(2.5)
    raw.subscribe(sid, TIME + DOUBLE)
    assert await raw.synchronise() == []
    raw.send(9)
    (event,) = await raw.synchronise()
    assert event.payload[-8:] == struct.pack(">d", 2.5)


@pytest.mark.parametrize("dbr", TYPES)
@pytest.mark.parametrize("pv", ["Title", "Title.VAL$", "Name.VAL$", "Flow.DESC$"])
async def test_a_text_comes_as_an_array_of_utf_16_code_units(
    bench: Any, group: Texts, dbr: int, pv: str
) -> None:
    raw = await bench.client(await bench.serve(group))
    sid = (await raw.create(f"P:{pv}")).p2
    for text in ("alpha", "", "a", "é", "αβγ 日本", "run 😀", "\U00010000"):
        sent = np.array(units(text), np.int64).astype(TYPES[dbr])
        assert await raw.put(sid, dbr, sent.tobytes(), len(sent)) == NORMAL
        read = (await raw.get(sid, CHAR)).payload.partition(b"\0")[0]
        assert read.decode() == text


async def test_behind_the_0_of_a_text_may_be_anything(bench: Any, group: Texts) -> None:
    raw = await bench.client(await bench.serve(group))
    sid = (await raw.create("P:Title")).p2
    sent = np.array([*units("short"), 78, -5, 10**9], ">i4")
    assert await raw.put(sid, INTEGER, sent.tobytes(), len(sent)) == NORMAL
    assert group.title.value == "short"


async def test_half_a_surrogate_pair_becomes_the_sign_for_what_is_lost(
    bench: Any, group: Texts
) -> None:
    raw = await bench.client(await bench.serve(group))
    sid = (await raw.create("P:Title")).p2
    sent = np.array([0x61, 0xD83D, 0x62, 0], ">i4")
    assert await raw.put(sid, INTEGER, sent.tobytes(), 4) == NORMAL
    assert group.title.value == "a\ufffdb"


@pytest.mark.parametrize("element", [-7.0, 1.5, 0x110000, float("nan"), float("inf")])
async def test_an_array_that_holds_no_characters_is_refused(
    bench: Any, group: Texts, element: float
) -> None:
    raw = await bench.client(await bench.serve(group))
    group.title.post("before")
    sid = (await raw.create("P:Title")).p2
    sent = np.array([65, element, 66, 0], ">f8")
    assert await raw.put(sid, DOUBLE, sent.tobytes(), 4) == PUT_FAIL
    assert group.title.value == "before"


async def test_bytes_and_short_texts_are_taken_as_before(
    bench: Any, group: Texts
) -> None:
    raw = await bench.client(await bench.serve(group))
    title = (await raw.create("P:Title")).p2
    for payload, expected in (("é日".encode(), "é日"), (b"\xe9t\xe9", "été")):
        assert await raw.put(title, CHAR, payload, len(payload)) == NORMAL
        assert group.title.value == expected
    assert await raw.put(title, STRING, b"word".ljust(40, b"\0")) == NORMAL
    assert group.title.value == "word"
    name = (await raw.create("P:Name")).p2
    assert await raw.put(name, INTEGER, struct.pack(">i", 123456789)) == NORMAL
    assert group.name.value == "123456789"
    assert await raw.put(name, DOUBLE, struct.pack(">d", 2.5)) == NORMAL
    assert group.name.value == "2.5"


async def test_a_text_that_does_not_fit_is_refused(bench: Any, group: Texts) -> None:
    raw = await bench.client(await bench.serve(group))
    for pv, most in (("Name", 39), ("Name.VAL$", 39), ("Flow.EGU", 15), ("Title", 199)):
        sid = (await raw.create(f"P:{pv}")).p2
        for size, status in ((most, NORMAL), (most + 1, PUT_FAIL)):
            assert await raw.put(sid, CHAR, b"x" * size, size) == status
