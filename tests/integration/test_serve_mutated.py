"""What real clients say, mutated: whoever sends it harms nobody else.

DAQPV_SOAK=300 goes on for 300 s; DAQPV_SEED=7 begins with other mutations.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import struct
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

REQUESTS = Path(__file__).parent.parent / "data" / "ca_requests.txt"
PREFIX = "REC:"  # of the PVs in it; see record_requests.py

SOAK = float(os.environ.get("DAQPV_SOAK", "0"))  # [s]
SEED = int(os.environ.get("DAQPV_SEED", "1"))
COUNT = 1000  # mutated circuits at least, and as many datagrams

HEADER = struct.Struct(">HHHHII")
EXTREMES = (0, 1, 2, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFFF)
READ_NOTIFY, ECHO = 15, 23

Messages = list[bytes]


def recorded() -> tuple[list[Messages], list[Messages]]:
    """The circuits and the datagrams of real clients."""
    found: dict[str, Messages] = defaultdict(list)
    for line in REQUESTS.read_text().splitlines():
        _, place, data = line.split()
        found[place].append(bytes.fromhex(data))
    return (
        [messages for place, messages in found.items() if place.startswith("tcp")],
        [messages for place, messages in found.items() if place.startswith("udp")],
    )


CIRCUITS, DATAGRAMS = recorded()


class Mutation:
    """Says everything wrong that can be said, in an order that a seed gives."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._ways = (
            self._bytes,
            self._field,
            self._size,
            self._leave_out,
            self._again,
            self._swap,
            self._mix,
            self._garbage,
        )

    def of(self, many: list[Messages]) -> bytes:
        """One of `many`, changed."""
        messages = list(self.chance.choice(many))
        if len(messages) > 40:
            start = self.chance.randrange(len(messages) - 20)
            messages[8:] = messages[max(8, start) : start + 40]  # still says hello
        for _ in range(self.chance.randint(1, 6)):
            self.chance.choice(self._ways)(messages)
        data = b"".join(messages)
        if self.chance.random() < 0.3:
            data = data[: self.chance.randrange(len(data) + 1)]
        return data

    def _index(self, messages: Messages) -> int:
        if not messages:
            messages.append(bytes(16))
        return self.chance.randrange(len(messages))

    def _bytes(self, messages: Messages) -> None:
        i = self._index(messages)
        changed = bytearray(messages[i])
        for _ in range(self.chance.randint(1, 8)):
            changed[self.chance.randrange(len(changed))] = self.chance.randrange(256)
        messages[i] = bytes(changed)

    def _field(self, messages: Messages) -> None:
        i = self._index(messages)
        start, length = self.chance.choice([(0, 2), (4, 2), (6, 2), (8, 4), (12, 4)])
        value = self.chance.choice(EXTREMES) & (256**length - 1)
        changed = bytearray(messages[i])
        changed[start : start + length] = value.to_bytes(length, "big")
        messages[i] = bytes(changed)

    def _size(self, messages: Messages) -> None:
        i = self._index(messages)
        head, payload = bytearray(messages[i][:16]), messages[i][16:]
        if self.chance.random() < 0.5:
            head[2:4] = (self.chance.choice(EXTREMES) & 0xFFFF).to_bytes(2, "big")
        else:  # a long header
            head[2:4], head[6:8] = b"\xff\xff", b"\0\0"
            head += struct.pack(">II", *self.chance.choices(EXTREMES, k=2))
        messages[i] = bytes(head) + payload

    def _leave_out(self, messages: Messages) -> None:
        del messages[self._index(messages)]

    def _again(self, messages: Messages) -> None:
        i = self._index(messages)
        messages[i:i] = messages[i : i + 3] * self.chance.randint(1, 20)

    def _swap(self, messages: Messages) -> None:
        i, j = self._index(messages), self._index(messages)
        messages[i], messages[j] = messages[j], messages[i]

    def _mix(self, messages: Messages) -> None:
        i = self._index(messages)
        messages[i:i] = self.chance.choices(self.chance.choice(CIRCUITS), k=10)

    def _garbage(self, messages: Messages) -> None:
        messages.insert(
            self._index(messages), self.chance.randbytes(self.chance.randint(1, 3000))
        )

    def say(self, ioc: Any, data: bytes) -> None:
        """Send it in pieces, and leave in one way or another."""
        with ioc.connect() as client, contextlib.suppress(ConnectionError):
            client.setblocking(False)
            end = time.monotonic() + 2
            while data and time.monotonic() < end:
                piece = self.chance.choice([7, 16, 500, 1460, 9000])
                if select.select([], [client], [], 0.02)[1]:
                    data = data[client.send(data[:piece]) :]
                with contextlib.suppress(BlockingIOError):
                    if not client.recv(1 << 20):
                        return
            client.settimeout(2)
            if self.chance.random() < 0.8:  # hear all answers
                with contextlib.suppress(OSError):  # the server has closed it
                    client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 20):
                    pass
            elif self.chance.random() < 0.5:
                linger = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@pytest.fixture(scope="module")
def target(make_module_ioc: Any) -> Any:
    """What was recorded finds its PVs here."""
    return make_module_ioc("200", "20", prefix=PREFIX)


@pytest.mark.parametrize("messages", CIRCUITS)
def test_what_was_recorded_is_answered(target: Any, messages: Messages) -> None:
    gets = sum(int.from_bytes(m[:2], "big") == READ_NOTIFY for m in messages)
    with target.connect() as client, client.makefile("rb") as answers:
        client.sendall(b"".join(messages) + HEADER.pack(ECHO, 0, 0, 0, 0, 0xABCD))
        command = number = seen = 0
        while (command, number) != (ECHO, 0xABCD):
            command, size, _, count, _, number = HEADER.unpack(answers.read(16))
            if size == 0xFFFF and count == 0:
                size, _ = struct.unpack(">II", answers.read(8))
            answers.read(size)
            seen += command == READ_NOTIFY
    assert seen == gets


@pytest.mark.timeout(SOAK + 120)
def test_mutated_requests_harm_nobody_else(target: Any) -> None:
    seed, end = SEED * 1_000_000, time.monotonic() + SOAK
    memory = []
    with target.watch(100) as watcher:
        before = target.files
        while seed < SEED * 1_000_000 + COUNT or time.monotonic() < end:
            for seed in range(seed + 1, seed + 101):  # noqa: B020, goes on
                mutation = Mutation(seed)
                mutation.say(target, mutation.of(CIRCUITS))
                with socket.socket(type=socket.SOCK_DGRAM) as udp:
                    udp.sendto(mutation.of(DATAGRAMS)[:60_000], target.address)
            target.wait_for_files(before)
            memory.append(target.memory)
            watcher.wait_for(1)
            assert target.process.poll() is None, seed
    assert not target.said.partition("Traceback")[2]
    assert memory[-1] - memory[0] < 10, memory
