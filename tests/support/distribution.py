"""Distributions with kinds of devices, installed as pip leaves them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GAUGE = '''
"""A vacuum gauge: the whole of a third party's distribution."""

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

from daqpv.api import (
    Condition, Device, DeviceGroup, DeviceSettings, DeviceSnapshot, Kind, ai, button,
    command,
)


class GaugeSettings(DeviceSettings):
    """A gauge."""

    port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeSnapshot(DeviceSnapshot):
    """What a gauge reads."""

    observed: ClassVar[frozenset[str]] = DeviceSnapshot.observed | {"pressure"}

    pressure: float | None = None
    voltage: float | None = None


class Gauge(Device[GaugeSnapshot]):
    """A gauge; its zero can be set."""

    async def run(self) -> None:
        """Read it until cancelled."""
        self.change(
            replace(
                self.snapshot,
                known=True,
                online=True,
                condition=Condition.OK,
                pressure=3.5,
            )
        )
        await asyncio.get_running_loop().create_future()

    async def zero(self) -> None:
        """Take what it reads now for zero."""
        with self.command("set zero"):
            self.change(replace(self.snapshot, pressure=0.0))


class GaugeGroup(DeviceGroup[Gauge]):
    """A vacuum gauge."""

    pressure = ai("Pressure", units="mbar", precision=2, doc="What it reads")
    voltage = ai("Voltage", units="V", precision=2, doc="Of its supply")
    zero = button("Zero", put=command(Gauge.zero), doc="Take it for zero")


def build(name, settings, site):
    """Join a gauge and its PVs."""
    prefix = site.prefix_of("Gauge", name)
    snapshot = site.restored(prefix, GaugeGroup, GaugeSnapshot(enabled=settings.enable))
    gauge = Gauge(name, snapshot, events=site.events, prefix=prefix)
    return gauge, GaugeGroup(prefix, gauge, desc=settings.desc)


KIND = Kind("gauges", GaugeSettings, api=1, build=build)
'''
"""The one file of a kind of device that imports daqpv.api alone."""


def install(folder: Path, source: str = GAUGE, *, section: str = "gauges") -> None:
    """Install lab-gauge 0.1 in `folder`: a module lab_gauge with a KIND."""
    (folder / "lab_gauge.py").write_text(source)
    info = folder / "lab_gauge-0.1.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: lab-gauge\nVersion: 0.1\n"
    )
    (info / "entry_points.txt").write_text(
        f"[daqpv.iocs]\n{section} = lab_gauge:KIND\n"
    )


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Find what is installed in `folder`, while the body runs."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("lab_gauge", None)
