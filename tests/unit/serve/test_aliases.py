"""A PV that got a better name is found by its former name, too."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from daqpv.core import Event, Events
from daqpv.errors import ServeError
from daqpv.events import Log
from daqpv.iocs.log import LogGroup
from daqpv.serve import Group, ao, longin
from tests.support.lamp import DOUBLE, LONG, NORMAL, Lamp


class DimmerGroup(Group[Lamp]):
    """A lamp whose PV `Level` was called `Brightness` and `Dim` before."""

    level = ao("Level", units="mm", aliases=("Brightness", "Dim"))


class OtherGroup(Group[Lamp]):
    """Another PV takes a name that is an alias above."""

    brightness = longin("Brightness")


async def test_a_former_name_finds_the_same_pv(bench: Any) -> None:
    seen: list[Event] = []
    events = Events()
    events.add(seen.append)
    server = await bench.serve(DimmerGroup("D:", Lamp()), events=events)
    raw = await bench.client(server)
    sids = []
    for name in ("D:Level", "D:Brightness", "D:Dim"):
        raw.send(6, 10, 13, 8, 8, name.encode() + b"\0")
        await raw.expect(6)
        sids.append((await raw.create(name)).p2)
    assert await raw.put(sids[1], DOUBLE, struct.pack(">d", 7.5)) == NORMAL
    for sid in sids:
        assert (await raw.get(sid, DOUBLE)).payload == struct.pack(">d", 7.5)
    (put,) = (event for event in seen if event.name == "put")
    assert put.fields["pv"] == "D:Level"
    field = await raw.create("D:Dim.EGU")
    assert (await raw.get(field.p2, 0)).payload.startswith(b"mm\0")
    assert [info.name for info in server.infos()] == ["D:Level"]
    assert server.record_count == 1


async def test_counts_of_the_log_answer_by_both_names(bench: Any) -> None:
    group = LogGroup("L:", Log(Events(), prefix="L:"))
    raw = await bench.client(await bench.serve(group))
    for name in ("InfoCount", "Infos", "WarningCount", "Warnings"):
        channel = await raw.create(f"L:{name}")
        assert (channel.command, channel.dbr) == (18, LONG), name


@pytest.mark.parametrize("order", [1, -1])
async def test_an_alias_that_is_the_name_of_another_pv_is_refused(
    bench: Any, order: int
) -> None:
    groups = [DimmerGroup("D:", Lamp()), OtherGroup("D:", Lamp())][::order]
    with pytest.raises(ServeError, match="D:Brightness is served twice"):
        await bench.serve(*groups)


def test_an_alias_that_is_too_long_is_refused() -> None:
    with pytest.raises(ServeError, match="Brightness has more than 60 bytes"):
        DimmerGroup("P" * 50 + ":", Lamp())
