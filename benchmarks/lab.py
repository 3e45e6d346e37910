"""Runs an experiment on loopback: simulators, daqpv, and libca in this process.

Simulators and daqpv are processes of their own. libca reads EPICS_* once per process,
so all experiments of a process use one CA port, one after the other, each with its own
prefix.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psutil

from tests.support.ports import free_port

T = TypeVar("T")

DEADLINE = 30.0  # [s] for any wait on a busy machine
START = 120.0  # [s] for the start of a process on a busy machine


_port, _repeater_port = str(free_port()), str(free_port())
if "EPICS_CA_REPEATER_PORT" not in os.environ:  # libca's own would outlive us
    os.environ["EPICS_CA_REPEATER_PORT"] = _repeater_port
    _script = "from daqpv.links.ca.repeater import main; main()"
    atexit.register(subprocess.Popen([sys.executable, "-c", _script]).terminate)
os.environ |= {
    "EPICS_CA_ADDR_LIST": f"127.0.0.1:{_port}",
    "EPICS_CA_AUTO_ADDR_LIST": "NO",
    "EPICS_CAS_SERVER_PORT": _port,
    "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
    "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
    "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
}
for _name in ("EPICS_CA_SERVER_PORT", "EPICS_CA_NAME_SERVERS"):
    os.environ.pop(_name, None)

from daqpv.errors import NotConnectedError  # noqa: E402 - after the environment
from daqpv.links.ca import pv  # noqa: E402

from epics import ca  # noqa: E402 # isort: skip


def until(
    condition: Callable[[], T | None], what: str, *, within: float = DEADLINE
) -> T:
    """Wait until `condition()` is true, and return it.

    Raises:
        TimeoutError: not `within` [s].
    """
    end = time.monotonic() + within
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.01)
    raise TimeoutError(f"not within {within:g} s: {what}")


def reads(name: str, text: str) -> bool:
    """Whether a PV is connected and reads `text`."""
    try:
        return pv.get(name) == text
    except NotConnectedError:  # 500 devices that begin at once keep a server busy
        return False


def door(url: str, path: str, method: str, **body: Any) -> Any:
    """Ask the control door of the simulator at `url`."""
    request = urllib.request.Request(
        f"{url}sim{path}",
        method=method,
        data=json.dumps(body).encode() if body else None,
    )
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        text = answer.read()
    return json.loads(text) if text else None


SERVE = ("-m", "daqpv", "serve")
SIMULATE = ("-m", "daqpv", "simulate")


class Running:
    """A Python process that has printed its ready line."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        what = f"{' '.join(arguments)} to be ready"
        until(self._is_ready, what, within=START)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            self._lines.extend(iter(stdout.readline, ""))

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"ended before it was ready: {''.join(self._lines)}")
        return any(line.startswith("ready:") for line in tuple(self._lines))

    def end(self) -> None:
        """End it by SIGTERM, and wait."""
        self.process.terminate()
        self.process.wait(DEADLINE)

    def kill(self) -> None:
        """End it at once: the kernel closes its sockets."""
        self.process.kill()
        self.process.wait(DEADLINE)


