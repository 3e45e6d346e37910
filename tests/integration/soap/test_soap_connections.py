"""Connections that do not come about, end, or hang."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from daqpv.ecc import EccState, StateAnswer, Transition
from daqpv.errors import NoAnswerError, NotConnectedError
from daqpv.links.soap.ecc import EccSoapLink

LONG = 20.0  # [s] a deadline that no test is meant to meet
SHORT = 0.2  # [s] a deadline that passes

ANSWER = (
    b"HTTP/1.0 200 OK\r\n\r\n"
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    b'<s:Body><e:ResponseState xmlns:e="urn:ecc"><ErrorCode>0</ErrorCode>'
    b"<ErrorMessage/><State>1</State><Transition>0</Transition></e:ResponseState></s:Body></s:Envelope>"
)
IDLE = StateAnswer(EccState.IDLE, Transition.NONE)

Serving = Callable[..., AbstractAsyncContextManager[Any]]


async def never(_connection: socket.socket) -> None:
    await asyncio.Event().wait()


async def test_a_server_that_never_answers_is_left_at_the_deadline(
    serving: Serving,
) -> None:
    async with serving(never) as peer:
        with pytest.raises(
            NoAnswerError, match=r"no answer to GetState in 0\.2 s"
        ) as e:
            await peer.link.state(timeout=SHORT)
    assert e.value.timed_out


async def test_a_trickle_does_not_stretch_the_deadline(serving: Serving) -> None:
    async def trickle(connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            await loop.sock_sendall(connection, b"y")
            await asyncio.sleep(SHORT / 10)

    async with serving(trickle) as peer:
        with pytest.raises(NoAnswerError) as caught:
            await peer.link.state(timeout=SHORT)
    assert caught.value.timed_out


def listening(backlog: int) -> socket.socket:
    """A process that hangs: the kernel takes its connections, it does not."""
    hung = socket.socket()
    hung.bind(("127.0.0.1", 0))
    hung.listen(backlog)
    return hung


async def test_a_hung_process_whose_kernel_connects_may_have_the_request() -> None:
    with listening(5) as hung:
        link = EccSoapLink("CoBo0", f"http://127.0.0.1:{hung.getsockname()[1]}")
        with pytest.raises(NoAnswerError, match="busy or hangs") as caught:
            await link.state(timeout=SHORT)
    assert caught.value.timed_out


async def test_a_connection_that_does_not_come_about_sent_nothing() -> None:
    with listening(0) as full, socket.socket() as first, socket.socket() as second:
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        link = EccSoapLink("CoBo0", f"http://127.0.0.1:{full.getsockname()[1]}")
        with pytest.raises(
            NotConnectedError, match=r"no connection in 0\.2 s\. Is the"
        ):
            await link.state(timeout=SHORT)


async def test_nobody_there_is_told_with_the_cure(serving: Serving) -> None:
    async with serving(never) as peer:
        url = peer.url
    with pytest.raises(NotConnectedError) as caught:
        await EccSoapLink("CoBo0", url).state(timeout=LONG)
    assert str(caught.value) == (
        f"CoBo0 at 127.0.0.1:{peer.port}: connection refused. "
        "Nothing listens there: start the server, or correct the port"
    )


async def test_an_address_without_a_way_to_it_is_told() -> None:
    link = EccSoapLink("CoBo0", "http://224.0.0.1:8083")  # TCP has no multicast
    with pytest.raises(NotConnectedError, match=r"network is unreachable\. Is the"):
        await link.state(timeout=LONG)


async def test_a_name_that_cannot_be_one_is_told() -> None:
    link = EccSoapLink("CoBo0", f"http://{'a' * 64}:8083")
    with pytest.raises(
        NotConnectedError, match=r"no such name .* Correct it in the file"
    ):
        await link.state(timeout=LONG)


async def test_a_name_leads_to_a_server_that_listens_on_ipv4_only(
    serving: Serving,
) -> None:
    async with serving(ANSWER) as peer:
        link = EccSoapLink("CoBo0", f"http://localhost:{peer.port}")
        assert await link.state(timeout=LONG) == IDLE
        assert await link.state(timeout=LONG) == IDLE
    assert f"Host: localhost:{peer.port}\r\n".encode() in peer.requests[0]


class Names:
    """A name service, in place of the system's, for names only."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: list[str] = []
        self.asked = 0
        self.is_up = threading.Event()
        self.is_up.set()
        self._true = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, port: int, *args: Any, **options: Any) -> Any:
        if host != "cobo0":
            return self._true(host, port, *args, **options)
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        self.asked += 1
        self.is_up.wait(LONG)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            found
            for address in self.addresses
            for found in self._true(address, port, type=socket.SOCK_STREAM)
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


