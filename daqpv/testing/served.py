"""Runs a real ``daqpv serve`` on loopback, for tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from daqpv.core import Severity
from daqpv.errors import ServeError

END_TIMEOUT = 10.0  # [s]
PUT_TIMEOUT = 60.0  # [s] for the action of a put


class Served:
    """The PVs of a ``daqpv serve``, over Channel Access.

    Args:
        prefix: of all PVs.

    Attributes:
        prefix: as above.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def get(self, pv: str) -> str:
        """The value of `pv` (without the prefix), as people read it.

        Raises:
            NotConnectedError: no such PV.
        """
        from daqpv.links.ca import pv as ca  # noqa: PLC0415 - see served

        return ca.get(self.prefix + pv)

    def put(self, pv: str, value: object) -> None:
        """Put with callback, and wait until its action has ended.

        Raises:
            OperationError: the put was refused, or its action failed.
            NotConnectedError: no such PV.
        """
        from daqpv.links.ca import pv as ca  # noqa: PLC0415 - see served

        ca.put(self.prefix + pv, str(value), timeout=PUT_TIMEOUT)

    def severity(self, pv: str) -> Severity:
        """The severity of the alarm of `pv`."""
        label = self.get(f"{pv}.SEVR")
        return Severity[label]

    def until(self, pv: str, value: str, *, timeout: float = 10.0) -> None:
        """Wait until `pv` has the value.

        Raises:
            AssertionError: it has not, in `timeout` [s].
        """
        end = time.monotonic() + timeout
        while (found := self.get(pv)) != value:
            if time.monotonic() > end:
                raise AssertionError(f"{pv} is {found!r}, not {value!r}")
            time.sleep(0.02)


@contextmanager
def served(
    experiment: str, folder: Path, *, environ: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve an experiment by a ``daqpv serve`` process on loopback.

    libca reads its environment once in a process, so all servers of a test process use
    the same port, one after the other. Call this before any other use of Channel
    Access.

    Args:
        experiment: the text of the experiment file.
        folder: where its file, store and log are written.
        environ: further variables of the server's environment.

    Raises:
        ServeError: the server did not start; the text has its output.
    """
    file = folder / "experiment.yaml"
    file.write_text(experiment, encoding="utf-8")
    port = _port()
    process = subprocess.Popen(
        [sys.executable, "-m", "daqpv", "serve", "--quiet", file.name],
        cwd=folder,
        env={**os.environ, **_server(port), **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Served(_prefix(process))
    finally:
        process.terminate()
        try:
            process.communicate(timeout=END_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _prefix(process: subprocess.Popen[str]) -> str:
    """Wait for the ready line, "ready: 12 PVs under LAB:, CA port 5070"."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("ready: "):
            return line.partition(" under ")[2].partition(", CA port")[0]
    raise ServeError(f"daqpv serve did not start:\n{''.join(said)}")


@cache
def _port() -> int:
    """One port for all servers of this process, known to libca before it begins."""
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
    os.environ["EPICS_CA_ADDR_LIST"] = f"127.0.0.1:{port}"
    os.environ["EPICS_CA_AUTO_ADDR_LIST"] = "NO"
    return port


def _server(port: int) -> dict[str, str]:
    return {
        "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_SERVER_PORT": str(port),
        "EPICS_CAS_BEACON_ADDR_LIST": "127.0.0.1",
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
    }
