"""Real processes: daqpv serve, daqpv simulate, and libca (pyepics) as the client.

libca reads EPICS_* once per process, so all servers of one test session answer on one
CA port, one after the other; a server that serves a whole module has a second port, one
that serves a whole session a third. Loopback's broadcast address reaches several
processes at once. Each experiment has a prefix of its own.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port

CA_PORT, SHARED_PORT, SESSION_PORT, REPEATER_PORT = (free_port() for _ in range(4))
os.environ |= {
    "EPICS_CA_ADDR_LIST": " ".join(
        f"{address}:{port}"
        for address, port in (
            ("127.255.255.255", CA_PORT),  # several processes share it
            ("127.0.0.1", SHARED_PORT),
            ("127.255.255.255", SESSION_PORT),
        )
    ),
    "EPICS_CA_AUTO_ADDR_LIST": "NO",
    "EPICS_CA_REPEATER_PORT": str(REPEATER_PORT),
    "EPICS_CAS_SERVER_PORT": str(CA_PORT),
    "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
    "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
    "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
}
for name in ("EPICS_CA_SERVER_PORT", "EPICS_CA_NAME_SERVERS"):
    os.environ.pop(name, None)

import epics  # noqa: E402 - after the environment

from daqpv.links.ca import pv as links_pv  # noqa: E402
from tests.support import forks  # noqa: E402
from tests.support.leftovers import STAYING  # noqa: E402
from tests.support.waiting import DEADLINE, until  # noqa: E402

DAQPV = (sys.executable, "-m", "daqpv")


class Running:
    """A daqpv process, and the lines that it printed.

    Args:
        arguments: of daqpv.
        cwd: where it runs.
        program: what runs it.
        popen: how it is started: the test of a start takes ``subprocess.Popen``.
        environ: variables beside those of the tests.
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        program: Sequence[str] = DAQPV,
        popen: type[subprocess.Popen[Any]] = forks.Process,
        **environ: str,
    ) -> None:
        self.process = popen(
            [*program, *arguments],
            cwd=cwd,
            env=os.environ | environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def ready(self, word: str = "ready:") -> str:
        """Wait for the line that begins with `word`."""

        def line() -> str | None:
            if self.process.poll() is not None:
                pytest.fail(f"ended with {self.process.returncode}:\n{self.text}")
            return next((line for line in self.lines if line.startswith(word)), None)

        return str(until(line, f"a line {word!r}"))

    def wait(self, timeout: float = DEADLINE) -> int:
        """Wait for the end; return the exit code."""
        code = self.process.wait(timeout)
        self._reader.join(timeout)
        return code

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, if it still runs, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()


class Monitor:
    """All events of one PV since it was opened."""

    def __init__(self, name: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._at = 0
        self.pv = epics.PV(name, callback=self._add, auto_monitor=True, form="time")
        until(self._has_begun, f"{name} to connect")
        self._labels = links_pv.labels(name)

    def _add(self, **event: Any) -> None:
        self.events.append(event)

    def _has_begun(self) -> bool:
        # pyepics subscribes in a thread of libca's, that sends nothing: a poll does
        epics.ca.poll()
        return bool(self.events)

    def _text(self, event: dict[str, Any]) -> str:
        if self._labels:
            return str(self._labels[event["value"]])
        return str(event["char_value"])

    @property
    def texts(self) -> list[str]:
        return [self._text(event) for event in tuple(self.events)]

    def until(self, text: str, timeout: float = DEADLINE) -> dict[str, Any]:
        """Wait for an event that reads `text`, after the one that this found last."""
        index = until(
            lambda: next(
                (i for i, t in enumerate(self.texts, 1) if t == text and i > self._at),
                None,
            ),
            lambda: f"{self.pv.pvname} == {text}; seen {self.texts}",
            timeout,
        )
        self._at = index
        return self.events[index - 1]


class Client:
    """libca, under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._monitors: list[Monitor] = []

    def get(self, signal_: str) -> str:
        """The value as text."""
        return links_pv.get(self.prefix + signal_, timeout=DEADLINE)

    def put(self, signal_: str, text: str, timeout: float = DEADLINE) -> None:
        """Put with callback; raises OperationError when the server says no."""
        links_pv.put(self.prefix + signal_, text, timeout=timeout)

    def put_as(self, signal_: str, form: int, value: Any) -> None:
        """Put with callback one element of the DBR type `form`."""
        elements = (epics.dbr.Map[form] * 1)()
        if form == epics.dbr.STRING:
            elements[0].value = value.encode()
        else:
            elements[0] = value
        name = self.prefix + signal_
        links_pv.put_elements(name, form, elements, timeout=DEADLINE)

    def put_only(self, signal_: str, text: str) -> None:
        """Put without callback: what it starts goes on by itself."""
        epics.caput(self.prefix + signal_, text, wait=False)
        epics.ca.flush_io()

    def monitor(self, signal_: str) -> Monitor:
        """Follow a PV."""
        monitor = Monitor(self.prefix + signal_)
        self._monitors.append(monitor)
        return monitor

    def until(self, signal_: str, text: str, timeout: float = DEADLINE) -> None:
        """Wait until a PV reads `text`."""
        until(
            lambda: self.get(signal_) == text,
            lambda: f"{signal_} == {text}; it is {self.get(signal_)}",
            timeout,
        )

    def close(self) -> None:
        for monitor in self._monitors:
            monitor.pv.disconnect()


class Sim:
    """The control door of one simulated ECC server."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/sim"

    def __call__(self, path: str = "", method: str = "GET", **body: Any) -> Any:
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def fault(self, operation: str, do: str, **more: Any) -> None:
        self("/faults", "PUT", **{operation: {"do": do, **more}})

    def takes(self, operation: str, seconds: float) -> None:
        """Let `operation` take so long, whatever the simulator's speed."""
        self("/durations", "PUT", **{operation: seconds * self()["speed"]})

    def operations(self) -> dict[str, int]:
        """How many requests of each operation it has got."""
        counts: dict[str, int] = self()["counts"]
        return counts


class Lab:
    """An experiment in a directory: its file, simulated servers, and daqpv.

    Attributes:
        program: what runs daqpv.
        popen: how it is started.
        stays: what a test starts may outlive it, for the tests that follow.
    """

    stays = False
    program: Sequence[str] = DAQPV
    popen: type[subprocess.Popen[Any]] = forks.Process

    def __init__(
        self, folder: Path, *, cobos: int, mutant: bool, speed: float, ca_port: int
    ) -> None:
        self.folder = folder
        self.ca_port = ca_port
        self.file = folder / "lab.yaml"
        names = [f"CoBo{n}" for n in range(cobos)] + ["MuTAnT"] * mutant
        self.urls = {name: f"http://127.0.0.1:{free_port()}/" for name in names}
        self.renew()
        self._speed = str(speed)
        self._running: list[Running] = []
        self._served: list[Running] = []
        self._clients: list[Client] = []

    def renew(self, *, forget: bool = True) -> None:
        """Take another prefix: libca looks for PVs that went ever more seldom.

        Args:
            forget: what was kept of the experiment until now, too.
        """
        if forget:
            for kept in self.folder.glob("exp.*"):
                shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
        self.prefix = f"T{secrets.token_hex(3)}:"
        self.file.write_text(self._text())

    def _text(self) -> str:
        servers = "".join(
            f"  MuTAnT: {{url: {url}, role: mutant, config: exp/exp/exp}}\n"
            if name == "MuTAnT"
            else f"  CoBo{n}:\n    url: {url}\n    config: cobo{n}/exp/exp\n"
            f'    links: [{{sender: "CoBo[{n}]", router: data{n}}}]\n'
            for n, (name, url) in enumerate(self.urls.items())
        )
        routers = "".join(
            f"  data{n}: {{address: 127.0.0.1}}\n" for n in range(len(self.urls))
        )
        return (
            f'experiment: exp\nprefix: "{self.prefix}"\n'
            "defaults: {ecc: {timeout: {get_state: 1 s}}}\n"
            f"ecc:\n{servers}routers:\n{routers}"
        )

    def start(self, *arguments: str, ready: str = "ready:", **environ: str) -> Running:
        """Start a daqpv command in the folder, and wait for its ready line."""
        environ = {"EPICS_CAS_SERVER_PORT": str(self.ca_port)} | environ
        running = Running(
            *arguments,
            cwd=self.folder,
            program=self.program,
            popen=self.popen,
            **environ,
        )
        self._running.append(running)
        if self.stays:
            STAYING.add(running.process.pid)
        running.ready(ready)
        return running

    def simulate(self) -> Running:
        return self.start("simulate", self.file.name, "--speed", self._speed)

    def serve(self, *arguments: str, **environ: str) -> Running:
        self._served.append(self.start("serve", self.file.name, *arguments, **environ))
        return self._served[-1]

    @property
    def served(self) -> Running:
        """What was served last."""
        return self._served[-1]

    def serve_no_more(self, number: int = signal.SIGTERM) -> None:
        """End what serves by a signal, and its clients; simulators go on."""
        for client in self._clients:
            client.close()
        for running in self._served:
            running.end(number)

    def serve_in_parts(self, *parts: Sequence[str]) -> list[Running]:
        """Start a process for each of `parts`, its sections and devices, at once."""

        def serve(n: int) -> Running:
            only = [word for part in parts[n] for word in ("--only", part)]
            return self.serve("--name", f"p{n}", *only)

        with ThreadPoolExecutor(len(parts)) as pool:
            return list(pool.map(serve, range(len(parts))))

    def run_python(self, script: str, *arguments: str) -> None:
        """Run a Python script in a process of its own, to its end."""
        command = [sys.executable, "-c", script, *arguments]
        forks.run(command, cwd=self.folder, check=True, timeout=DEADLINE)

    def sim(self, name: str = "CoBo0") -> Sim:
        return Sim(self.urls[name])

    def client(self, name: str = "CoBo0", kind: str = "ECC") -> Client:
        client = Client(
            f"{self.prefix}{kind}:{name}:" if name else f"{self.prefix}{kind}:"
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for running in self._running:
            running.end()


@contextmanager
def making(folder: Path, ca_port: int) -> Iterator[Callable[..., Lab]]:
    """Make experiments in `folder`; at the end all that they started is ended."""
    labs: list[Lab] = []
    numbers = itertools.count()

    def make(*, cobos: int = 1, mutant: bool = False, speed: float = 50.0) -> Lab:
        own = folder / f"lab{next(numbers)}"
        own.mkdir()
        labs.append(Lab(own, cobos=cobos, mutant=mutant, speed=speed, ca_port=ca_port))
        return labs[-1]

    try:
        yield make
    finally:
        for lab in labs:
            lab.close()
