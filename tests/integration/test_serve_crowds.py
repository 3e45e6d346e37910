"""Very many clients at once, and clients that leave without a word."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import resource
import select
import signal
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from daqpv.core import Device, Events, Snapshot
from daqpv.serve import Group, Server, ai

DEADLINE = 30.0
HEADER = struct.Struct(">HHHHII")
GET = HEADER.pack(15, 0, 6, 1, 1, 77)


def hello(name: str) -> bytes:
    """Connect to a PV as the circuit's first channel, and get it."""
    text = name.encode() + b"\0"
    text += bytes(-len(text) % 8)
    version = HEADER.pack(0, 0, 0, 13, 0, 0)
    return version + HEADER.pack(18, len(text), 0, 0, 1, 13) + text + GET


def follow(name: str) -> bytes:
    """The same, and a subscription to it."""
    wish = struct.pack(">fffHH", 0, 0, 0, 5, 0)
    return hello(name) + HEADER.pack(1, 16, 20, 1, 1, 1) + wish


ANSWER = 16 + 32 + 24  # bytes: the server's version, rights and channel, the value


@pytest.fixture(scope="module", autouse=True)
def files() -> Iterator[None]:
    """Room for the sockets of a thousand clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def until(condition: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE:g} s: {what}"
        time.sleep(0.01)


def answered(clients: list[socket.socket]) -> int:
    """How many clients get what `hello` asks for."""
    waiting = {client.fileno(): [client, 0] for client in clients}
    poll = select.poll()
    for number in waiting:
        poll.register(number, select.POLLIN)
    end = time.monotonic() + DEADLINE
    while waiting and time.monotonic() < end:
        for number, _ in poll.poll(100):
            client, have = waiting[number]
            try:
                data = client.recv(65536)
            except ConnectionError:
                data = b""
            waiting[number][1] = have + len(data)
            if not data or have + len(data) >= ANSWER:
                poll.unregister(number)
            if have + len(data) >= ANSWER:
                del waiting[number]
    return len(clients) - len(waiting)


def abort(client: socket.socket) -> None:
    """Leave without a farewell: the server sees a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def visit(ioc: Any, number: int) -> socket.socket:
    """A client of twenty PVs that may be anywhere in its requests when it leaves."""
    client: socket.socket = ioc.connect()
    names = [f"{ioc.prefix}M{(number * 20 + i) % 1000}" for i in range(20)]
    requests = b"".join(follow(name) for name in names)
    client.sendall(requests[: len(requests) - number % 60])
    return client


def test_three_hundred_clients_come_and_go_while_ten_thousand_values_flow(
    busy_ioc: Any,
) -> None:
    with busy_ioc.watch(1000) as watcher:
        before, memory = busy_ioc.files, [busy_ioc.memory]
        for _ in range(3):
            present: deque[socket.socket] = deque()
            for number in range(300):
                present.append(visit(busy_ioc, number))
                if len(present) > 60:
                    leave = (socket.socket.close, abort)[number % 2]
                    leave(present.popleft())
            for client in present:
                client.close()
            busy_ioc.wait_for_files(before)
            watcher.wait_for(1)
            memory.append(busy_ioc.memory)
    assert memory[3] - memory[1] < 5, memory
    assert "Traceback" not in busy_ioc.said


def test_a_thousand_clients_at_once_are_all_served(make_ioc: Any) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ioc = make_ioc("100", "10", files=(256, hard))
    with ioc.watch(100), contextlib.ExitStack() as stack:
        clients = []
        ioc.process.send_signal(signal.SIGSTOP)  # so that all knock before one is heard
        for _ in range(1000):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(ioc.address)
            clients.append(client)
        ioc.process.send_signal(signal.SIGCONT)
        poll = select.poll()
        for client in clients:
            poll.register(client, select.POLLOUT)
        until(lambda: len(poll.poll(0)) == 1000, "a thousand connections")
        for client in clients:
            client.sendall(hello(f"{ioc.prefix}Flow"))
        assert answered(clients) == 1000
    ioc.wait_for_files(50)
    assert "Traceback" not in ioc.said


def test_more_clients_than_files_disturb_nobody_and_the_next_is_served(
    make_ioc: Any,
) -> None:
    ioc = make_ioc("100", "10", files=(60, 60))
    with ioc.watch(100) as watcher:
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(ioc.connect())
            until(lambda: ioc.files == 60, "all files to be used")
            watcher.wait_for(5)
        with ioc.connect() as late:
            late.sendall(hello(f"{ioc.prefix}Flow"))
            assert answered([late]) == 1


# -- half open -------------------------------------------------------------------------


class Pressure(Group[Device[Snapshot]]):
    """One PV."""

    value = ai("Value")


@pytest.fixture
def group() -> Pressure:
    return Pressure("V:", Device("gauge", Snapshot(), events=Events()))


@pytest.fixture
async def server(
    group: Pressure, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    """One that soon asks whether its clients live."""
    monkeypatch.setattr("daqpv.serve.circuit._KEEP_ALIVE", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    server = Server(
        slow_client=1,
        environ={
            "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
            "EPICS_CAS_SERVER_PORT": port,
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
        client.sendall(hello("V:Value"))
        await _until(lambda: len(server.circuits) == server.channel_count == 1)
        vanish(client)
        await _until(lambda: not server.circuits)
    assert server.channel_count == 0


async def test_a_client_that_vanishes_while_values_come_is_noticed(
    server: Server, group: Pressure
) -> None:
    """No probe is sent while data are on the way: they must be enough of one."""
    with socket.create_connection(("127.0.0.1", server.tcp_port)) as client:
        client.sendall(follow("V:Value"))
        await _until(lambda: len(server.circuits) == server.channel_count == 1)
        vanish(client)
        numbers = itertools.count(1)

        def gone() -> bool:
            group.value.post(float(next(numbers)))
            return not server.circuits

        await _until(gone)
    assert server.channel_count == 0
    assert not group.value.outbox


async def _until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110, anything may make it true
            await asyncio.sleep(0.01)
