"""Kinds of third parties, really installed: whatever they do, the others are served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from daqpv.app import App
from daqpv.cli import main
from daqpv.cli.sim.simulate import copy_for, stage
from daqpv.config import installed_kinds, load
from daqpv.core import Event, Events, EventSeverity, Result, Severity, Status
from tests.support.distribution import GAUGE, importable, install
from tests.support.ports import free_port
from tests.support.serve import Raw
from tests.support.waiting import shows, soon

FILE = """\
experiment: e
prefix: "E:"
store: none
ecc: {CoBo0: {url: "http://127.0.0.1:1"}}
gauges: {A: {port: one}}
"""
PV = "E:Gauge:A:"
BUILD = "def build(name, settings, site):"
RETURN = "return gauge, GaugeGroup(prefix, gauge, desc=settings.desc)"
RUN = "await asyncio.get_running_loop().create_future()"
DATACLASS = "@dataclass(frozen=True, slots=True, kw_only=True)"
ZERO = 'with self.command("set zero"):'
LONG = "P" * 60
FAILS = "kind `gauges` of lab-gauge 0.1: build of 'A': "


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "e.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def install_gauge(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Install the gauge, with parts of its code replaced."""

    def install_with(*changes: tuple[str, str]) -> None:
        source = GAUGE
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        install(tmp_path, source)

    with importable(tmp_path):
        yield install_with


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def app(
    file: Path, heard: list[Event], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], App]:
    """Make the app of FILE on loopback, as `daqpv serve` does."""
    for variable in ("INTF_ADDR_LIST", "BEACON_ADDR_LIST"):
        monkeypatch.setenv(f"EPICS_CAS_{variable}", "127.0.0.1")
    monkeypatch.setenv("EPICS_CAS_AUTO_BEACON_ADDR_LIST", "NO")
    monkeypatch.setenv("EPICS_CAS_SERVER_PORT", str(free_port()))

    def make() -> App:
        installed = installed_kinds()
        experiment = load(file, installed.kinds, faults=installed.faults)
        events = Events()
        events.add(heard.append)
        return App(experiment, installed.kinds, events)

    return make


def check(file: Path) -> tuple[int, str]:
    """The exit code of ``daqpv check``, and what it prints on stderr."""
    result = CliRunner().invoke(main, ["check", str(file)], catch_exceptions=False)
    return result.exit_code, result.stderr


@asynccontextmanager
async def running(app: App) -> Any:
    ready = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(app.run(lambda _: ready.set()))
        await ready.wait()
        yield
        task.cancel()


def gauge(app: App) -> Any:
    return next(device for device in app.devices if device.name == "A")


def pv(app: App, signal: str) -> Any:
    return app.server.find(f"{PV}{signal}".encode())


def test_a_kind_in_one_file_that_imports_the_api_alone_passes_the_check(
    file: Path, install_gauge: Any
) -> None:
    install_gauge()
    assert check(file) == (0, "")


# -- at load and at build --------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (BUILD, f"{BUILD}\n    raise ValueError('no x')", f"{FAILS}ValueError: no x"),
        (BUILD, f"{BUILD}\n    {{}}['x']", f"{FAILS}KeyError: 'x' (lab_gauge.py:"),
        (BUILD, f"{BUILD}\n    raise SystemExit(5)", f"{FAILS}SystemExit: 5"),
        (BUILD, "def build():", f"{FAILS}TypeError: build() takes 0 positional"),
        (RETURN, "", f"{FAILS}it returns None; wanted is a device and its group"),
        (RETURN, "return gauge", f"{FAILS}it returns a Gauge; wanted is a device"),
        (RETURN, "return 1, 2, 3", f"{FAILS}it returns a tuple; wanted is a device"),
        (RETURN, "return 1, 2", f"{FAILS}it returns a int; wanted is a Device"),
        (RETURN, "return gauge, gauge", f"{FAILS}it returns a Gauge beside the device"),
        (
            RETURN,
            "class Other: snapshot = gauge.snapshot\n"
            "    return gauge, GaugeGroup(prefix, Other)",
            f"{FAILS}a GaugeGroup is the group of another device",
        ),
        (
            "gauge = Gauge(",
            "Gauge.__init__ = lambda *_, **__: None; gauge = Gauge(",
            f"{FAILS}AttributeError: 'Gauge' object has no attribute 'snapshot'",
        ),
        ("async def run(", "async def runs(", f"{FAILS}a Gauge has no `async def run("),
        ("async def run(", "def run(", "SyntaxError"),
        (DATACLASS, "", f"{FAILS}"),
        (f"{DATACLASS}\n", "@dataclass\n", "TypeError: cannot inherit non-frozen"),
        ('ai("Voltage"', 'ai("Pressure"', "E:Gauge:A:Pressure defined multiple times"),
        ('ai("Voltage"', f'ai("{LONG}"', "has more than 60 bytes"),
        ('ai("Voltage"', 'ai("Voltage", of="volts"', "'volts', which GaugeSnapshot"),
        ('"Gauge", name', '"ECC", "CoBo0"', "is served twice"),
        ("port: str", "port: int", "port: "),
        ("class GaugeSettings(DeviceSettings)", "class GaugeSettings", "settings must"),
        ("api=1", "api=2", "written for version 2 of daqpv.api"),
        (", api=1", "", "wanted is Kind(api=1, ...)"),
        ("import asyncio", "1 / 0", "ZeroDivisionError"),
    ],
)
def test_the_check_names_kind_distribution_and_reason(
    file: Path, install_gauge: Any, old: str, new: str, says: str
) -> None:
    install_gauge((old, new))
    code, told = check(file)
    assert code == 2
    assert "Traceback" not in told
    assert told.startswith(f"{file}:5: gauges")
    assert says in told
    if "port: " not in says:
        assert "kind `gauges` of lab-gauge 0.1: " in told


