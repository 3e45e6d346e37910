"""The server that is measured: where it is, and its process as the kernel counts it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from daqpv.bench.wire import Circuit, find
from daqpv.errors import NotConnectedError


@dataclass(frozen=True, slots=True)
class Target:
    """A PV server that serves what `bench ioc` does, under a prefix.

    Attributes:
        name: in the table.
        host: of the server.
        port: of its searches (UDP).
        prefix: of its PVs.
        n: how many ``d`` it has.
        m: how many ``m``.
        pid: its process if it is on this computer; 0: CPU and memory are not known.
    """

    name: str
    host: str
    port: int
    prefix: str
    n: int
    m: int
    pid: int = 0

    def tcp_port(self) -> int:
        """The port of its circuits.

        Raises:
            NotConnectedError: it does not answer.
        """
        return find(f"{self.prefix}d0", self.host, self.port)

    def circuit(self) -> Circuit:
        """A new connection to it.

        Raises:
            NotConnectedError, OSError: it does not answer.
        """
        return Circuit(self.host, self.tcp_port())

    def cpu_seconds(self) -> float | None:
        """CPU time of all its threads since its start [s]; None: not known."""
        if not self.pid:
            return None
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:  # a thread that has just ended
                continue
        return 1e-9 * total

    def memory(self) -> float:
        """Its resident memory [MB].

        Raises:
            NotConnectedError: its process is not known, or has ended.
        """
        try:
            return float(1e-6 * psutil.Process(self.pid or -1).memory_info().rss)
        except (psutil.Error, ValueError):
            raise NotConnectedError("its process is not on this computer") from None

    @property
    def environ(self) -> dict[str, str]:
        """What libca needs to find it and nobody else."""
        return os.environ | {
            "EPICS_CA_ADDR_LIST": f"{self.host}:{self.port}",
            "EPICS_CA_AUTO_ADDR_LIST": "NO",
            "EPICS_CA_NAME_SERVERS": "",
        }


def pid_of(host: str, tcp_port: int) -> int:
    """The process that listens there; 0 if it is not on this computer, or not ours."""
    try:
        connections = psutil.net_connections("tcp4")
    except psutil.AccessDenied:
        return 0
    for connection in connections:
        address = connection.laddr
        if (
            connection.status == psutil.CONN_LISTEN
            and address.port == tcp_port
            and address.ip in (host, "0.0.0.0")
            and host.startswith("127.")
        ):
            return connection.pid or 0
    return 0
