"""The state of a device survives a restart, whatever the experiment file says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

import pytest

from daqpv.core import (
    DeviceState,
    Durable,
    Event,
    Events,
    EventSeverity,
    Places,
    Remembered,
    Setting,
)
from daqpv.core.devices.places import Key, key_of
from daqpv.core.devices.snapshot import Snapshot
from daqpv.errors import ServeError, StoreError


class Phase(Enum):
    IDLE = 0
    OPEN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ValveSnapshot(Snapshot):
    phase: Phase = Phase.IDLE
    left: tuple[str, ...] = ()
    count: int = 0
    odd: float = 0.0


FIELDS = ("phase", "left", "odd")


class Memory:
    """A place that has the last record of each field."""

    def __init__(self, *records: Remembered) -> None:
        self.all: dict[Key, Remembered] = {key_of(one): one for one in records}
        self.error: StoreError | None = None

    def read(self) -> Iterator[Remembered]:
        if self.error:
            raise self.error
        yield from self.all.values()

    def add(self, record: Remembered, /) -> None:
        self.all[key_of(record)] = record

    async def kept(self, *, timeout: float) -> bool:
        return True


class Process:
    """A process that has begun over some places."""

    def __init__(self, *places: Memory, **file: object) -> None:
        self.said: list[Event] = []
        events = Events()
        events.add(self.said.append)
        self.durable = Durable(Places(places, events), events, prefix="E:")
        snapshot = ValveSnapshot(**file)  # type: ignore[arg-type]
        self.snapshot = self.durable.restored("E:Valve:A:", FIELDS, snapshot)
        self._watch = self.durable.follow("E:Valve:A:", FIELDS)

    def becomes(self, **fields: object) -> None:
        self.snapshot = replace(self.snapshot, **fields)  # type: ignore[arg-type]
        self._watch(self.snapshot, fields.keys())


def state(field: str, value: object, time: float = 5.0) -> DeviceState:
    return DeviceState(time=time, device="Valve:A", field=field, value=value)


def setting(field: str, value: object, time: float = 5.0) -> Setting:
    return Setting(time=time, device="Valve:A", field=field, value=value, file=None)


def test_the_state_comes_back_whatever_the_file_says() -> None:
    memory = Memory()
    process = Process(memory)
    process.becomes(phase=Phase.OPEN, left=("a", "b"), count=3)
    again = Process(memory, left=("c",)).snapshot
    assert (again.phase, again.left, again.count) == (Phase.OPEN, ("a", "b"), 0)
    assert memory.all[DeviceState, "Valve:A", "phase"].value == "OPEN"


def test_it_may_become_again_what_the_file_says() -> None:
    memory = Memory()
    Process(memory).becomes(phase=Phase.OPEN)
    Process(memory).becomes(phase=Phase.IDLE)
    assert Process(memory).snapshot.phase is Phase.IDLE


def test_what_an_earlier_version_kept_as_a_setting_becomes_a_state() -> None:
    memory = Memory(setting("phase", "OPEN"))
    process = Process(memory)
    assert process.snapshot.phase is Phase.OPEN
    assert memory.all[DeviceState, "Valve:A", "phase"] == state("phase", "OPEN")
    assert process.said == []


@pytest.mark.parametrize(("time", "phase"), [(4.0, Phase.IDLE), (6.0, Phase.OPEN)])
def test_the_newer_of_a_state_and_a_setting_of_before_holds(
    time: float, phase: Phase
) -> None:
    """The table was upgraded while a place on the disk had something newer."""
    memory = Memory(state("phase", "IDLE"), setting("phase", "OPEN", time))
    assert Process(memory).snapshot.phase is phase


def test_the_newest_of_all_places_holds_and_the_others_get_it() -> None:
    old, new = Memory(state("left", ["a"])), Memory(state("left", ["b"], 6.0))
    assert Process(old, new, Memory()).snapshot.left == ("b",)
    assert old.all[DeviceState, "Valve:A", "left"].value == ["b"]


def test_a_place_that_is_away_is_told_and_the_others_hold() -> None:
    away, there = Memory(), Memory(state("left", ["a"]))
    away.error = StoreError("the store is away")
    process = Process(away, there)
    assert process.snapshot.left == ("a",)
    assert [one.text for one in process.said] == ["the store is away"]


def test_what_does_not_fit_any_more_is_told() -> None:
    process = Process(Memory(state("phase", "AJAR")))
    assert process.snapshot.phase is Phase.IDLE
    [event] = process.said
    assert event.severity is EventSeverity.WARNING
    assert "E:Valve:A:phase is lost" in event.text


def test_a_value_that_cannot_be_kept_is_told() -> None:
    process = Process(Memory())
    process.becomes(odd=float("nan"))
    assert "E:Valve:A:odd will not survive a restart" in process.said[0].text


def test_a_field_that_is_not_there_is_refused() -> None:
    events = Events()
    durable = Durable(Places([], events), events, prefix="E:")
    with pytest.raises(ServeError, match="E:Valve:A:nothing cannot be kept"):
        durable.restored("E:Valve:A:", ["nothing"], ValveSnapshot())
