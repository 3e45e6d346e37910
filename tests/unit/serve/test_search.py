"""How clients find PVs: searches over UDP and TCP, ports, beacons."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

from daqpv.core import Events, Shown, Snapshot
from daqpv.errors import ServeError
from daqpv.serve import Group, Server, ai

HEADER = struct.Struct(">HHHHII")


class Plain(Group[Shown[Snapshot]]):
    value = ai("Value")
    other = ai("Other")


@pytest.fixture
def group() -> Plain:
    return Plain("S:", Shown("plain", Snapshot(), events=Events()))


PREFIXES = ["XF:31ID1-ES{DAQ:1}", "[x]:", "a{}", "{P}"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_may_hold_brackets(prefix: str) -> None:
    group = Plain(prefix, Shown("plain", Snapshot(), events=Events()))
    assert list(group.pvdb) == [f"{prefix}Value", f"{prefix}Other"]
    server = Server()
    server.add(group)
    for name in ("Value", "Value.", "Value.DESC", "Value.DESC$"):
        assert server.find(f"{prefix}{name}".encode()), name
    for name in ("Value.[0]", "Value.VAL{ts:{}}", "Value{dbnd:{abs:1}}", "Value[0:0]"):
        source = server.find(f"{prefix}{name}".encode())
        assert source is not None, name
        assert source.name == f"{prefix}{name}"
    for name in ("Value.{nosuch:{}}", "Value[", "Nosuch.[0]", "Value.NOSUCH"):
        assert server.find(f"{prefix}{name}".encode()) is None, name


def search(name: str, cid: int, reply: int = 5) -> bytes:
    payload = name.encode() + b"\0"
    payload += bytes(-len(payload) % 8)
    return HEADER.pack(6, len(payload), reply, 13, cid, cid) + payload


def version(number: int) -> bytes:
    return HEADER.pack(0, 0, 1, 13, number, 0)


async def ask(
    udp: socket.socket, port: int, data: bytes, host: str = "127.0.0.1"
) -> bytes:
    udp.sendto(data, (host, port))
    return await asyncio.to_thread(udp.recv, 65536)


async def test_one_datagram_of_searches_has_one_answer_with_its_number(
    bench: Any, group: Plain, udp: socket.socket
) -> None:
    server = await bench.serve(group)
    names = ["S:Value", "S:Nobody", "S:Other.DESC", "S:Other.NOPE"]
    question = version(4711) + b"".join(search(n, i) for i, n in enumerate(names))
    answer = await ask(udp, server.addresses.port, question)
    assert HEADER.unpack_from(answer) == (0, 0, 1, 13, 4711, 0)
    found = [HEADER.unpack_from(answer, i) for i in range(16, len(answer), 24)]
    assert found == [(6, 8, server.tcp_port, 0, 0xFFFFFFFF, cid) for cid in (0, 2)]


async def test_many_answers_keep_to_the_size_of_a_datagram(
    bench: Any, group: Plain, udp: socket.socket
) -> None:
    server = await bench.serve(group)
    question = version(1) + b"".join(search("S:Value", i) for i in range(100))
    cids: list[int] = []
    answer = await ask(udp, server.addresses.port, question)
    while True:
        assert len(answer) <= 1024
        cids += [HEADER.unpack_from(answer, i)[5] for i in range(16, len(answer), 24)]
        if len(cids) == 100:
            break
        answer = await asyncio.to_thread(udp.recv, 65536)
    assert cids == list(range(100))


async def test_broadcasts_are_heard_by_a_server_on_one_interface(
    bench: Any, group: Plain, udp: socket.socket
) -> None:
    server = await bench.serve(group)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    port = server.addresses.port
    answer = await ask(udp, port, search("S:Value", 5), "127.255.255.255")
    assert HEADER.unpack_from(answer, 16)[5] == 5


async def test_several_servers_on_one_port_are_all_found_by_broadcast(
    bench: Any, udp: socket.socket
) -> None:
    first = await bench.serve(make("A:"))
    port = str(first.addresses.port)
    second = await bench.serve(make("B:"), environ={"EPICS_CAS_SERVER_PORT": port})
    assert second.tcp_port != first.tcp_port
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    question = search("A:Value", 1) + search("B:Value", 2)
    answers = {await ask(udp, int(port), question, "127.255.255.255")}
    answers.add(await asyncio.to_thread(udp.recv, 65536))
    found = {(m[5], m[2]) for a in answers for m in [HEADER.unpack_from(a, 16)]}
    assert found == {(1, first.tcp_port), (2, second.tcp_port)}


def make(prefix: str) -> Plain:
    return Plain(prefix, Shown("plain", Snapshot(), events=Events()))


async def test_a_name_server_client_searches_over_tcp(bench: Any, group: Plain) -> None:
    server = await bench.serve(group)
    raw = await bench.client(server)
    raw.send(6, 10, 13, 8, 8, b"S:Value\0")
    assert (await raw.expect(6)).count == 0
    raw.send(6, 10, 13, 9, 9, b"S:Nobody\0")
    assert (await raw.expect(14)).p1 == 9


async def test_ignored_clients_get_no_answer(
    bench: Any, group: Plain, udp: socket.socket
) -> None:
    variable = {"EPICS_CAS_IGNORE_ADDR_LIST": "127.0.0.1"}
    server = await bench.serve(group, environ=variable)
    udp.sendto(search("S:Value", 1), ("127.0.0.1", server.addresses.port))
    udp.settimeout(0.3)
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(udp.recv, 65536)


@pytest.mark.parametrize("seed", range(20))
async def test_random_datagrams_do_not_end_the_search(
    bench: Any, group: Plain, udp: socket.socket, seed: int
) -> None:
    import random  # noqa: PLC0415

    chance = random.Random(seed)
    server = await bench.serve(group)
    for _ in range(50):
        size = chance.randrange(200)
        garbage = bytearray(search("S:Value", 1) + chance.randbytes(size))
        garbage[chance.randrange(len(garbage))] = chance.randrange(256)
        udp.sendto(
            garbage[chance.randrange(16) :], ("127.0.0.1", server.addresses.port)
        )
    udp.setblocking(False)
    answer = b""
    for cid in range(100):
        udp.sendto(search("S:Value", 7000 + cid), ("127.0.0.1", server.addresses.port))
        await asyncio.sleep(0.01)
        with_answers = []
        while True:
            try:
                with_answers.append(udp.recv(65536))
            except BlockingIOError:
                break
        if any(
            HEADER.unpack_from(a, len(a) - 24)[5] == 7000 + cid for a in with_answers
        ):
            answer = with_answers[-1]
            break
    assert answer


async def test_beacons_come_at_rising_distances(bench: Any, group: Plain) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        variables = {"EPICS_CAS_BEACON_ADDR_LIST": address}
        server = await bench.serve(group, environ=variables)
        loop = asyncio.get_running_loop()
        beacons, times = [], []
        for _ in range(5):
            data = await asyncio.to_thread(sock.recv, 100)
            beacons.append(HEADER.unpack(data))
            times.append(loop.time())
    local = int.from_bytes(bytes((127, 0, 0, 1)), "big")
    assert beacons == [(13, 0, 13, server.tcp_port, n, local) for n in range(5)]
    assert times[-1] - times[0] > 0.15  # four of the first distance: 0.08 s


async def test_each_interface_speaks_for_itself(
    bench: Any, group: Plain, udp: socket.socket
) -> None:
    hosts = ["127.0.0.1", "127.0.0.2"]
    address = f"127.0.0.1:{udp.getsockname()[1]}"
    variables = {
        "EPICS_CAS_INTF_ADDR_LIST": " ".join(hosts),
        "EPICS_CAS_BEACON_ADDR_LIST": address,
    }
    server = await bench.serve(group, environ=variables)
    heard = set()
    for _ in range(6):
        data, (sender, _port) = await asyncio.to_thread(udp.recvfrom, 100)
        heard.add((sender, socket.inet_ntoa(data[12:16])))
    assert heard == {(host, host) for host in hosts}
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        for host in hosts * 2:
            question = version(0) + search("S:Value", 1)
            client.sendto(question, (host, server.addresses.port))
            _, (sender, _port) = await asyncio.to_thread(client.recvfrom, 100)
            assert sender == host
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(100)  # no socket but the one that was asked has answered


async def test_a_taken_tcp_port_is_replaced_and_the_search_port_shared(
    bench: Any, group: Plain, udp: socket.socket
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = await bench.serve(group, environ={"EPICS_CAS_SERVER_PORT": str(port)})
        assert server.tcp_port not in (0, port)
        answer = await ask(udp, port, search("S:Value", 1))
        assert HEADER.unpack_from(answer, 16)[2] == server.tcp_port


async def test_a_search_port_that_cannot_be_had_is_one_clear_line(
    bench: Any, group: Plain
) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"UDP port {port} on 127.0.0.1 cannot be"):
            await bench.serve(group, environ={"EPICS_CAS_SERVER_PORT": str(port)})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("EPICS_CAS_SERVER_PORT", "many"),
        ("EPICS_CAS_INTF_ADDR_LIST", "no.such.host.invalid"),
        ("EPICS_CAS_BEACON_PERIOD", "often"),
        ("EPICS_CAS_BEACON_ADDR_LIST", "127.0.0.1:x"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(variable: str, text: str) -> None:
    with pytest.raises(ServeError, match=f"{variable}: {text!r}"):
        Server(environ={variable: text})
