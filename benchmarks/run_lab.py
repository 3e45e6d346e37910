"""Runs an experiment with runs: simulators, a real sshd on loopback, and daqpv."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from benchmarks.lab import DEADLINE, SERVE, START, Running, door, until
from daqpv.errors import DaqError, NoAnswerError, NotConnectedError, OperationError
from daqpv.links.ca import pv
from tests.support.ports import free_port
from tests.support.sshd import DataRouter, Sshd

SIMULATE = (str(Path(__file__).with_name("run_sim.py")),)
PATIENCE = 180.0  # [s] for one put: a start may wait for files of the run before


class RunLab:
    """A MuTAnT, and CoBos each with a data router; use it as a context manager.

    Each router is a host of its own for daqpv (127.0.0.1, 127.0.0.2 ...), so that
    each has a connection of its own, to one sshd.

    Args:
        cobos: how many.
        seconds: that each operation takes.
        period: between two polls of a router [s].

    Attributes:
        prefix: of all PVs.
        urls: of the ECC servers, by name.
        sshd: over which the routers are seen.
        store: the file of the store.
        server: the process that serves the PVs.
    """

    def __init__(self, *, cobos: int, seconds: float, period: float = 2.0) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.store = self.folder / "exp.db"
        self.prefix = f"B{secrets.token_hex(3)}:"
        names = ["MuTAnT", *(f"CoBo{n}" for n in range(cobos))]
        ports = [free_port() for _ in names]
        self.urls = {
            name: f"http://127.0.0.1:{port}/"
            for name, port in zip(names, ports, strict=True)
        }
        self.staging = {f"data{n}": self.folder / f"data{n}" for n in range(cobos)}
        self.sshd = Sshd(self.folder / "sshd")
        self._answer_at([f"127.0.0.{n + 1}" for n in range(cobos)])
        self._file = self.folder / "lab.yaml"
        self._file.write_text(self._text(period))
        self._seconds = str(seconds)

    def _answer_at(self, addresses: list[str]) -> None:
        """Let the sshd listen at these addresses, with known host keys."""
        config, known = self.sshd.folder / "config", self.sshd.ssh / "known_hosts"
        text, key = config.read_text(), known.read_text().partition(" ")[2]
        listens = "\n".join(f"ListenAddress {each}" for each in addresses)
        config.write_text(text.replace("ListenAddress 127.0.0.1", listens))
        port = self.sshd.port
        known.write_text("".join(f"[{each}]:{port} {key}" for each in addresses))

    def _text(self, period: float) -> str:
        servers = routers = ""
        for n, (name, url) in enumerate(self.urls.items()):
            config = f"url: '{url}', config: {name.lower()}/exp/exp"
            if name == "MuTAnT":
                servers += f"  {name}: {{{config}, role: mutant}}\n"
            else:
                links = f"[{{sender: 'CoBo[{n - 1}]', router: data{n - 1}}}]"
                servers += f"  {name}: {{{config}, links: {links}}}\n"
        for n, (name, folder) in enumerate(self.staging.items()):
            target = self.sshd.target.replace("127.0.0.1", f"127.0.0.{n + 1}")
            watch = f"{{ssh: '{target}', staging: '{folder}'}}"
            routers += (
                f"  {name}: {{address: 127.0.0.{n + 1}, period: {period:g}, "
                f"watch: {watch}}}\n"
            )
        return (
            f"experiment: exp\nprefix: '{self.prefix}'\necc:\n{servers}"
            f"routers:\n{routers}run: {{checks: {{disk_free: 0}}}}\n"
        )

    def __enter__(self) -> Self:
        os.environ["DAQPV_SSH"] = self.sshd.program
        os.environ.pop("SSH_AUTH_SOCK", None)
        for folder in self.staging.values():
            folder.mkdir()
        self.sshd.start()
        self._router = DataRouter(self.folder / "bin", self.folder, free_port())
        arguments = (*SIMULATE, self._file.name, self._seconds)
        self._simulators = Running(*arguments, cwd=self.folder)
        self.serve()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.end()
        self._simulators.end()
        self._router.end()
        self.sshd.stop()
        self._folder.cleanup()

    def serve(self) -> None:
        """Start daqpv; wait until all devices are online."""
        self.server = Running(*SERVE, self._file.name, cwd=self.folder)

    def until_online(self) -> None:
        """Wait until all servers and routers are."""
        for device in ("Sys", *(f"Router:{name}" for name in self.staging)):
            # a login may be on its way for half a minute
            self.until(f"{device}:Online", "Online", within=START)

    def get(self, signal: str) -> str:
        """The value of a PV; "" while it does not answer."""
        try:
            return pv.get(self.prefix + signal)
        except (NotConnectedError, NoAnswerError):
            return ""

    def until(self, signal: str, *texts: str, within: float = DEADLINE) -> str:
        """Wait until a PV reads one of `texts`; return which."""

        def found() -> str | None:
            text = self.get(signal)
            return text if text in texts else None

        return until(found, f"{signal} to be {' or '.join(texts)}", within=within)

    def put(self, signal: str, text: str = "1") -> None:
        """Put, and wait for the end.

        Raises:
            OperationError: it was refused, or has failed; with the LastError.
        """
        try:
            pv.put(self.prefix + signal, text, timeout=PATIENCE)
        except OperationError as error:
            device = signal.rpartition(":")[0]
            raise OperationError(self.get(f"{device}:LastError")) from error

    def puts(self, signal: str, text: str = "1") -> bool:
        """Put, wait for the end, and return whether it was done."""
        try:
            self.put(signal, text)
        except DaqError:
            return False
        return True

    def ask(self, name: str, path: str = "", method: str = "GET", **body: Any) -> Any:
        """Ask the control door of a simulator."""
        return door(self.urls[name], path, method, **body)

    @property
    def cpu(self) -> float:
        """CPU time of the serving process and its ssh, user and system [s]."""
        server = psutil.Process(self.server.process.pid)
        every = [each.cpu_times() for each in (server, *server.children())]
        return float(sum(used.user + used.system for used in every))
