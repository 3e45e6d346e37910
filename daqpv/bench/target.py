"""The server to measure: its address, and the figures of its process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from daqpv.bench.wire import Circuit, find
from daqpv.errors import NotConnectedError


@dataclass(frozen=True, slots=True)
class Target:
    """A PV server with the PVs of `bench ioc` under a prefix.

    Attributes:
        name: its column in the table.
        host: of the server.
        port: of its searches (UDP).
        prefix: of its PVs.
        n: number of ``d`` PVs.
        m: number of ``m`` PVs.
        pid: its process if it runs on this computer; 0: CPU and memory are unknown.
    """

    name: str
    host: str
    port: int
    prefix: str
    n: int
    m: int
    pid: int = 0

    def tcp_port(self) -> int:
        """The TCP port of the server.

        Raises:
            NotConnectedError: it does not answer.
        """
        return find(f"{self.prefix}d0", self.host, self.port)

    def circuit(self) -> Circuit:
        """Open a new connection to it.

        Raises:
            NotConnectedError, OSError: it does not answer.
        """
        return Circuit(self.host, self.tcp_port())

    def cpu_seconds(self) -> float | None:
        """CPU time of all its threads since its start [s]; None: unknown."""
        if not self.pid:
            return None
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:  # the thread has just ended
                continue
        return 1e-9 * total

    def memory(self) -> float:
        """Its resident memory [MB].

        Raises:
            NotConnectedError: its process is unknown, or has ended.
        """
        try:
            return float(1e-6 * psutil.Process(self.pid or -1).memory_info().rss)
        except (psutil.Error, ValueError):
            raise NotConnectedError("its process is not on this computer") from None

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which libca finds only this server."""
        return os.environ | {
            "EPICS_CA_ADDR_LIST": f"{self.host}:{self.port}",
            "EPICS_CA_AUTO_ADDR_LIST": "NO",
            "EPICS_CA_NAME_SERVERS": "",
        }


def pid_of(host: str, tcp_port: int) -> int:
    """The process that listens there; 0 if it is remote, or of another user."""
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
