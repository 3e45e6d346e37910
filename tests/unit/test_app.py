"""The process as a whole: kinds are built, followed and served; each fails alone."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from daqpv.app import App
from daqpv.config import AnyKind, ConfigProblems, DeviceSettings, Kind, load
from daqpv.core import Condition, Device, DeviceSnapshot, Event, Events
from daqpv.errors import AlreadyServedError, ConfigError, ServeError
from daqpv.iocs.device import DeviceGroup
from daqpv.serve import longin
from tests.support.ports import free_port
from tests.support.waiting import shows

TIMEOUT = 20.0  # [s] for whatever a busy machine may take


# -- a kind ----------------------------------------------------------------------------


class PumpSettings(DeviceSettings):
    """A pump has nothing of its own to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PumpSnapshot(DeviceSnapshot):
    runs: int = 0


class Pump(Device[PumpSnapshot]):
    """Counts how often it was begun, and does what it is given to do."""

    work: Callable[[Pump], Any] | None = None

    async def run(self) -> None:
        runs = self.snapshot.runs + 1
        self.change(
            replace(
                self.snapshot,
                known=True,
                online=True,
                condition=Condition.OK,
                runs=runs,
            )
        )
        if self.work is not None:
            self.work(self)
        await asyncio.get_running_loop().create_future()


class PumpGroup(DeviceGroup[Pump]):
    runs = longin("Runs", doc="How often it was begun")


def kind(section: str = "pumps", prefix: str = "Pump") -> AnyKind:
    def build(name: str, settings: PumpSettings, site: Any) -> tuple[Pump, PumpGroup]:
        pump = Pump(name, PumpSnapshot(), events=site.events)
        return pump, PumpGroup(site.prefix_of(prefix, name), pump)

    return Kind(section=section, settings=PumpSettings, build=build)


HEAD = 'experiment: e\nprefix: "E:"\n'
TWO = f"{HEAD}pumps: {{A: {{}}, B: {{}}}}\n"


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> int:
    """A server of this test is on loopback, on a port of its own."""
    port = free_port()
    for variable in ("INTF_ADDR_LIST", "BEACON_ADDR_LIST"):
        monkeypatch.setenv(f"EPICS_CAS_{variable}", "127.0.0.1")
    monkeypatch.setenv("EPICS_CAS_AUTO_BEACON_ADDR_LIST", "NO")
    monkeypatch.setenv("EPICS_CAS_SERVER_PORT", str(port))
    return port


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., App]:
    def make_app(text: str, *kinds: AnyKind, **more: Any) -> App:
        file = tmp_path / "e.yaml"
        file.write_text(text)
        kinds = kinds or (kind(),)
        return App(load(file, kinds), kinds, Events(), **more)

    return make_app


@asynccontextmanager
async def running(app: App) -> Any:
    """Run an app while the body runs, from when it is ready."""
    ready = asyncio.Event()
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(app.run(lambda _: ready.set()))
        await ready.wait()
        yield
        task.cancel()


def named(app: App, name: str) -> Any:
    return next(device for device in app.devices if device.name == name)


def value(app: App, name: str) -> Any:
    """What a client gets of a PV."""
    channel: Any = app.server.find(name.encode())
    return channel.value


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What is logged; not that somebody has taken the server's TCP port meanwhile."""
    return [one for one in caplog.records if one.name != "daqpv.serve.server"]


# -- failures --------------------------------------------------------------------------


