"""Clients that are gone without a word: nobody says so, and the server notices."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from daqpv.core import Events, Shown, Snapshot
from daqpv.serve import Group, Server, ai
from tests.support.ioc import following
from tests.support.ports import free_port
from tests.support.waiting import soon

REQUESTS = following("V:Value")


class Pressure(Group[Shown[Snapshot]]):
    """One PV."""

    value = ai("Value")


@pytest.fixture
def group() -> Pressure:
    return Pressure("V:", Shown("gauge", Snapshot(), events=Events()))


@pytest.fixture
async def server(
    group: Pressure, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    """One that soon asks whether its clients live."""
    async with serving(group, "127.0.0.1", monkeypatch) as server:
        yield server


@contextlib.asynccontextmanager
async def serving(
    group: Pressure, address: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    monkeypatch.setattr("daqpv.serve.ca.circuit._KEEP_ALIVE", 1)
    server = Server(
        slow_client=1,
        environ={
            "EPICS_CAS_INTF_ADDR_LIST": address,
            "EPICS_CAS_SERVER_PORT": str(free_port()),
            "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        },
    )
    server.add(group)
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.run(ready.set_result))
    await ready
    yield server
    task.cancel()
    await asyncio.wait([task])


def vanish(client: socket.socket) -> None:
    """Let nothing reach the client, not even its kernel: as if its cable were cut.

    A filter on the socket drops each packet before TCP sees it, and nothing that is
    dropped is answered (Linux, socket(7), SO_ATTACH_FILTER).
    """
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # return 0
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(drop_all))
    client.setsockopt(socket.SOL_SOCKET, 26, program)


async def test_a_client_that_vanishes_is_noticed(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.tcp_port)) as client:
        client.sendall(REQUESTS[:-32])  # all but the subscription
        await soon(
            lambda: len(server.clients.circuits) == server.clients.channels == 1,
            "a client",
        )
        vanish(client)
        await soon(lambda: not server.clients.circuits, "the end of it")
    assert server.clients.channels == 0


async def test_a_client_that_vanishes_while_values_come_is_noticed(
    server: Server, group: Pressure
) -> None:
    """No probe is sent while data are on the way: they must be enough of one."""
    with socket.create_connection(("127.0.0.1", server.tcp_port)) as client:
        client.sendall(REQUESTS)
        await soon(
            lambda: len(server.clients.circuits) == server.clients.channels == 1,
            "a client",
        )
        vanish(client)
        await soon(lambda: told_and_gone(server, group), "the end of it")
    assert server.clients.channels == 0
    assert not group.value.outbox


class FarAway:
    """A network namespace: as good as another computer, behind a cable."""

    near, far = "198.18.213.1", "198.18.213.2"  # for tests of networks (RFC 2544)

    def __init__(self) -> None:
        self.name = f"t{secrets.token_hex(3)}"
        cable = ("link", "add", self.name, "type", "veth", "peer", "far")
        if not (ip("netns", "add", self.name) and ip(*cable, "netns", self.name)):
            self.close()
            pytest.skip("no network namespaces here")
        ip("addr", "add", f"{self.near}/30", "dev", self.name)
        ip("link", "set", self.name, "up")
        self._ip_there("addr", "add", f"{self.far}/30", "dev", "far")
        self._ip_there("link", "set", "far", "up")

    @property
    def _there(self) -> list[str]:
        """What runs a command there; `ip -n` would mount something as well."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def _ip_there(self, *arguments: str) -> None:
        subprocess.run([*self._there, "ip", *arguments], check=True)

    @contextlib.contextmanager
    def running(self, script: str) -> Iterator[None]:
        """Run a Python script there."""
        with subprocess.Popen([*self._there, sys.executable, "-c", script]) as client:
            try:
                yield
            finally:
                client.kill()

    def cut(self) -> None:
        """Cut the cable."""
        self._ip_there("link", "set", "far", "down")

    def close(self) -> None:
        ip("netns", "del", self.name)  # and with it the cable


def ip(*arguments: str) -> bool:
    """Whether ip(8) does it."""
    return subprocess.run(["ip", *arguments], check=False).returncode == 0


@pytest.fixture
def far_away() -> Iterator[FarAway]:
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("only root makes network namespaces")
    far_away = FarAway()
    yield far_away
    far_away.close()


async def test_a_client_behind_a_cut_cable_is_noticed(
    far_away: FarAway, group: Pressure, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(group, far_away.near, monkeypatch) as server:
        script = (
            "import socket, time\n"
            f"client = socket.create_connection({(far_away.near, server.tcp_port)!r})\n"
            f"client.sendall({REQUESTS!r})\n"
            "time.sleep(600)"
        )
        with far_away.running(script):
            await soon(
                lambda: len(server.clients.circuits) == server.clients.channels == 1,
                "a client",
            )
            far_away.cut()
            await soon(lambda: told_and_gone(server, group), "the end of it")
    assert server.clients.channels == 0


def told_and_gone(server: Server, group: Pressure) -> bool:
    """Whether the server has noticed, while it has ever more to say."""
    group.value.post(group.value.value + 1)
    return not server.clients.circuits