async def test_a_name_is_looked_up_again_only_after_a_failure(
    serving: Serving, names: Names
) -> None:
    async with serving(ANSWER) as peer:
        link = EccSoapLink("CoBo0", f"http://cobo0:{peer.port}")
        with pytest.raises(NotConnectedError, match=r"no such name \(name or service"):
            await link.state(timeout=LONG)
        names.addresses = ["127.0.0.2", "127.0.0.1"]  # the first refuses
        for _ in range(3):
            assert await link.state(timeout=LONG) == IDLE
        assert names.asked == 2
    with pytest.raises(NotConnectedError, match="connection refused"):
        await link.state(timeout=LONG)
    assert names.asked == 2
    with pytest.raises(NotConnectedError, match="connection refused"):
        await link.state(timeout=LONG)
    assert names.asked == 3


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_of_a_names_addresses_those_of_ipv4_are_tried_first(
    serving: Serving, names: Names
) -> None:
    names.addresses = ["::1", "127.0.0.1"]
    async with serving(ANSWER) as peer:
        hung = socket.create_server(("::1", peer.port), family=socket.AF_INET6)
        with hung:
            link = EccSoapLink("CoBo0", f"http://cobo0:{peer.port}")
            assert await link.state(timeout=LONG) == IDLE


async def test_a_name_service_that_hangs_is_left_at_the_deadline(names: Names) -> None:
    names.is_up.clear()
    link = EccSoapLink("CoBo0", "http://cobo0:8083")
    with pytest.raises(NotConnectedError, match=r"name was not found in 0\.2 s"):
        await link.state(timeout=SHORT)
    names.is_up.set()


async def test_cancelling_closes_the_connection(serving: Serving) -> None:
    async def wait(_connection: socket.socket) -> None:
        pass  # for them to leave

    async with serving(wait) as peer:
        call = asyncio.create_task(peer.link.state(timeout=LONG))
        await asyncio.wait_for(peer.has_request.wait(), LONG)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(peer.was_left.wait(), LONG)


async def test_cancelling_at_any_point_leaves_nothing_behind(serving: Serving) -> None:
    async with serving(ANSWER) as peer:
        link = peer.link
        for passes in range(60):
            call = asyncio.create_task(link.state(timeout=LONG))
            for _ in range(passes):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait({call})
            assert call.cancelled() or call.result() == IDLE
        assert await link.state(timeout=LONG) == IDLE


async def test_calls_at_once_do_not_disturb_each_other(serving: Serving) -> None:
    async with serving(ANSWER) as peer:
        link = peer.link
        calls = [link.state(timeout=LONG) for _ in range(100)]
        assert await asyncio.gather(*calls) == [IDLE] * 100


@pytest.mark.parametrize("timeout", [0.0, -1.0])
async def test_a_deadline_that_has_passed_sends_nothing(
    serving: Serving, timeout: float
) -> None:
    async with serving(ANSWER) as peer:
        with pytest.raises(NotConnectedError):
            await peer.link.state(timeout=timeout)
    assert peer.requests == []
