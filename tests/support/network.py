"""Several computers on one network: network namespaces of this one, and a switch.

Nothing outside of these namespaces is touched; they are removed at the end. The tests
are skipped where they cannot be made (root, or CAP_SYS_ADMIN and CAP_NET_ADMIN).
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import forks
from tests.support.experiment import Running
from tests.support.waiting import DEADLINE, until

_PLAIN = {
    "EPICS_CA_ADDR_LIST": "",
    "EPICS_CA_AUTO_ADDR_LIST": "YES",
    "EPICS_CA_REPEATER_PORT": "5065",
    "EPICS_CAS_SERVER_PORT": "5064",
    "EPICS_CAS_INTF_ADDR_LIST": "",
    "EPICS_CAS_BEACON_ADDR_LIST": "",
    "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "YES",
}
"""A computer on which nobody has set anything for EPICS."""

_DAQPV = """
import sys
import daqpv.serve.ca.rivalry
from daqpv.cli import main
daqpv.serve.ca.rivalry.PERIOD = 2.0  # [s] in place of a minute
main(prog_name="daqpv")
"""

_REPEATER = "from daqpv.links.ca.repeater import main; main()"

_GET = """
import sys
from daqpv.errors import DaqError
from daqpv.links.ca import pv
try:
    print(pv.get(sys.argv[1], timeout=5.0))
except DaqError as error:
    print(f"no value: {error}")
"""


def ip(*words: str) -> None:
    """Run ``ip``, of iproute2."""
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=DEADLINE)


class Host:
    """A computer: a network namespace with a cable to the switch.

    Attributes:
        address: its IP address.
        folder: where its processes run.
    """

    def __init__(self, network: Network, number: int, folder: Path) -> None:
        self.name = f"{network.name}h{number}"
        self.address = f"10.77.0.{number}"
        self.folder = folder
        self._port = f"p{number}"
        self._switch = network.name
        self._running: list[Running] = []
        self._within = ("ip", "netns", "exec", self.name)
        self._python = (*self._within, sys.executable, "-c")
        folder.mkdir()
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")
        cable = ("type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("-n", self._switch, "link", "add", self._port, *cable)
        ip("-n", self._switch, "link", "set", self._port, "up", "master", "switch")
        ip("-n", self.name, "link", "set", "eth0", "up")
        self._repeater = subprocess.Popen([*self._python, _REPEATER])

    def join(self) -> None:
        """Give the interface its address: only now the computer has a network."""
        more = (f"{self.address}/24", "broadcast", "10.77.0.255", "dev", "eth0")
        ip("-n", self.name, "addr", "add", *more)

    def cut(self) -> None:
        """Take its cable out of the switch: it notices nothing, and hears nothing."""
        ip("-n", self._switch, "link", "set", self._port, "nomaster")

    def heal(self) -> None:
        """Put the cable back."""
        ip("-n", self._switch, "link", "set", self._port, "master", "switch")

    def serve(self, file: Path, *options: str, **environ: str) -> Running:
        """Serve a copy of `file`; return when clients can connect."""
        shutil.copy(file, self.folder)
        running = Running(
            *("serve", file.name, *options),
            cwd=self.folder,
            program=(*self._python, _DAQPV),
            popen=forks.Process,
            **(_PLAIN | environ),
        )
        self._running.append(running)
        running.ready()
        return running

    def get(self, name: str, **environ: str) -> str:
        """The value of a PV, as a client on this computer reads it."""
        done = subprocess.run(
            [*self._python, _GET, name],
            env=os.environ | _PLAIN | environ,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return done.stdout.removesuffix("\n")

    def until(self, name: str, text: str, **environ: str) -> None:
        """Wait until a client on this computer reads `text`."""
        seen: list[str] = []

        def reads() -> bool:
            seen.append(self.get(name, **environ))
            return text in seen[-1]

        until(reads, lambda: f"{name} == {text}; it is {seen[-1:]}", 2 * DEADLINE)

    def python(self, script: str) -> subprocess.Popen[str]:
        """Run a Python script on this computer."""
        return subprocess.Popen(
            [*self._python, script], stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        """End all that it runs."""
        for running in self._running:
            running.end()
        self._repeater.terminate()
        self._repeater.wait(DEADLINE)


class Network:
    """Computers and their switch, under names of their own."""

    def __init__(self, folder: Path) -> None:
        self.name = f"daqpv{secrets.token_hex(3)}"
        self.hosts: list[Host] = []
        self._folder = folder
        try:
            ip("netns", "add", self.name)
            ip("-n", self.name, "link", "add", "switch", "type", "bridge")
            ip("-n", self.name, "link", "set", "switch", "up")
        except (OSError, subprocess.SubprocessError) as error:
            why = getattr(error, "stderr", b"") or str(error).encode()
            self.close()
            pytest.skip(f"no network namespaces here: {why.decode().strip()}")

    def host(self, *, joined: bool = True) -> Host:
        """Add a computer; one that has not joined has no address yet."""
        number = len(self.hosts) + 1
        host = Host(self, number, self._folder / f"host{number}")
        self.hosts.append(host)
        if joined:
            host.join()
        return host

    def close(self) -> None:
        """Remove all."""
        for host in self.hosts:
            host.close()
        for name in (*(host.name for host in self.hosts), self.name):
            command = ["ip", "netns", "del", name]
            subprocess.run(command, check=False, capture_output=True, timeout=DEADLINE)