async def test_a_device_whose_code_fails_is_begun_anew(
    make: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.app.tending.RESTART_DELAY", 0.01)
    app = make(TWO)

    def fail_twice(pump: Pump) -> None:
        if pump.snapshot.runs < 3:
            raise RuntimeError("a bug")

    named(app, "A").work = fail_twice
    async with running(app):
        await shows(named(app, "A"), lambda now: now.runs == 3)
        assert value(app, "E:Pump:A:Runs") == 3
        assert value(app, "E:Pump:B:Runs") == 1


async def test_a_device_whose_code_failed_says_so_until_then(
    make: Callable[..., App], caplog: pytest.LogCaptureFixture
) -> None:
    app = make(TWO)

    def fail(pump: Pump) -> None:
        raise RuntimeError("a bug")

    named(app, "A").work = fail
    async with running(app):
        await shows(named(app, "A"), lambda now: now.condition is Condition.ERROR)
        assert "RuntimeError: a bug (test_app.py:" in named(app, "A").snapshot.message
        assert named(app, "B").snapshot.condition is Condition.OK
    (record,) = told(caplog)
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "a bug"


async def test_a_watcher_that_fails_is_dropped_alone(
    make: Callable[..., App], caplog: pytest.LogCaptureFixture
) -> None:
    app = make(TWO)
    pump, shown = named(app, "A"), []

    def watch_badly(snapshot: Any, changed: Any) -> None:
        shown.append(snapshot.runs)
        if snapshot.runs:
            raise RuntimeError("a bug")

    pump.watch(watch_badly)
    async with running(app):
        await shows(pump, lambda now: now.runs == 1)
        pump.change(replace(pump.snapshot, runs=2))
        assert value(app, "E:Pump:A:Runs") == 2
    assert shown == [0, 1]
    assert [record.levelno for record in told(caplog)] == [logging.ERROR]


async def test_a_sink_of_events_that_fails_stops_nobody(
    make: Callable[..., App], caplog: pytest.LogCaptureFixture
) -> None:
    app = make(TWO)
    seen: list[Event] = []

    def fail(event: Event) -> None:
        raise RuntimeError("a bug")

    pump = named(app, "A")
    pump._events.add(fail)
    pump._events.add(seen.append)
    async with running(app):
        await pump.enable(False)
    assert [event.text for event in seen][-1].startswith("Disable: done")
    failures = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [str(failure) for failure in failures] == ["a bug"] * len(seen)


async def test_a_server_that_cannot_start_ends_everything(
    make: Callable[..., App], loopback: int
) -> None:
    app = make(TWO)
    with (
        socket.socket(type=socket.SOCK_DGRAM) as foreign,
        pytest.RaisesGroup(pytest.RaisesExc(ServeError, match="UDP port")),
    ):
        foreign.bind(("127.0.0.1", loopback))
        await app.run(lambda _: None)


# -- doubles ---------------------------------------------------------------------------


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes do not search before they listen: all begin at the same time."""
    monkeypatch.setattr("daqpv.app.app.SEARCHES", 0)
    monkeypatch.setattr("daqpv.app.app.YOUNG", (0.1, 0.2))


def begin(app: App) -> asyncio.Task[None]:
    return asyncio.create_task(app.run(lambda _: None))


async def why(task: asyncio.Task[None]) -> str:
    """Why a process ends by itself."""
    await asyncio.wait([task], timeout=TIMEOUT)
    error: Any = task.exception()
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, AlreadyServedError)
    return str(error)


async def stays(task: asyncio.Task[None]) -> bool:
    """Whether a process is still there when it looks for others no more; end it."""
    await asyncio.wait([task], timeout=1.5)
    if task.done():
        return False
    task.cancel()
    await asyncio.wait([task])
    return True


@pytest.mark.parametrize("count", [2, 5])
async def test_of_several_that_begin_at_once_exactly_one_stays(
    make: Callable[..., App], blind: None, count: int
) -> None:
    apps = [make(TWO, name=f"p{n}") for n in range(count)]
    pending = {begin(app) for app in apps}
    while len(pending) > 1:
        ended, pending = await asyncio.wait(
            pending, timeout=TIMEOUT, return_when=asyncio.FIRST_COMPLETED
        )
        for task in ended:
            assert "E:Pump:A:Online is already served by" in await why(task)
    assert await stays(pending.pop())


async def test_who_has_served_for_longer_is_not_ended(
    make: Callable[..., App], blind: None
) -> None:
    elder = make(TWO)
    async with running(elder):
        port = elder.server.tcp_port
        text = await why(begin(make(TWO, name="younger")))
        assert f"already served by 127.0.0.1:{port}. End that process" in text


async def test_before_a_server_of_another_make_a_process_goes_in_any_case(
    make: Callable[..., App], blind: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never will."""
    monkeypatch.setattr("daqpv.serve.ca.duplicates.SINCE", b".NOBODY_HAS_THIS")
    app, foreign = make(TWO), make(TWO)
    task = begin(app)
    serving = asyncio.create_task(foreign.server.run())
    assert "already served" in await why(task)
    assert await stays(serving)


async def test_processes_with_devices_of_their_own_do_not_mind_each_other(
    make: Callable[..., App], blind: None
) -> None:
    tasks = [begin(make(TWO, name=f"p{n}", only=[f"pumps.{n}"])) for n in "AB"]
    assert await asyncio.gather(*map(stays, tasks)) == [True, True]


# -- names -----------------------------------------------------------------------------


def problems(make: Callable[..., App], text: str, *kinds: AnyKind) -> list[str]:
    with pytest.raises(ConfigProblems) as raised:
        make(text, *kinds)
    return [
        f"{p.line}: {p.key}: {p.text.partition(':')[0]}" for p in raised.value.problems
    ]


def test_a_pv_name_that_two_kinds_serve_is_a_problem_at_its_device(
    make: Callable[..., App],
) -> None:
    text = f"{HEAD}pumps: {{A: {{}}}}\nfans:\n  A: {{}}\n  B: {{}}\n"
    assert problems(make, text, kind(), kind("fans")) == [
        "5: fans.A: the PV E"  # then: Pump:A:Online is served twice
    ]


def test_every_name_that_is_too_long_is_a_problem_at_its_device(
    make: Callable[..., App],
) -> None:
    long = f"a{'b' * 22}"
    text = f"experiment: e\nprefix: '{'P' * 29}:'\npumps:\n  {long}1: {{}}\n"
    assert problems(make, f"{text}  short: {{}}\n  {long}2: {{}}\n") == [
        f"4: pumps.{long}1: the PV name {'P' * 29}",
        f"6: pumps.{long}2: the PV name {'P' * 29}",
    ]


@pytest.mark.parametrize("name", ["", "a b", "1", "a" * 25, "a:b", "ä"])
def test_a_process_has_a_name_that_is_good_in_a_pv(
    make: Callable[..., App], name: str
) -> None:
    with pytest.raises(ConfigError, match="it becomes part of PV names"):
        make(TWO, name=name)


def test_a_process_whose_name_is_too_long_for_a_pv_is_refused(
    make: Callable[..., App],
) -> None:
    text = f"experiment: e\nprefix: '{'P' * 29}:'\n"
    with pytest.raises(ConfigError, match=r"^--name a+: the PV name P+:IOC:a+:"):
        make(text, name="a" * 24)


# -- what is served --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "served"),
    [
        ((), ["A", "B", "C", "main"]),
        (("pumps",), ["A", "B", "main"]),
        (("pumps.B",), ["B", "main"]),
        (("fans", "pumps.A"), ["C", "A", "main"]),
        (("pumps", "pumps.A"), ["A", "B", "main"]),
    ],
)
def test_sections_and_devices_can_be_served_alone(
    make: Callable[..., App], only: tuple[str, ...], served: list[str]
) -> None:
    app = make(f"{TWO}fans: {{C: {{}}}}\n", kind(), kind("fans", "Fan"), only=only)
    assert [device.name for device in app.devices] == served


@pytest.mark.parametrize(
    ("wish", "meant"),
    [
        ("pumps.a", ", did you mean 'pumps.A'?"),
        ("pumps.AA", ", did you mean 'pumps.A'?"),
        ("pump", ", did you mean 'pumps'?"),
        ("PUMPS", ", did you mean 'pumps'?"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_a_wish_for_what_is_not_there_is_refused(
    make: Callable[..., App], wish: str, meant: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        make(TWO, only=(wish,))
    assert str(raised.value) == f"--only {wish}: no such device or section{meant}"


def test_the_table_of_pvs_has_the_order_of_the_file(make: Callable[..., App]) -> None:
    devices = [info.device for info in make(TWO).infos()]
    assert list(dict.fromkeys(devices)) == ["A", "B", "main"]


async def test_the_process_shows_its_figures(make: Callable[..., App]) -> None:
    app = make(TWO)
    async with running(app):
        await shows(named(app, "main"), lambda now: now.heartbeat == 1)
        assert value(app, "E:IOC:main:RECORD_CNT") == len(app.infos())
        assert value(app, "E:IOC:main:CA_CLNT_CNT") == 0