def test_settings_whose_code_fails_are_named(file: Path, install_gauge: Any) -> None:
    conflicts = "    @classmethod\n    def conflicts(cls, devices): raise KeyError('x')"
    install_gauge(("    port: str", f"    port: str\n\n{conflicts}"))
    code, told = check(file)
    assert (code, told.splitlines()) == (
        2,
        [
            f"{file}:5: gauges: kind `gauges` of lab-gauge 0.1: its settings: "
            "KeyError: 'x' (lab_gauge.py:20 conflicts)"
        ],
    )


def test_a_build_that_never_ends_is_interrupted_and_named_with_the_line(
    file: Path, install_gauge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.core.plugins.LONGEST", 0.3)
    install_gauge((BUILD, f"{BUILD}\n    while True: pass"))
    code, told = check(file)
    assert code == 2
    assert f"{FAILS}has not ended in 0.3 s (lab_gauge.py:" in told


@pytest.mark.parametrize("change", [(BUILD, f"{BUILD}\n    1 / 0"), ("import a", "1a")])
def test_everybody_else_is_served_and_an_event_says_who_is_not(
    app: Callable[[], App],
    install_gauge: Any,
    heard: list[Event],
    change: tuple[str, str],
) -> None:
    install_gauge(change)
    made = app()
    assert "CoBo0" in [device.name for device in made.devices]
    assert made.server.find(b"E:ECC:CoBo0:State") is not None
    assert pv(made, "Pressure") is None
    (event,) = [event for event in heard if event.name == "kind refused"]
    assert event.severity is EventSeverity.ERROR
    assert "kind `gauges` of lab-gauge 0.1: " in event.text


SIMULATE = """
class Simulator:
    title = "a gauge"
    async def run(self, ready): ready()
    def places(self): return {"A": "at port two"}
    def changes(self): return {("A", "port"): "two"}

def simulate(settings, stage):
    return Simulator()

KIND = Kind("gauges", GaugeSettings, api=1, build=build, simulate=simulate)
"""


def test_a_kind_simulates_its_devices_with_all_others(
    file: Path, tmp_path: Path, install_gauge: Any
) -> None:
    install_gauge(("KIND = Kind(", f"{SIMULATE}\nKIND_BEFORE = Kind("))
    installed = installed_kinds()
    assert not installed.faults
    kinds, experiment = installed.kinds, load(file, installed.kinds)
    parts = stage(experiment, kinds, folder=tmp_path, speed=1.0)
    assert sorted(parts) == ["ecc", "gauges", "routers"]
    copy_for({"gauges": parts["gauges"]}, file, tmp_path / "copy.yaml")
    copied: Any = load(tmp_path / "copy.yaml", kinds).sections["gauges"]["A"]
    assert copied.port == "two"


def test_simulators_whose_code_fails_are_named(
    file: Path, tmp_path: Path, install_gauge: Any
) -> None:
    fails = SIMULATE.replace("return Simulator()", "1 / 0")
    install_gauge(("KIND = Kind(", f"{fails}\nKIND_BEFORE = Kind("))
    arguments = ["simulate", str(file), "--local", str(tmp_path / "copy.yaml")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "kind `gauges` of lab-gauge 0.1: simulate: ZeroDivisionError: "
    )


COMMANDS = """
import click

@click.command()
def ping():
    click.echo("pong")

KIND = Kind(
    "gauges",
    GaugeSettings,
    api=1,
    build=build,
    commands={"ping": "lab_gauge:ping", "odd": "lab_gauge:build", "no": "nowhere:x"},
)
"""


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("ping", 0, "pong"),
        ("odd", 2, "command 'odd': it is a function, not a click command"),
        ("no", 2, "command 'no': ModuleNotFoundError: No module named 'nowhere'"),
        ("pinf", 2, "No such command 'pinf'"),
    ],
)
def test_a_kind_brings_commands(
    install_gauge: Any, name: str, code: int, says: str
) -> None:
    install_gauge(("KIND = Kind(", f"{COMMANDS}\nKIND_BEFORE = Kind("))
    result = CliRunner().invoke(main, [name])
    assert (result.exit_code, says in result.output) == (code, True)


