"""Who else serves our names: who is believed, and who is not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from daqpv.core import Events, Shown, Snapshot
from daqpv.serve import DuplicateServers, Group, Identity, Other, Server, ai
from daqpv.serve.ca import protocol as ca
from daqpv.serve.values.strings import c_bytes
from tests.support.ports import free_port

NAMES = ("S:Other", "S:Value")
MANY = 20  # tries, for a busy machine


class Plain(Group[Shown[Snapshot]]):
    value = ai("Value")


def plain(prefix: str = "S:") -> Plain:
    return Plain(prefix, Shown("plain", Snapshot(), events=Events()))


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daqpv.serve.ca.duplicates.CONFIRMED_WITHIN", 2.0)


def searcher(port: int) -> Server:
    """A server that does not serve yet."""
    where = {"EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1"}
    return Server(environ=where | {"EPICS_CAS_SERVER_PORT": str(port)})


async def others(
    port: int, *, server: Server | None = None, tries: int = 1
) -> list[Other]:
    environ = {"EPICS_CA_ADDR_LIST": "", "EPICS_CA_AUTO_ADDR_LIST": "NO"}
    found = DuplicateServers(NAMES, server or searcher(port), environ=environ)
    return await found.find(tries=tries)


# -- who answers searches --------------------------------------------------------------


class Answering(asyncio.DatagramProtocol):
    """Answers each datagram as `answer` says; it is given the first channel id."""

    def __init__(self, answer: Callable[[int], bytes]) -> None:
        self._answer = answer
        self.asked = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.asked += 1
        first = ca.HEADER.unpack_from(data, ca.HEADER_SIZE)[5]
        self._transport.sendto(self._answer(first), addr)


@asynccontextmanager
async def answering(answer: Callable[[int], bytes]) -> AsyncIterator[int]:
    """Answer searches while the body runs, which is given the port; it is asked."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Answering(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
        assert protocol.asked
    finally:
        transport.close()


