from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from daqpv.config import DeviceSettings, Kind, Model, installed_kinds, load
from daqpv.config.installed import GROUP, OWN
from daqpv.errors import ConfigError
from tests.support.plant import Write

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
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


GOOD = """
from daqpv.config import DeviceSettings, Kind

class WeatherSettings(DeviceSettings):
    station: str

KIND = Kind("weather", WeatherSettings, api=1, build=lambda *_: None)
"""


@pytest.fixture
def fault(install: Callable[..., None]) -> Callable[[str], str]:
    """Install a kind `bad`, and give the reason why it cannot be used."""

    def fault(text: str) -> str:
        install("bad-pv", "bad = daqpv_test_plugin_b:KIND", daqpv_test_plugin_b=text)
        return installed_kinds().faults["bad"]

    return fault


UNKNOWN = """
from daqpv.config import DeviceSettings, Kind

class Station:
    pass

class WeatherSettings(DeviceSettings):
    station: Station

KIND = Kind("bad", WeatherSettings, api=1, build=lambda *_: None)
"""


def test_a_kind_whose_settings_cannot_be_built_says_so_at_the_start(
    fault: Callable[[str], str],
) -> None:
    reason = fault(UNKNOWN)
    assert "kind `bad` of bad-pv 1.2" in reason
    assert "Station" in reason


def test_a_kind_of_another_distribution_is_found_and_loads_its_section(
    install: Callable[..., None], write: Write
) -> None:
    install(
        "weather-pv",
        "weather = daqpv_test_plugin_a:KIND",
        daqpv_test_plugin_a=GOOD,
    )
    kinds = installed_kinds().kinds
    assert [kind.section for kind in kinds] == sorted(kind.section for kind in kinds)
    assert {kind.section: kind.distribution for kind in kinds}["ecc"] == ""
    path = write("experiment: e\nprefix: 'A:'\nweather: {roof: {station: north}}\n")
    assert (
        load(path, kinds).sections["weather"]["roof"].model_dump()["station"] == "north"
    )
    weather = next(kind for kind in kinds if kind.section == "weather")
    assert str(weather) == "kind `weather` of weather-pv 1.2"


KIND = "from daqpv.config import DeviceSettings, Kind, Model\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named"),
        ("1 / 0", "ZeroDivisionError: division by zero (daqpv_test_plugin_b.py:1 "),
        ("raise SystemExit(3)", "SystemExit: 3 "),
        ("class Odd(BaseException): pass\nraise Odd", "Odd (daqpv_test_plugin_b.py:2 "),
        ("KIND = ", "SyntaxError: "),
        ("", "AttributeError: "),
        ("KIND = 5", "it is a int, not a Kind"),
        (f"{KIND}KIND = Kind('bad', Model, api=1)", "must be a DeviceSettings"),
        (f"{KIND}KIND = Kind('bad', 5, api=1)", "must be a DeviceSettings"),
        (f"{KIND}KIND = Kind('server', DeviceSettings)", "have the section 'server'"),
        (f"{KIND}KIND = Kind('good', DeviceSettings)", "its section is 'good'"),
        (f"{KIND}KIND = Kind('bad', DeviceSettings)", "wanted is Kind(api=1, ...)"),
        (f"{KIND}KIND = Kind('bad', DeviceSettings, api='1')", "Kind(api=1, ...)"),
        (f"{KIND}KIND = Kind('bad', DeviceSettings, api=2)", "update daqpv"),
        (f"{KIND}KIND = Kind('bad', DeviceSettings, api=1, build=5)", "build is a int"),
    ],
)
def test_a_kind_that_cannot_be_used_is_named_with_its_distribution(
    fault: Callable[[str], str], text: str, reason: str
) -> None:
    said = fault(text)
    assert said.startswith("kind `bad` of bad-pv 1.2: ")
    assert reason in said
    assert said.endswith(". Repair or uninstall it")


def test_a_kind_whose_import_never_ends_is_named_with_the_line(
    fault: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.core.plugins.LONGEST", 0.05)
    said = fault("import time\ntime.sleep(600)")
    assert "has not ended in 0.05 s (daqpv_test_plugin_b.py:2 " in said


def test_two_kinds_with_one_section_are_refused_naming_both(
    install: Callable[..., None],
) -> None:
    install("one-pv", "weather = daqpv_test_plugin_d:KIND", daqpv_test_plugin_d=GOOD)
    install("two-pv", "weather = daqpv_test_plugin_e:KIND", daqpv_test_plugin_e=GOOD)
    assert installed_kinds().faults["weather"] == (
        "one-pv 1.2 and two-pv 1.2 both serve the section 'weather': uninstall one"
    )


def test_the_section_of_a_kind_that_cannot_be_used_is_left_out(write: Write) -> None:
    path = write("""
        experiment: e
        prefix: 'A:'
        defaults: {weather: {colour: red}}
        weather: {roof: {station: north}}
        """)
    kinds = installed_kinds().kinds
    loaded = load(path, kinds, faults={"weather": "broken", "sky": "broken, too"})
    assert "weather" not in loaded.sections
    assert [(fault.line, fault.text) for fault in loaded.faults] == [
        (5, "broken"),
        (0, "broken, too"),
    ]


@pytest.mark.parametrize(
    "section", ["server", "defaults", "Ecc", "a b", "", "a-b", "1"]
)
def test_a_kind_has_a_section_of_its_own(section: str) -> None:
    with pytest.raises(ValueError, match="no kind may have the section"):
        Kind(section, DeviceSettings)


def test_named_devices_have_device_settings_and_single_settings_need_not() -> None:
    with pytest.raises(TypeError, match="settings must be a DeviceSettings"):
        Kind("system", Model)
    assert Kind("system", Model, many=False).settings is Model


def test_the_sections_of_our_own_kinds_are_those_of_our_entry_points() -> None:
    points = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"][GROUP]
    assert sorted(points) == sorted(OWN)


def test_a_kind_of_ours_that_is_missing_after_an_update_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stale = [point for point in entry_points(group=GROUP) if point.name != "log"]
    monkeypatch.setattr("daqpv.config.installed.entry_points", lambda group: stale)
    with pytest.raises(ConfigError, match=r"No kind for log\. .* run 'make install'"):
        installed_kinds()
