"""docs/instruments/descriptions.md: its files are loaded, simulated and read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daqpv.config import installed_kinds, load
from daqpv.core import Severity
from daqpv.errors import OperationError, ProtocolError
from daqpv.instruments.driver import Write
from daqpv.instruments.settings import InstrumentSettings
from tests.support.commands import daqpv
from tests.support.simulated import rig_of

PAGE = Path(__file__).parents[3] / "docs" / "instruments" / "descriptions.md"
FILE = re.compile(r"^```yaml file=(\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """The experiment file of the page, with the descriptions beside it."""
    for name, text in FILE.findall(PAGE.read_text()):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path / "lab.yaml"


def oven(lab: Path) -> InstrumentSettings:
    settings = load(lab, installed_kinds().kinds).sections["instruments"]["oven"]
    assert isinstance(settings, InstrumentSettings)
    return settings


async def test_the_description_of_the_page_is_read(lab: Path, tmp_path: Path) -> None:
    async with rig_of(oven(lab), tmp_path) as one:
        readings = await one.read()
        assert readings["T1"].value == pytest.approx(20, abs=1)
        assert readings["Alarms"].value == ""
        assert all(one.severity is Severity.NO_ALARM for one in readings.values())
        one.set({"s1": 2, "s2": 1, "alarms": 0x11})
        await one.driver.exchange(Write("Power2", 40.0))
        readings = await one.read()
        assert readings["Power2"].value == 40
        assert readings["T1"].severity is Severity.INVALID
        assert readings["T2"].severity is Severity.MAJOR
        assert readings["Alarms"].value == "heater 1 is on, no water"
        assert readings["Alarms"].alarm.reason == "no water"
        one.set({"local": 1})
        with pytest.raises(OperationError, match="the switch is on LOCAL"):
            await one.driver.exchange(Write("Power2", 50.0))


async def test_another_instrument_is_not_read(lab: Path, tmp_path: Path) -> None:
    settings = oven(lab)
    assert settings.simulator is not None
    rules = tuple(one for one in settings.simulator.rules if one.ask != "ID")
    simulator = settings.simulator.model_copy(update={"rules": rules})
    other = settings.model_copy(update={"simulator": simulator})
    with pytest.raises(ProtocolError, match="another instrument"):
        async with rig_of(other, tmp_path):
            pass


def test_the_file_of_the_page_is_checked_and_shown(lab: Path) -> None:
    checked = daqpv("check", str(lab))
    assert checked.exit_code == 0, checked.stderr
    shown = daqpv("instrument", "show", "lab-heater-1", "--file", str(lab))
    assert "Switch REMOTE on" in shown.stdout
    assert "firmware 1.2, our laboratory, 2026-11-01" in shown.stdout


def test_the_first_example_of_the_page_is_valid(tmp_path: Path) -> None:
    first = PAGE.read_text().split("```yaml\n")[1].partition("```")[0]
    file = tmp_path / "lab.yaml"
    file.write_text(f"experiment: lab\nprefix: 'LAB:'\nstore: none\n{first}")
    settings = load(file, installed_kinds().kinds).sections["instruments"]["beamline"]
    assert isinstance(settings, InstrumentSettings)
    assert list(settings.channels) == ["Gauge1", "Unit", "Fault"]
    assert settings.channels["Gauge1"].high == 1e-5
