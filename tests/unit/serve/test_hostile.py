"""Clients that are slow, dying, or mean: everybody else notices nothing."""

from __future__ import annotations

import asyncio
import enum
import random
import socket
import struct
from typing import Any

import pytest

from daqpv.core import Events, Shown, Snapshot
from daqpv.serve import Group, ai, ao, mbbi, string, waveform
from tests.support.ports import free_port

TIME, ENUM, CHAR, DOUBLE = 14, 3, 4, 6
HEADER = struct.Struct(">HHHHII")


class Mode(enum.IntEnum):
    ONLY = 0


class Many(Group[Shown[Snapshot]]):
    value = ai("Value")
    setting = ao("Setting")
    title = string("Title", writable=True)
    mode = mbbi("Mode", Mode)
    wave = waveform("Wave", size=100_000, writable=True)
    vars().update({f"m{i}": ai(f"M{i}") for i in range(100)})


@pytest.fixture
def group() -> Many:
    return Many("H:", Shown("many", Snapshot(), events=Events()))


def stopped_socket(port: int) -> socket.socket:
    """A client that takes as little as the kernel allows."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    return sock


def wave_subscription() -> bytes:
    name = b"H:Wave\0\0"
    return (
        HEADER.pack(0, 0, 0, 13, 0, 0)
        + HEADER.pack(18, 8, 0, 0, 1, 13)
        + name
        + HEADER.pack(1, 16, TIME + DOUBLE, 0, 1, 1)
        + struct.pack(">fffHH", 0, 0, 0, 5, 0)
    )


async def test_a_client_that_does_not_read_costs_nobody_anything_and_gets_the_newest(
    bench: Any, group: Many
) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    sid = (await raw.create("H:Value")).p2
    raw.subscribe(sid, TIME + DOUBLE)
    await raw.synchronise()
    raw.messages.clear()
    with stopped_socket(server.tcp_port) as slow:
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(slow, wave_subscription())
        await bench.until(lambda: server.clients.channels == 2)
        for turn in range(200):
            group.wave.post([float(turn)] * 50_000)
            group.value.post(float(turn))
            await asyncio.sleep(0)
        assert server.clients.conflated > 100
        (held,) = server.clients.slow
        assert held.unsent < 4 * 2**20
        events = await raw.synchronise()
        assert [struct.unpack_from(">d", e.payload, 16)[0] for e in events] == [
            float(turn) for turn in range(200)
        ]
        received = bytearray()
        async with asyncio.timeout(20):
            while received[-400_000:] != struct.pack(">d", 199) * 50_000:
                received += await loop.sock_recv(slow, 1 << 20)
    assert not server.clients.slow
    assert server.clients.dropped == 0


async def test_a_client_that_never_reads_is_dropped(bench: Any, group: Many) -> None:
    server = await bench.serve(group, slow_client=0.5)
    with stopped_socket(server.tcp_port) as slow:
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(slow, wave_subscription())
        await bench.until(lambda: server.clients.channels == 1)
        for turn in range(200):
            group.wave.post([float(turn)] * 50_000)
            await asyncio.sleep(0)
        await bench.until(lambda: server.clients.dropped == 1)
        await bench.until(lambda: not server.clients.circuits)
    assert server.clients.channels == 0


async def test_a_client_that_asks_and_never_reads_is_not_answered_without_bound(
    bench: Any, group: Many
) -> None:
    server = await bench.serve(group)
    group.wave.post([1.0] * 100_000)
    raw = await bench.client(server)
    sid = (await raw.create("H:Value")).p2
    with stopped_socket(server.tcp_port) as slow:
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        name = HEADER.pack(18, 8, 0, 0, 1, 13) + b"H:Wave\0\0"
        get = HEADER.pack(15, 0, DOUBLE, 0, 1, 1)
        await loop.sock_sendall(slow, name + get * 2000)  # asks for 1.6 GB
        await bench.until(lambda: bool(server.clients.slow))
        (held,) = server.clients.slow
        assert (await raw.get(sid, DOUBLE)).p1 == 1
        assert held.unsent < 4 * 2**20


async def test_a_slow_client_loses_no_answer(bench: Any, group: Many) -> None:
    server = await bench.serve(group)
    group.wave.post([1.0] * 10_000)
    raw = await bench.client(server)
    sid = (await raw.create("H:Wave")).p2
    for number in range(300):
        raw.send(15, DOUBLE, 0, sid, number)
    await raw.writer.drain()
    answers = [(await raw.expect(15)).p2 for _ in range(300)]
    assert answers == list(range(300))


async def test_a_put_announced_as_four_gigabytes_is_refused_and_skipped(
    bench: Any, group: Many
) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    sid = (await raw.create("H:Wave")).p2
    head = HEADER.pack(19, 0xFFFF, DOUBLE, 0, sid, 5)
    raw.writer.write(head + struct.pack(">II", 0xFFFFFFF8, 0x1FFFFFFF) + bytes(64))
    answer = await raw.expect(19)
    assert answer.p1 == 72  # ECA_TOLARGE
    raw.writer.write(bytes(1 << 20))
    other = await bench.client(server)
    assert (await other.create("H:Value")).command == 18
    kept = [sum(map(len, circuit._chunks)) for circuit in server.clients.circuits]
    assert max(kept) < 1 << 16


async def test_a_large_put_comes_whole(bench: Any, group: Many) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    sid = (await raw.create("H:Wave")).p2
    payload = struct.pack(">100000d", *range(100_000))
    assert await raw.put(sid, DOUBLE, payload, 100_000) == 1
    assert group.wave.value.tolist() == [float(i) for i in range(100_000)]
    answer = await raw.get(sid, DOUBLE)
    assert (answer.count, answer.payload) == (100_000, payload)


async def test_requests_cut_at_any_byte_are_understood(bench: Any, group: Many) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    sid = (await raw.create("H:Title")).p2
    put = HEADER.pack(19, 40, 0, 1, sid, 3) + b"cut".ljust(40, b"\0")
    stream = (put + HEADER.pack(15, 0, 0, 1, sid, 4)) * 3
    for size in range(1, 60, 7):
        for start in range(0, len(stream), size):
            raw.writer.write(stream[start : start + size])
            await raw.writer.drain()
            await asyncio.sleep(0)
        for _ in range(3):
            assert (await raw.expect(19)).p1 == 1
            assert (await raw.expect(15)).payload.startswith(b"cut\0")


@pytest.mark.parametrize("seed", range(60))
async def test_garbage_ends_its_own_circuit_at_most(
    bench: Any, group: Many, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(seed)
    server = await bench.serve(group)
    good = await bench.client(server)
    sid = (await good.create("H:Value")).p2
    traffic = bytearray(wave_subscription() * 2)
    traffic += HEADER.pack(15, 0, TIME + DOUBLE, 0, 1, 2) * 3
    traffic += HEADER.pack(19, 8, DOUBLE, 1, 1, 2) + bytes(8)
    traffic += HEADER.pack(2, 0, 20, 0, 1, 1) + HEADER.pack(12, 0, 0, 0, 1, 1)
    for _ in range(chance.randrange(1, 12)):
        traffic[chance.randrange(len(traffic))] = chance.randrange(256)
    if seed % 3 == 0:
        traffic = bytearray(chance.randbytes(5000))
    bad = await bench.client(server)
    bad.writer.write(traffic)
    await bad.writer.drain()
    bad.writer.write_eof()
    assert await bad.is_closed()
    assert (await good.get(sid, DOUBLE)).p1 == 1
    await bench.until(lambda: len(server.clients.circuits) == 1)
    assert server.clients.channels == 1
    assert "Traceback" not in caplog.text


async def test_a_hundred_clients_come_and_go_while_values_flow(
    bench: Any, group: Many
) -> None:
    server = await bench.serve(group)
    watcher = await bench.client(server)
    sid = (await watcher.create("H:M0")).p2
    watcher.subscribe(sid, TIME + DOUBLE)
    await watcher.synchronise()
    watcher.messages.clear()
    channels = [group.attr_pvdb[f"m{i}"] for i in range(100)]
    stop = asyncio.Event()

    async def flow() -> int:
        turn = 0
        while not stop.is_set():
            turn += 1
            for channel in channels:
                channel.post(float(turn))
            await asyncio.sleep(0.005)
        return turn

    async def visit(number: int) -> None:
        raw = await bench.client(server)
        for i in range(20):
            answer = await raw.create(f"H:M{(number + i) % 100}")
            raw.subscribe(answer.p2, TIME + DOUBLE)
        if number % 2:
            raw.writer.transport.abort()
        else:
            raw.writer.close()

    flowing = asyncio.create_task(flow())
    for start in range(0, 100, 20):
        await asyncio.gather(*(visit(start + i) for i in range(20)))
    await bench.until(lambda: len(server.clients.circuits) == 1)
    stop.set()
    turns = await flowing
    events = await watcher.synchronise()
    seen = [struct.unpack_from(">d", m.payload, 16)[0] for m in events]
    assert seen == [float(turn) for turn in range(1, turns + 1)]
    assert server.clients.channels == 1


@pytest.mark.parametrize("time", [1e12, float("nan"), float("inf"), 0.0, -5.0])
async def test_a_stamp_that_cannot_be_sent_costs_no_event(
    bench: Any, group: Many, time: float
) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    for name in ("H:Value", "H:M0"):
        raw.subscribe((await raw.create(name)).p2, TIME + DOUBLE)
    await raw.synchronise()
    raw.messages.clear()
    for turn in (1.0, 2.0):
        group.value.post(turn, time=time if turn == 1.0 else None)
        group.attr_pvdb["m0"].post(turn)
        group.value.stamp(time)
        await asyncio.sleep(0)
    events = await raw.synchronise()
    assert [struct.unpack_from(">d", e.payload, 16)[0] for e in events] == [1, 1, 2, 2]


async def test_a_value_that_cannot_be_packed_costs_no_other_its_event(
    bench: Any, group: Many
) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    group.title.post("1")
    for name in ("H:Title", "H:Value"):
        raw.subscribe((await raw.create(name)).p2, TIME + ENUM)
    await raw.synchronise()
    raw.messages.clear()
    group.title.post("no number")
    group.value.post(1.0)
    (event,) = await raw.synchronise()
    assert struct.unpack_from(">H", event.payload, 14) == (1,)


async def test_the_end_of_the_server_closes_all_circuits(group: Many) -> None:
    from daqpv.serve import Server  # noqa: PLC0415

    server = Server(environ={"EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1"} | free())
    server.add(group)
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.run(ready.set_result))
    reader, writer = await asyncio.open_connection("127.0.0.1", await ready)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        try:
            while await reader.read(1000):
                pass
        except ConnectionError:
            pass
    writer.close()
    assert not server.clients.circuits


def free() -> dict[str, str]:
    port = str(free_port())
    return {
        "EPICS_CAS_SERVER_PORT": port,
        "EPICS_CAS_AUTO_BEACON_ADDR_LIST": "NO",
        "EPICS_CAS_BEACON_PORT": port,
    }


async def test_a_put_beyond_the_longest_array_of_the_site_is_refused(
    bench: Any, group: Many
) -> None:
    variables = {
        "EPICS_CA_AUTO_ARRAY_BYTES": "NO",
        "EPICS_CA_MAX_ARRAY_BYTES": "400000",
    }
    server = await bench.serve(group, environ=variables)
    raw = await bench.client(server)
    sid = (await raw.create("H:Wave")).p2
    assert await raw.put(sid, DOUBLE, bytes(8 * 40_000), 40_000) == 1
    assert await raw.put(sid, DOUBLE, bytes(8 * 60_000), 60_000) == 72
    raw.send(15, DOUBLE, 0, sid, 1)
    assert (await raw.expect(15)).count == 40_000  # and what follows is understood


async def test_an_old_client_gets_no_header_that_it_cannot_read(
    bench: Any, group: Many
) -> None:
    server = await bench.serve(group)
    group.wave.post([1.0] * 100_000)
    raw = await bench.client(server)
    raw.send(18, 0, 0, 5, 8, b"H:Wave\0")  # version 4.8
    sid = (await raw.expect(18)).p2
    assert (await raw.get(sid, DOUBLE, 100_000)).p1 == 72
    assert (await raw.get(sid, DOUBLE, 100)).p1 == 1
    raw.send(3, DOUBLE, 1, sid, 44)  # READ, older than READ_NOTIFY
    old = await raw.expect(3)
    assert (old.p1, old.p2, old.payload) == (5, 44, struct.pack(">d", 1))
    raw.send(10)
    await raw.expect(10)
