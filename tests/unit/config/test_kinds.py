from __future__ import annotations

import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from daqpv.config import DeviceSettings, Kind, Model, installed_kinds, load
from daqpv.config.kind import GROUP, OWN
from daqpv.errors import ConfigError

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"

GOOD = """
from daqpv.config import DeviceSettings, Kind

class WeatherSettings(DeviceSettings):
    station: str

KIND = Kind(section="weather", settings=WeatherSettings, build=lambda *_: None)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch):
    """Install a distribution that offers kinds, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, points: str, **modules: str) -> None:
        for module, text in modules.items():
            (tmp_path / f"{module}.py").write_text(text)
            monkeypatch.delitem(sys.modules, module, raising=False)
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2"
        )
        (info / "entry_points.txt").write_text(f"[daqpv.iocs]\n{points}\n")

    yield install
    for module in [m for m in sys.modules if m.startswith("daqpv_test_plugin")]:
        del sys.modules[module]


def test_a_kind_of_another_distribution_is_found_and_loads_its_section(install, write):
    install(
        "weather-pv",
        "weather = daqpv_test_plugin_a:KIND",
        daqpv_test_plugin_a=GOOD,
    )
    kinds = installed_kinds()
    assert [kind.section for kind in kinds] == sorted(kind.section for kind in kinds)
    assert "ecc" in [kind.section for kind in kinds]
    path = write("experiment: e\nprefix: 'A:'\nweather: {roof: {station: north}}\n")
    assert load(path, kinds).sections["weather"]["roof"].station == "north"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("KIND = ", "SyntaxError: "),
        ("", "AttributeError: "),
    ],
)
def test_a_kind_that_cannot_be_loaded_names_its_distribution(install, text, reason):
    install("bad-pv", "bad = daqpv_test_plugin_b:KIND", daqpv_test_plugin_b=text)
    with pytest.raises(ConfigError) as caught:
        installed_kinds()
    said = str(caught.value)
    assert said.startswith(
        "bad-pv 1.2: the kind 'bad' (daqpv_test_plugin_b:KIND) cannot be loaded: "
    )
    assert reason in said
    assert said.endswith("Repair or uninstall it")


def test_an_entry_point_that_is_no_kind_is_refused(install):
    install("odd-pv", "odd = daqpv_test_plugin_c:KIND", daqpv_test_plugin_c="KIND = 5")
    with pytest.raises(ConfigError, match=r"odd-pv 1.2: .* is a int, not a Kind"):
        installed_kinds()


def test_two_kinds_with_one_section_are_refused_naming_both(install):
    install("one-pv", "weather = daqpv_test_plugin_d:KIND", daqpv_test_plugin_d=GOOD)
    install("two-pv", "sky = daqpv_test_plugin_e:KIND", daqpv_test_plugin_e=GOOD)
    with pytest.raises(
        ConfigError,
        match=r"two-pv 1\.2 and one-pv 1\.2 both serve the section 'weather'",
    ):
        installed_kinds()


@pytest.mark.parametrize(
    "section", ["server", "defaults", "Ecc", "a b", "", "a-b", "1"]
)
def test_a_kind_has_a_section_of_its_own(section):
    with pytest.raises(ValueError, match="no kind may have the section"):
        Kind(section, DeviceSettings)


def test_named_devices_have_device_settings_and_single_settings_need_not():
    with pytest.raises(TypeError, match="settings must be a DeviceSettings"):
        Kind("system", Model)
    assert Kind("system", Model, many=False).settings is Model


def test_the_sections_of_our_own_kinds_are_those_of_our_entry_points():
    points = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"][GROUP]
    assert sorted(points) == sorted(OWN)


def test_a_kind_of_ours_that_is_missing_after_an_update_says_what_to_run(monkeypatch):
    stale = [point for point in entry_points(group=GROUP) if point.name != "log"]
    monkeypatch.setattr("daqpv.config.kind.entry_points", lambda group: stale)
    with pytest.raises(ConfigError, match=r"No kind for log\. .* run 'make install'"):
        installed_kinds()