# -- while it runs ---------------------------------------------------------------------


async def test_a_field_that_was_never_seen_is_undefined(
    app: Callable[[], App], install_gauge: Any
) -> None:
    install_gauge()
    made = app()
    async with running(made):
        await shows(gauge(made), lambda now: now.pressure == 3.5)
        assert (pv(made, "Pressure").value, pv(made, "Pressure").alarm[0]) == (3.5, 0)
        voltage = pv(made, "Voltage").alarm
        assert (voltage.severity, voltage.status) == (Severity.INVALID, Status.UDF)


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("return", "its run() has ended"),
        ("raise KeyError('x')", "KeyError: 'x' (lab_gauge.py:"),
        ("raise SystemExit(3)", "SystemExit: 3 (lab_gauge.py:"),
        ("raise asyncio.CancelledError", "CancelledError (lab_gauge.py:"),
    ],
)
async def test_a_run_that_ends_is_named_invalid_and_started_again(
    app: Callable[[], App],
    install_gauge: Any,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    says: str,
) -> None:
    monkeypatch.setattr("daqpv.app.tending.RESTART_DELAY", 0.01)
    install_gauge((RUN, f"self.runs = getattr(self, 'runs', 0) + 1; {end}"))
    made = app()
    async with running(made):
        await shows(gauge(made), lambda now: says in now.message)
        message = gauge(made).snapshot.message
        assert message.startswith("Internal error of kind `gauges` of lab-gauge 0.1: ")
        assert pv(made, "Pressure").alarm.severity is Severity.INVALID
        assert pv(made, "Condition").alarm.severity is Severity.MAJOR
        assert pv(made, "Online").value == 0
        await shows(gauge(made), lambda now: gauge(made).runs > 2)


def delay(message: str) -> float:
    return float(message.rpartition(" in ")[2].removesuffix(" s") or 0)


async def test_each_restart_waits_twice_as_long(
    app: Callable[[], App], install_gauge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.app.tending.RESTART_DELAY", 0.01)
    install_gauge((RUN, "return"))
    made = app()
    async with running(made):
        await shows(gauge(made), lambda now: delay(now.message) >= 0.08)


async def test_what_blocks_the_loop_is_named_with_its_distribution(
    app: Callable[[], App], install_gauge: Any, heard: list[Event]
) -> None:
    sleeps = "import time; await asyncio.sleep(0.2); time.sleep(0.3)"
    install_gauge((RUN, f"{sleeps}; self.slept = True; {RUN}"))
    made = app()
    async with running(made):
        blocks = await soon(
            lambda: [one for one in heard if one.name == "loop blocked"], "an event"
        )
    assert "run of kind `gauges` of lab-gauge 0.1 (task A)" in blocks[0].text


@pytest.mark.parametrize("how", ["raise KeyError('x')", "return 5"])
async def test_an_alarm_that_fails_makes_its_pv_invalid_and_no_other(
    app: Callable[[], App], install_gauge: Any, how: str
) -> None:
    alarm = f"    def alarm(self, field):\n        if field == 'pressure': {how}"
    rest = "        return DeviceSnapshot.alarm(self, field)"
    voltage = "    voltage: float | None = None"
    install_gauge((voltage, f"{voltage}\n\n{alarm}\n{rest}"))
    made = app()
    async with running(made):
        await shows(gauge(made), lambda now: now.pressure == 3.5)
        pressure = pv(made, "Pressure").alarm
        assert (pressure.severity, pressure.status) == (Severity.INVALID, Status.SOFT)
        assert pv(made, "Online").alarm.severity is Severity.NO_ALARM


@pytest.mark.parametrize("by_slot", [True, False])
@pytest.mark.parametrize(
    ("error", "result"),
    [
        ("KeyError('x')", Result.FAILED),
        ("SystemExit(3)", Result.FAILED),
        ("asyncio.CancelledError", None),
    ],
)
async def test_a_command_that_raises_anything_has_failed_with_last_error(
    app: Callable[[], App],
    install_gauge: Any,
    error: str,
    result: Result | None,
    *,
    by_slot: bool,
) -> None:
    fails = f"raise {error}\n        if 0:"
    slot = f"{ZERO}\n            {fails.replace('if 0:', '')}"
    install_gauge((ZERO, f"{slot}\n        if 0:" if by_slot else fails))
    made = app()
    async with running(made):
        await shows(gauge(made), lambda now: now.pressure == 3.5)
        client = await Raw.connect(made.server.tcp_port)
        sid = (await client.create(f"{PV}Zero")).p2
        assert await client.put(sid, 3, b"\0\1") != 1
        await client.close()
        now = gauge(made).snapshot
        assert now.pressure == 3.5
        assert now.last_error
        assert result in (None, now.result)
        assert error.partition("(")[0] in now.last_error or result is None
        assert pv(made, "Zero").value == 0
