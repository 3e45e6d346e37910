"""What those in the process of a PV server hear of its PVs."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from daqpv.core import READ_ELEMENTS, Alarm, Events, Reading, Severity, Shown, Snapshot
from daqpv.core import Status as St
from daqpv.serve import (
    Group,
    LocalPvs,
    Server,
    ai,
    long,
    longin,
    mbbi,
    string,
    strings,
    waveform,
)

MINOR = Alarm(Severity.MINOR, St.HIGH, "above 400")


COUNT = 300
Many = type("Many", (Group,), {f"m{n}": ai(f"M{n}") for n in range(COUNT)})


class Gas(Group[Shown[Snapshot]]):
    pressure = ai("P", high=400.0)
    valve = mbbi("Valve", ("Closed", "Open"))
    count = longin("Count", dead_band=5.0)
    name = string("Name")
    recipe = long("Recipe")
    trace = waveform("Trace", size=2000)
    names = strings("Names", size=2)


async def turns() -> None:
    """Events leave at the end of this turn, and are heard in the next."""
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
async def gas() -> Gas:
    return Gas("G:", Shown("gas", Snapshot(), events=Events()))


@pytest.fixture
async def local(gas: Gas) -> LocalPvs:
    server = Server()
    server.add(gas)
    server.outbox.open(asyncio.get_running_loop())
    return LocalPvs(server)


def value(local: LocalPvs, pv: str) -> Any:
    reading = local.latest(pv)
    assert reading is not None
    return reading.shown


async def test_each_form_is_read_as_what_it_is(gas: Gas, local: LocalPvs) -> None:
    unknown = local.latest("G:P")
    assert unknown is not None
    assert (unknown.value, unknown.severity) == (None, Severity.INVALID)
    gas.pressure.post(450, time=1.8e9)
    assert local.latest("G:P") == Reading(value=450.0, alarm=MINOR, time=1.8e9)
    gas.valve.post(1)
    assert (value(local, "G:Valve"), local.latest("G:Valve").value) == ("Open", 1)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="7 is not one of its 2 states"):
        gas.valve.post(7)
    gas.name.post("He")
    gas.recipe.post("x" * 100)
    gas.trace.post(np.arange(1500.0))
    gas.names.post(("a", "b"))
    assert (value(local, "G:Name"), value(local, "G:Recipe")) == ("He", "x" * 100)
    assert value(local, "G:Trace") == [float(n) for n in range(READ_ELEMENTS)]
    assert value(local, "G:Names") == ["a", "b"]
    assert value(local, "G:P.HIGH") == 400.0


async def test_what_is_not_served_here_is_left_to_others(local: LocalPvs) -> None:
    assert local.latest("X:P") is None
    assert local.watch("X:P", lambda _: None) is None
    assert local.latest('G:P.{"dbnd":{"d":1}}') is None


async def test_each_change_is_heard_once_until_the_watch_ends(
    gas: Gas, local: LocalPvs
) -> None:
    gas.pressure.post(1.0)
    seen: list[Reading] = []
    end = local.watch("G:P", seen.append)
    assert end is not None
    gas.pressure.post(2.0)
    gas.pressure.post(3.0)
    gas.pressure.post(3.0)  # nothing new
    gas.pressure.post(3.0, alarm=MINOR)
    await turns()
    assert [(one.value, one.severity) for one in seen] == [
        (1.0, Severity.NO_ALARM),
        (2.0, Severity.NO_ALARM),
        (3.0, Severity.NO_ALARM),
        (3.0, Severity.MINOR),
    ]
    end()
    gas.pressure.post(4.0)
    await turns()
    assert len(seen) == 4


async def test_two_listeners_hear_what_passes_the_dead_band(
    gas: Gas, local: LocalPvs, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []

    def fail(reading: Reading) -> None:
        if reading.value is not None:
            raise ZeroDivisionError

    local.watch("G:Count", fail)
    local.watch("G:Count", lambda reading: seen.append(reading.value))
    for count in (0, 4, 6, 7):
        gas.count.post(count)
    await turns()
    assert seen == [None, 0, 6]
    assert "a listener failed" in caplog.text


async def test_changes_before_the_server_runs_are_heard_when_it_does(gas: Gas) -> None:
    server = Server()
    server.add(gas)
    seen: list[Any] = []
    LocalPvs(server).watch("G:P", lambda reading: seen.append(reading.value))
    gas.pressure.post(2.0)
    server.outbox.open(asyncio.get_running_loop())
    await turns()
    assert seen == [None, 2.0]


async def test_who_hears_of_a_pv_may_post_to_as_many_as_there_are() -> None:
    group = Many("M:", Shown("many", Snapshot(), events=Events()))
    server = Server()
    server.add(group)
    server.outbox.open(asyncio.get_running_loop())
    local, seen = LocalPvs(server), []

    def post_all(reading: Reading) -> None:
        for channel in list(group.pvdb.values())[1:]:
            channel.post(reading.value or 0.0)

    local.watch(f"M:M{COUNT - 1}", lambda reading: seen.append(reading.value))
    local.watch("M:M0", post_all)
    for value in (1.0, 2.0):
        group.pvdb["M:M0"].post(value)
    await turns()
    await turns()
    assert seen == [None, 0.0, 1.0, 2.0]
