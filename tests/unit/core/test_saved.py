"""Settings that stay: when a choice comes back, when the file wins, what is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import pytest

from daqpv.core import (
    Device,
    DeviceSnapshot,
    Event,
    Events,
    EventSeverity,
    Origin,
    Places,
    Remembered,
    SavedField,
    SavedSettings,
    Setting,
    origin,
)
from daqpv.errors import ServeError, StoreError

OPERATOR = Origin("eva", "hut")
PREFIX = "E:Pump:A:"


class Mode(IntEnum):
    OFF = 0
    FAST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpSnapshot(DeviceSnapshot):
    speed: float = 1.0
    mode: Mode = Mode.OFF
    seen: int = 0


SAVED = (
    SavedField(field="speed", signal="Speed", drive=(0.5, 10.0)),
    SavedField(field="mode", signal="Mode"),
    SavedField(field="enabled", signal="Enable", labels=("Disabled", "Enabled")),
)


class Memory:
    """A place that keeps settings as the store does: the last of each field."""

    def __init__(self, *settings: Setting) -> None:
        self.settings = {(one.device, one.field): one for one in settings}
        self.added: list[Setting] = []
        self.error: StoreError | None = None
        self.readable: list[Setting] = []  # in spite of the error

    def read(self) -> Iterator[Setting]:
        yield from self.readable if self.error else self.settings.values()
        if self.error:
            raise self.error

    def add(self, setting: Remembered, /) -> None:
        assert isinstance(setting, Setting)
        self.added.append(setting)
        self.settings[setting.device, setting.field] = setting

    async def kept(self, *, timeout: float) -> bool:
        return not self.error


def setting(value: Any, file: Any, field: str = "speed", **more: Any) -> Setting:
    defaults: dict[str, Any] = {"time": 1e9, "device": "Pump:A", "origin": OPERATOR}
    return Setting(**defaults | more, field=field, value=value, file=file)


class Site:
    """A process that is started again and again over the same places."""

    def __init__(self, *places: Memory) -> None:
        self.places = places
        self.events: list[Event] = []

    def start(self, *, prefix: str = PREFIX, **file: Any) -> Device[PumpSnapshot]:
        """Begin anew, with what the file says."""
        self.events = []
        events = Events()
        events.add(self.events.append)
        self.saved = SavedSettings(Places(self.places, events), events, prefix="E:")
        snapshot = self.saved.restored(prefix, SAVED, PumpSnapshot(**file))
        device = Device("A", snapshot, events=events, prefix=prefix)
        device.watch(self.saved.follow(prefix, SAVED))
        self.saved.report()
        return device

    @property
    def warnings(self) -> list[str]:
        return [e.text for e in self.events if e.severity is EventSeverity.WARNING]


def choose(device: Device[PumpSnapshot], **fields: Any) -> None:
    device.change(replace(device.snapshot, **fields))


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def site(memory: Memory) -> Site:
    return Site(memory)


@pytest.fixture(autouse=True)
def by_an_operator() -> Iterator[None]:
    token = origin.set(OPERATOR)
    yield
    origin.reset(token)


def test_a_choice_comes_back(site: Site) -> None:
    choose(site.start(), speed=2.0, mode=Mode.FAST, enabled=False)
    now = site.start().snapshot
    assert (now.speed, now.mode, now.enabled) == (2.0, Mode.FAST, False)
    assert not site.warnings


def test_what_is_kept_says_who_and_what_the_file_said(
    site: Site, memory: Memory
) -> None:
    before = time.time()
    choose(site.start(speed=3.0), speed=2.0)
    (kept,) = memory.added
    assert before - 1e-6 <= kept.time <= time.time() + 1e-6
    assert replace(kept, time=1e9) == setting(2.0, 3.0)


def test_a_start_alone_keeps_nothing(site: Site, memory: Memory) -> None:
    site.start(speed=3.0)
    site.start(speed=4.0)
    assert memory.added == []


def test_what_is_not_saved_is_not_kept(site: Site, memory: Memory) -> None:
    choose(site.start(), seen=5, message="busy")
    assert memory.added == []


def test_the_same_choice_again_is_no_news(site: Site, memory: Memory) -> None:
    device = site.start()
    device.change(replace(device.snapshot, speed=2.0))
    device.change(replace(device.snapshot, speed=2.0))
    choose(site.start(), speed=2.0)
    assert len(memory.added) == 1


def test_a_start_says_what_is_not_as_the_file_says(site: Site) -> None:
    choose(site.start(), speed=2.0, enabled=False)
    site.start()
    (event,) = site.events
    assert event.severity is EventSeverity.INFORMATION
    assert "E:Pump:A:Speed 2.0, E:Pump:A:Enable Disabled" in event.text


def test_back_to_what_the_file_says_is_a_choice_like_others(site: Site) -> None:
    choose(site.start(), speed=2.0)
    choose(site.start(), speed=1.0)
    assert site.start().snapshot.speed == 1.0
    assert not site.events


# -- the file --------------------------------------------------------------------------


def test_the_file_wins_when_its_value_changes(site: Site) -> None:
    choose(site.start(speed=1.0), speed=2.0)
    assert site.start(speed=3.0).snapshot.speed == 3.0
    (warning,) = site.warnings
    for word in ("E:Pump:A:Speed: 2.0", "eva@hut", "it said 1.0 and says 3.0"):
        assert word in warning


def test_a_choice_that_the_file_has_beaten_does_not_come_back(site: Site) -> None:
    choose(site.start(speed=1.0), speed=2.0)
    site.start(speed=3.0)
    assert site.start(speed=1.0).snapshot.speed == 1.0
    assert not site.warnings  # said once


def test_a_file_that_comes_to_say_what_was_chosen_is_no_event(site: Site) -> None:
    choose(site.start(speed=1.0), speed=2.0)
    assert site.start(speed=2.0).snapshot.speed == 2.0
    assert not site.events
    assert site.start(speed=1.0).snapshot.speed == 1.0


def test_another_value_in_the_file_changes_only_its_own_field(site: Site) -> None:
    choose(site.start(speed=1.0), speed=2.0, mode=Mode.FAST)
    assert site.start(speed=3.0).snapshot.mode is Mode.FAST


def test_a_choice_after_the_file_has_won_holds(site: Site) -> None:
    choose(site.start(speed=1.0), speed=2.0)
    choose(site.start(speed=3.0), speed=4.0)
    assert site.start(speed=3.0).snapshot.speed == 4.0


@pytest.mark.parametrize(
    ("field", "value", "file", "why"),
    [
        ("speed", 11.0, 1.0, "within 0.5 to 10"),
        ("speed", "fast", 1.0, "valid number"),
        ("mode", "WARP", "OFF", "'WARP' is not one of OFF, FAST"),
        ("mode", 1, "OFF", "one of OFF, FAST"),
        ("enabled", "no", True, "boolean"),
    ],
)
def test_what_does_not_fit_any_more_is_not_restored(
    field: str, value: Any, file: Any, why: str
) -> None:
    site = Site(Memory(setting(value, file, field)))
    assert getattr(site.start().snapshot, field) == getattr(PumpSnapshot(), field)
    (warning,) = site.warnings
    assert why in warning
    site.start()
    assert not site.warnings  # said once


def test_a_device_with_another_name_gets_nothing(site: Site, memory: Memory) -> None:
    choose(site.start(), speed=2.0)
    assert site.start(prefix="E:Pump:B:").snapshot.speed == 1.0
    assert ("Pump:A", "speed") in memory.settings  # should it be called so again


# -- several places --------------------------------------------------------------------


def test_of_two_places_the_newest_holds(memory: Memory) -> None:
    memory.settings["Pump:A", "speed"] = setting(2.0, 1.0, time=1e9)
    other = Memory(setting(3.0, 1.0, time=1e9 + 1))
    assert Site(memory, other).start().snapshot.speed == 3.0
    assert Site(other, memory).start().snapshot.speed == 3.0


def test_a_place_gets_what_it_lacks(memory: Memory) -> None:
    newest = setting(3.0, 1.0, time=1e9 + 1)
    behind = Memory(setting(2.0, 1.0, time=1e9))
    Site(behind, memory, Memory(newest)).start()
    assert behind.added == memory.added == [newest]


def test_a_place_that_is_away_is_told_and_the_other_holds(memory: Memory) -> None:
    away = Memory()
    away.error = StoreError("the store is away")
    memory.settings["Pump:A", "speed"] = setting(2.0, 1.0)
    site = Site(away, memory)
    device = site.start()
    assert device.snapshot.speed == 2.0
    assert site.warnings == ["the store is away"]
    assert away.added == []  # nobody knows whether it lacks it
    device.change(replace(device.snapshot, speed=3.0))
    assert [one.value for one in away.added] == [one.value for one in memory.added]


def test_what_a_place_gave_before_it_failed_holds(memory: Memory) -> None:
    away = Memory()
    away.error = StoreError("the store is away")
    away.readable = [setting(2.0, 1.0)]
    site = Site(away, memory)
    assert site.start().snapshot.speed == 2.0
    assert site.warnings == ["the store is away"]
    assert away.added == []
    assert memory.added == away.readable


def test_a_start_without_the_store_drops_no_choice_that_the_store_alone_knows(
    memory: Memory,
) -> None:
    memory.settings["Pump:A", "speed"] = setting(2.0, 1.0, time=1e9)
    store = Memory(setting(5.0, 3.0, time=1e9 + 60))  # chosen elsewhere, later
    store.error = StoreError("the store is away")
    site = Site(store, memory)
    assert site.start(speed=3.0).snapshot.speed == 3.0
    store.error = None
    store.settings["Pump:A", "speed"] = setting(
        5.0, 3.0, time=1e9 + 60
    )  # newer: it stays
    assert site.start(speed=3.0).snapshot.speed == 5.0


def test_a_choice_is_newer_than_the_last_though_the_clock_was_set_back(
    memory: Memory, site: Site
) -> None:
    future = time.time() + 3600
    memory.settings["Pump:A", "speed"] = setting(2.0, 1.0, time=future)
    choose(site.start(), speed=3.0)
    assert memory.added[-1].time > future


# -- mistakes of a kind's author -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OddSnapshot(DeviceSnapshot):
    speed: float = float("nan")
    tool: type = int


@pytest.mark.parametrize("field", ["speed", "tool"])
def test_a_field_that_cannot_be_kept_ends_the_start(site: Site, field: str) -> None:
    site.start()
    saved = [SavedField(field=field, signal="Odd")]
    with pytest.raises(ServeError, match="E:Pump:A:Odd cannot be saved: "):
        site.saved.restored(PREFIX, saved, OddSnapshot())


def test_a_value_that_cannot_be_kept_harms_nobody(site: Site, memory: Memory) -> None:
    device = site.start()
    device.change(replace(device.snapshot, speed=float("nan")))
    assert "E:Pump:A:Speed will not survive a restart" in site.warnings[0]
    device.change(replace(device.snapshot, speed=2.0))
    assert [one.value for one in memory.added] == [2.0]


def test_a_kind_that_does_not_ask_for_what_was_saved_is_told(site: Site) -> None:
    site.start()
    site.saved.follow("E:Pump:B:", SAVED[:1])
    assert "E:Pump:B:Speed is declared as saved" in site.warnings[0]
