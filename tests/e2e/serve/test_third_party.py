"""A kind that somebody else has installed is served like ours."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daqpv.links.ca import pv as links_pv
from tests.support.signals import END, ended_by

PUMPS = """
import asyncio
from dataclasses import dataclass, replace
from daqpv.config import DeviceSettings, Kind
from daqpv.core import Condition, Device, DeviceSnapshot
from daqpv.serve import longin
from daqpv.iocs.device import DeviceGroup

class PumpSettings(DeviceSettings):
    breaks: bool = False
    stubborn: bool = False

@dataclass(frozen=True, slots=True, kw_only=True)
class PumpSnapshot(DeviceSnapshot):
    runs: int = 0

class Pump(Device[PumpSnapshot]):
    breaks = stubborn = False

    async def run(self):
        runs = self.snapshot.runs + 1
        seen = replace(self.snapshot, known=True, online=True, runs=runs)
        self.change(replace(seen, condition=Condition.OK))
        if self.breaks and runs == 1:
            raise RuntimeError("a bug of a pump")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            while self.stubborn:
                pass

class PumpGroup(DeviceGroup[Pump]):
    runs = longin("Runs", doc="How often it was begun")

def build(name, settings, site):
    pump = Pump(name, PumpSnapshot(), events=site.events)
    pump.breaks, pump.stubborn = settings.breaks, settings.stubborn
    return pump, PumpGroup(site.prefix_of("Pump", name), pump, desc=settings.desc)

KIND = Kind(section="pumps", settings=PumpSettings, api=1, build=build)
"""


@pytest.fixture
def with_pumps(tmp_path: Path) -> str:
    """A folder in which a distribution is installed that has a kind of device."""
    (tmp_path / "pumps.py").write_text(PUMPS)
    info = tmp_path / "pumps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pumps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[daqpv.iocs]\npumps = pumps:KIND\n")
    return str(tmp_path)


@pytest.fixture
def pumps(lab: Any, start: Callable[..., Any], with_pumps: str) -> Any:
    """Two pumps beside the CoBos; the code of A fails when it is first run."""
    lab.file.write_text(
        f"{lab.file.read_text()}pumps:\n  A: {{breaks: true}}\n  B: {{desc: spare}}\n"
    )
    served = start("serve", lab.file.name, cwd=lab.folder, PYTHONPATH=with_pumps)
    served.ready()
    yield served
    served.end()


def test_an_installed_kind_is_served_and_its_bug_stops_nobody_else(
    lab: Any, pumps: Any
) -> None:
    a, b = (lab.client(name, kind="Pump") for name in "AB")
    assert a.get("Condition") == "Error"
    assert a.get("Message").startswith(
        "Internal error of kind `pumps` of pumps 1.0: RuntimeError: a bug of a pump ("
    )
    a.until("Runs", "2")
    assert a.get("Condition") == "OK"
    assert b.get("Runs") == "1"
    assert links_pv.get(f"{b.prefix}Online.DESC") == "spare"
    assert lab.client().get("Condition") == "OK"
    assert ended_by(signal.SIGTERM, pumps) < END
    log = (lab.folder / "exp.log").read_text()
    assert log.count("started again: RuntimeError: a bug of a pump") == 1


def test_an_installed_kind_that_will_not_end_is_cut_short(
    lab: Any, start: Callable[..., Any], with_pumps: str
) -> None:
    lab.file.write_text(f"{lab.file.read_text()}pumps: {{A: {{stubborn: true}}}}\n")
    served = start("serve", lab.file.name, cwd=lab.folder, PYTHONPATH=with_pumps)
    served.ready()
    lab.client("A", kind="Pump").until("Runs", "1")
    begin = time.monotonic()
    assert served.end(signal.SIGTERM) == 1
    assert time.monotonic() - begin < END
    assert served.lines[-1] == (
        "Something held up the end for 1.5 s; it was cut short."
    )
