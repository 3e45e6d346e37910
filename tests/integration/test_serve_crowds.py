"""Very many clients at once, and clients that come and go."""

from __future__ import annotations

import contextlib
import resource
import select
import signal
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.ioc import following, message
from tests.support.waiting import DEADLINE, until

GET = message(15, 6, 1, 1, 77)


def hello(name: str) -> bytes:
    """Connect to a PV as the circuit's first channel, and get it."""
    channel = message(18, 0, 0, 1, 13, payload=name.encode() + b"\0")
    return message(0, 0, 13) + channel + GET


ANSWER = 16 + 32 + 24  # bytes: the server's version, rights and channel, the value


@pytest.fixture(scope="module", autouse=True)
def files() -> Iterator[None]:
    """Room for the sockets of a thousand clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def answered(clients: list[socket.socket]) -> int:
    """How many clients get what `hello` asks for."""
    waiting = {client.fileno(): client for client in clients}
    have = dict.fromkeys(waiting, 0)
    poll = select.poll()
    for number in waiting:
        poll.register(number, select.POLLIN)
    end = time.monotonic() + DEADLINE
    while waiting and time.monotonic() < end:
        for number, _ in poll.poll(100):
            try:
                data = waiting[number].recv(65536)
            except ConnectionError:
                data = b""
            have[number] += len(data)
            if not data or have[number] >= ANSWER:
                poll.unregister(number)
            if have[number] >= ANSWER:
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
    requests = following(*names)
    client.sendall(requests[: len(requests) - 11 * (number % 60)])
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