class Lab:
    """An experiment of simulated ECC servers; use it as a context manager.

    Args:
        cobos: how many servers of the role cobo.
        mutant: whether there is a MuTAnT beside them.
        speed: of the simulators.
        serve: arguments of Python, before the name of the file.

    Attributes:
        port: of the searches.
        prefix: of all PVs.
        names: of the ECC servers.
        simulators: the process that simulates all of them.
        server: the process that serves the PVs.
    """

    port = int(_port)

    def __init__(
        self,
        *,
        cobos: int = 1,
        mutant: bool = False,
        speed: float = 1000.0,
        serve: Sequence[str] = SERVE,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.prefix = f"B{secrets.token_hex(3)}:"
        self.names = (*(f"CoBo{n}" for n in range(cobos)), *["MuTAnT"] * mutant)
        ports = [free_port() for _ in self.names]
        self._urls = {
            name: f"http://127.0.0.1:{port}/"
            for name, port in zip(self.names, ports, strict=True)
        }
        self._speed = str(speed)
        self._serve = serve

    def __enter__(self) -> Self:
        file = Path(self._folder.name, "lab.yaml")
        file.write_text(self._text())
        self.simulate()
        self.server = Running(*self._serve, file.name, cwd=file.parent)
        for name in self.names:
            self.until(name, "Online", "Online")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.end()
        self.simulators.end()
        self._folder.cleanup()

    def simulate(self) -> None:
        """Start the process that simulates all servers."""
        arguments = (*SIMULATE, "lab.yaml", "--speed", self._speed)
        self.simulators = Running(*arguments, cwd=Path(self._folder.name))

    def _text(self) -> str:
        servers = "".join(
            f"  {name}: {{url: '{url}', config: exp/exp/exp, role: mutant}}\n"
            if name == "MuTAnT"
            else f"  {name}: {{url: '{url}', config: {name.lower()}/exp/exp,"
            f" links: [{{sender: 'CoBo[{n}]', router: data}}]}}\n"
            for n, (name, url) in enumerate(self._urls.items())
        )
        return (
            f"experiment: exp\nprefix: '{self.prefix}'\necc:\n{servers}"
            "routers:\n  data: {address: 127.0.0.1}\n"
        )

    def pv(self, name: str, signal: str) -> str:
        """The name of a PV of the server `name`."""
        return f"{self.prefix}ECC:{name}:{signal}"

    def put(self, name: str, signal: str, text: str) -> None:
        """Put, and wait for the end."""
        pv.put(self.pv(name, signal), text, timeout=DEADLINE)

    def until(self, name: str, signal: str, text: str) -> None:
        """Wait until a PV reads `text`."""
        pvname = self.pv(name, signal)
        until(lambda: reads(pvname, text), f"{pvname} == {text}")

    def put_system(self, signal: str, text: str) -> None:
        """Put to the system, and wait for the end."""
        pv.put(f"{self.prefix}Sys:{signal}", text, timeout=DEADLINE)

    def ask(self, name: str, path: str = "", method: str = "GET", **body: Any) -> Any:
        """Ask the control door of a simulator."""
        return door(self._urls[name], path, method, **body)

    def polls(self) -> dict[str, int]:
        """How many GetState each server has got."""
        return {n: self.ask(n)["counts"].get("GetState", 0) for n in self.names}

    @property
    def cpu(self) -> float:
        """CPU time that the serving process has used, user and system [s]."""
        used = psutil.Process(self.server.process.pid).cpu_times()
        return float(used.user + used.system)

    @property
    def memory(self) -> float:
        """Resident memory of the serving process [MB]."""
        return float(psutil.Process(self.server.process.pid).memory_info().rss / 1e6)


class Watched:
    """The events that a client gets of one PV, with their arrival times.

    Attributes:
        events: arrival (UTC [s since 1970]) and the event as pyepics gives it.
    """

    def __init__(self, name: str) -> None:
        self.events: list[tuple[float, dict[str, Any]]] = []
        chid = ca.create_channel(name)
        if not ca.connect_channel(chid, timeout=DEADLINE):
            raise TimeoutError(f"{name} does not connect")
        self._subscription = ca.create_subscription(
            chid, use_time=True, callback=self._add
        )
        until(lambda: self.events, f"the first event of {name}")

    def _add(self, **event: Any) -> None:
        self.events.append((time.time(), event))

    def first(
        self, condition: Callable[[dict[str, Any]], bool], *, after: float, what: str
    ) -> float:
        """Wait for the first event that fulfils `condition`; return its arrival."""

        def found() -> float | None:
            fitting = (
                arrival
                for arrival, event in tuple(self.events)
                if arrival > after and condition(event)
            )
            return next(fitting, None)

        return until(found, what)