def found(cid: int, port: int) -> bytes:
    """An answer: `cid` is served on TCP `port` of who answers."""
    return ca.HEADER.pack(ca.SEARCH, 8, port, 0, 0xFFFFFFFF, cid) + bytes(8)


Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(converse: Conversation) -> AsyncIterator[int]:
    """A TCP server of another make, while the body runs."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(r: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await converse(r, w)
        finally:
            w.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def has_only(
    name: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """What a C IOC says to a client that connects to its one PV `name`."""
    while True:
        head = await reader.readexactly(16)
        command, size, _, _, cid, _ = ca.HEADER.unpack(head)
        payload = c_bytes(await reader.readexactly(size))
        if command == ca.VERSION:
            writer.write(ca.message(ca.VERSION, 0, ca.MINOR, 0, 0))
        elif payload == name:
            writer.write(ca.message(ca.ACCESS_RIGHTS, 0, 0, cid, 3))
            writer.write(ca.message(ca.CREATE_CHANNEL, ca.DOUBLE, 1, cid, 1))
        else:
            writer.write(ca.message(ca.CREATE_FAILED, 0, 0, cid, 0))


# -- believed --------------------------------------------------------------------------


async def test_another_daqpv_is_found_and_says_since_when(bench: Any) -> None:
    server = await bench.serve(plain())
    (other,) = await others(server.addresses.port, tries=MANY)
    served = ("S:Value", f"127.0.0.1:{server.tcp_port}", server.since)
    assert other[:3] == served


async def test_who_began_to_serve_first_has_the_lesser_since(bench: Any) -> None:
    first = await bench.serve(plain())
    second = await bench.serve(plain())
    assert "" < first.since < second.since


async def test_all_who_serve_a_name_are_found(bench: Any) -> None:
    first = await bench.serve(plain())
    port = first.addresses.port
    shared = {"EPICS_CAS_SERVER_PORT": str(port)}
    second = await bench.serve(plain(), environ=shared)
    third = await bench.serve(plain(), environ=shared)
    seen = {other.since for other in await others(port, server=second, tries=MANY)}
    assert seen == {first.since, third.since}


async def test_a_server_of_another_make_is_found(bench: Any) -> None:
    async def ioc(*streams: Any) -> None:
        await has_only(b"S:Value", *streams)

    async with listening(ioc) as tcp, answering(lambda cid: found(cid + 1, tcp)) as udp:
        seen = await others(udp, tries=MANY)
    assert seen == [Other("S:Value", f"127.0.0.1:{tcp}", "")]


async def test_a_server_that_only_a_name_server_knows_is_found(bench: Any) -> None:
    """Here it is its own: nothing else has its port, and no datagram reaches it."""
    server = await bench.serve(plain())
    environ = {"EPICS_CA_AUTO_ADDR_LIST": "NO"}
    environ["EPICS_CA_NAME_SERVERS"] = f"127.0.0.1:{server.tcp_port}"
    asking = DuplicateServers(NAMES, searcher(free_port()), environ=environ)
    (other,) = await asking.find(tries=MANY)
    served = ("S:Value", f"127.0.0.1:{server.tcp_port}", server.since)
    assert other[:3] == served


async def test_a_name_server_that_is_away_finds_nobody() -> None:
    environ = {"EPICS_CA_AUTO_ADDR_LIST": "NO"}
    environ["EPICS_CA_NAME_SERVERS"] = f"127.0.0.1:{free_port()} no.such.host.invalid"
    asking = DuplicateServers(NAMES, searcher(free_port()), environ=environ)
    assert await asking.find(tries=1) == []


async def test_another_daqpv_says_who_it_is_and_what_its_clock_shows(
    bench: Any,
) -> None:
    said = {"process": "crate1@host1", "file": {"ecc": "1a2b"}}
    server = await bench.serve(plain(), identity=lambda: said)
    (other,) = await others(server.addresses.port, tries=MANY)
    assert other.identity is not None
    assert other.identity.process == "crate1@host1"
    assert other.identity.file == {"ecc": "1a2b"}
    assert abs(other.ahead) < 2.0  # [s]; it is this computer's


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "3", "{}", '{"process": 1, "clock": 2, "file": {}}'),
        *('{"process": "p", "clock": "now", "file": {}}', "[" * 5000),
        *('{"process": "p", "clock": NaN, "file": []}', '{"process": "p"}'),
        '{"process": "p", "clock": NaN, "file": {}}',
    ],
)
def test_an_identity_that_is_none_is_not_believed(text: str) -> None:
    assert Identity.parse(text) is None


async def test_names_of_others_are_searched_for_without_being_ours(bench: Any) -> None:
    server = await bench.serve(plain())
    environ = {"EPICS_CA_AUTO_ADDR_LIST": "NO"}
    asking = DuplicateServers(NAMES, server, environ=environ, foreign=True)
    assert await asking.find(tries=1) == []  # it answers, and is known as our own
    assert (
        await DuplicateServers((), server, environ=environ, foreign=True).find(tries=1)
        == []
    )


# -- not believed ----------------------------------------------------------------------


async def test_who_has_other_names_is_not_found(bench: Any) -> None:
    server = await bench.serve(plain("T:"))
    assert await others(server.addresses.port) == []


async def test_a_search_is_no_answer() -> None:
    """A process whose CA port is the port of our socket searches, and we hear it."""
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()

        def search(cid: int) -> bytes:
            return ca.message(ca.SEARCH, 5, ca.MINOR, cid, cid, b"S:Value\0")

        async with answering(search) as udp:
            assert await others(udp) == []


async def test_our_own_search_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may give our CA port to our socket, as long as nobody has it."""
    with socket.socket(type=socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.setblocking(False)
        monkeypatch.setattr("daqpv.serve.ca.duplicates._socket", own.dup)
        assert await others(own.getsockname()[1]) == []


async def test_an_answer_to_another_search_is_not_believed(bench: Any) -> None:
    server = await bench.serve(plain())
    async with answering(lambda cid: found(cid ^ 0x10000, server.tcp_port)) as udp:
        assert await others(udp) == []


async def test_an_answer_with_a_port_where_nobody_listens_is_not_believed() -> None:
    async with answering(lambda cid: found(cid, 5)) as udp:
        assert await others(udp) == []


async def test_an_answer_for_a_name_that_the_server_has_not_is_not_believed(
    bench: Any,
) -> None:
    server = await bench.serve(plain("T:"))
    async with answering(lambda cid: found(cid, server.tcp_port)) as udp:
        assert await others(udp) == []


async def test_who_never_answers_over_tcp_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daqpv.serve.ca.duplicates.CONFIRMED_WITHIN", 0.2)

    async def hang(reader: asyncio.StreamReader, _: Any) -> None:
        await reader.read()

    async with listening(hang) as tcp, answering(lambda cid: found(cid, tcp)) as udp:
        assert await others(udp) == []


# -- ourselves -------------------------------------------------------------------------


async def test_a_server_does_not_find_itself(bench: Any) -> None:
    server = await bench.serve(plain())
    assert await others(server.addresses.port, server=server) == []
    assert await others(server.addresses.port, tries=MANY)  # but anybody else


async def test_a_gateway_to_our_own_pvs_is_not_another_server(bench: Any) -> None:
    server = await bench.serve(plain())
    async with answering(lambda cid: found(cid + 1, server.tcp_port)) as udp:
        environ = {"EPICS_CA_ADDR_LIST": f"127.0.0.1:{udp}"}
        environ["EPICS_CA_AUTO_ADDR_LIST"] = "NO"
        assert (
            await DuplicateServers(NAMES, server, environ=environ).find(tries=1) == []
        )
