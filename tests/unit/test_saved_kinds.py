"""Settings of anybody's kind come back through its build(), and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from daqpv.app import App
from daqpv.config import AnyKind, ConfigProblems, DeviceSettings, Kind, load
from daqpv.core import (
    Device,
    DeviceSnapshot,
    Event,
    Events,
    Places,
    Remembered,
    SavedSettings,
    Setting,
)
from daqpv.iocs.device import DeviceGroup
from daqpv.serve import ao, mbbo, string


class Gas(IntEnum):
    ISOBUTANE = 0
    P10 = 1


@dataclass(frozen=True, slots=True)
class Mixture:
    gas: Gas
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpSnapshot(DeviceSnapshot):
    speed: float = 1.0
    gas: Gas = Gas.ISOBUTANE
    mixture: Mixture = Mixture(Gas.P10, 0.5)

    @property
    def mixture_text(self) -> str:
        return f"{self.mixture.share:.0%} {self.mixture.gas.name}"


class Pump(Device[PumpSnapshot]):
    async def run(self) -> None:
        """Nothing happens to it but what is put."""


class PumpGroup(DeviceGroup[Pump]):
    speed = ao("Speed", drive=(0.0, 10.0), saved=True, doc="Rotation")
    gas = mbbo("Gas", Gas, saved=True, doc="What it pumps")
    mixture = string("Mixture", of="mixture_text", saved="mixture", doc="As text")


class Memory:
    """A place that keeps settings."""

    def __init__(self) -> None:
        self.settings: dict[tuple[str, str], Setting] = {}

    def read(self) -> list[Setting]:
        return list(self.settings.values())

    def add(self, setting: Remembered, /) -> None:
        assert isinstance(setting, Setting)
        self.settings[setting.device, setting.field] = setting

    async def kept(self, *, timeout: float) -> bool:
        return True


def kind(group: type[PumpGroup] = PumpGroup, *, asks: bool = True) -> AnyKind:
    def build(name: str, settings: DeviceSettings, site: Any) -> Any:
        prefix = site.prefix_of("Pump", name)
        snapshot = PumpSnapshot(enabled=settings.enable)
        if asks:
            snapshot = site.restored(prefix, group, snapshot)
        pump = Pump(name, snapshot, events=site.events, prefix=prefix)
        return pump, group(prefix, pump)

    return Kind(section="pumps", settings=DeviceSettings, build=build)


Start = Callable[..., dict[str, Any]]


@pytest.fixture
def said() -> list[Event]:
    return []


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def start(tmp_path: Path, memory: Memory, said: list[Event]) -> Start:
    """Build the devices of a new process, by name."""

    def start_one(
        one: AnyKind | None = None, *, prefix: str = "E:", **more: Any
    ) -> dict[str, Any]:
        said.clear()
        file, kinds = tmp_path / "e.yaml", (one or kind(),)
        head = f'experiment: e\nprefix: "{prefix}"\n'
        file.write_text(f"{head}pumps: {{A: {{}}, B: {{}}}}\n")
        events = Events()
        events.add(said.append)
        saved = SavedSettings(Places([memory], events), events, prefix=prefix)
        app = App(load(file, kinds), kinds, events, saved=saved, **more)
        return {device.name: device for device in app.devices}

    return start_one


def test_each_device_gets_its_own_back(start: Start) -> None:
    pumps = start()
    pumps["A"].change(replace(pumps["A"].snapshot, speed=2.0, gas=Gas.P10))
    pumps["B"].change(
        replace(pumps["B"].snapshot, mixture=Mixture(Gas.ISOBUTANE, 0.1), enabled=False)
    )
    pumps = start()
    a, b = pumps["A"].snapshot, pumps["B"].snapshot
    assert (a.speed, a.gas, a.enabled) == (2.0, Gas.P10, True)
    assert (b.speed, b.mixture, b.enabled) == (1.0, Mixture(Gas.ISOBUTANE, 0.1), False)


def test_another_prefix_is_the_same_experiment(start: Start) -> None:
    start()["A"].change(replace(start()["A"].snapshot, speed=2.0))
    assert start(prefix="TEST:")["A"].snapshot.speed == 2.0


def test_two_processes_keep_what_is_theirs(start: Start) -> None:
    left, right = start(only=["pumps.A"]), start(only=["pumps.B"])
    left["A"].change(replace(left["A"].snapshot, speed=2.0))
    right["B"].change(replace(right["B"].snapshot, speed=3.0))
    pumps = start()
    assert [pumps[name].snapshot.speed for name in "AB"] == [2.0, 3.0]


def test_a_kind_that_does_not_ask_is_told(start: Start, said: list[Event]) -> None:
    start(kind(asks=False))
    texts = [event.text for event in said]
    assert any("E:Pump:A:Speed is declared as saved" in text for text in texts)


class OddGroup(PumpGroup):
    mixture = string("Mixture", of="mixture_text", saved=True, doc="As text")


def test_a_saved_pv_that_no_field_holds_is_a_mistake_of_the_kind(start: Start) -> None:
    with pytest.raises(ConfigProblems, match="no field 'mixture_text' that holds it"):
        start(kind(OddGroup))


def test_the_list_of_pvs_has_them_all(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text('experiment: e\nprefix: "E:"\npumps: {A: {}}\n')
    infos = App(load(file, (kind(),)), (kind(),), Events()).infos()
    assert [info.name for info in infos if info.saved] == [
        f"E:Pump:A:{name}" for name in ("Enable", "Speed", "Gas", "Mixture")
    ]
