"""What comes back: answers in every form of HTTP, and what is no answer."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daqpv.ecc import (
    ConfigId,
    EccState,
    Operation,
    OperationAnswer,
    StateAnswer,
    Transition,
)
from daqpv.errors import NoAnswerError, ProtocolError

LONG = 20.0  # [s] a deadline that no test is meant to meet

Serving = Callable[..., AbstractAsyncContextManager[Any]]
Script = Callable[[socket.socket], Awaitable[None]]

ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:ecc="urn:ecc"><SOAP-ENV:Body>{}</SOAP-ENV:Body></SOAP-ENV:Envelope>'
)
STATE = ENVELOPE.format(
    "<ecc:ResponseState><ErrorCode>0</ErrorCode>"
    "<ErrorMessage>The ECC state machine is busy!</ErrorMessage>"
    "<State>3</State><Transition>3</Transition></ecc:ResponseState>"
).encode()
BUSY = StateAnswer(
    EccState.PREPARED,
    Transition.CONFIGURING,
    error_message="The ECC state machine is busy!",
)
TEXT = (
    "<ecc:ResponseText><ErrorCode>{}</ErrorCode><ErrorMessage>{}</ErrorMessage>"
    "<Text>{}</Text></ecc:ResponseText>"
)
FAULT = ENVELOPE.format(
    "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode>"
    "<faultstring>Method 'GetState' not implemented</faultstring></SOAP-ENV:Fault>"
).encode()


def http(body: bytes, status: str = "200 OK") -> bytes:
    """An answer as gSOAP 2.8 sends it."""
    return (
        f"HTTP/1.1 {status}\r\nServer: gSOAP/2.8\r\nX-Frame-Options: SAMEORIGIN\r\n"
        "Content-Type: text/xml; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n5\r\n%b\r\n0\r\n\r\n" % (len(STATE) - 5, STATE[:-5], STATE[-5:])
)


FORMS = [
    pytest.param(http(STATE), id="as gSOAP sends it"),
    pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + STATE, id="no length"),
    pytest.param(CHUNKED, id="chunked"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + http(STATE), id="100 first"),
]


@pytest.mark.parametrize(
    "answer",
    [
        *FORMS,
        pytest.param([bytes([byte]) for byte in http(STATE)], id="byte by byte"),
        pytest.param(http(STATE) + b"more", id="more than it says"),
    ],
)
async def test_a_whole_answer_is_read_in_every_form_of_http(
    serving: Serving,
    answer: bytes | list[bytes],
) -> None:
    async with serving(answer) as peer:
        assert await peer.link.state(timeout=LONG) == BUSY


async def test_an_answer_is_whole_although_the_server_keeps_the_connection(
    serving: Serving,
) -> None:
    async def keep(connection: socket.socket) -> None:
        await asyncio.get_running_loop().sock_sendall(connection, http(STATE))

    async with serving(keep) as peer:
        assert await peer.link.state(timeout=LONG) == BUSY
        await asyncio.wait_for(peer.was_left.wait(), LONG)


async def test_an_error_code_is_no_exception(serving: Serving) -> None:
    body = ENVELOPE.format(TEXT.format(3, "Configuration '' does not exist.", ""))
    async with serving(http(body.encode())) as peer:
        answer = await peer.link.operate(Operation.STOP, None, (), timeout=LONG)
    assert answer == OperationAnswer(3, "Configuration '' does not exist.", "")


async def test_a_list_of_configurations_of_a_megabyte_is_read(serving: Serving) -> None:
    entry = (
        '&lt;ConfigId>&lt;SubConfigId type="describe">cobo{0}&lt;/SubConfigId>'
        '&lt;SubConfigId type="prepare">exp&lt;/SubConfigId>'
        '&lt;SubConfigId type="configure">exp&lt;/SubConfigId>&lt;/ConfigId>'
    )
    entries = "".join(entry.format(n) for n in range(6000))
    text = f"&lt;ConfigIdSet>{entries}&lt;/ConfigIdSet>"
    assert len(text) > 1_000_000
    body = ENVELOPE.format(TEXT.format(0, "", text)).encode()
    async with serving(http(body)) as peer:
        configs = await peer.link.configs(timeout=LONG)
    assert list(configs) == [ConfigId(f"cobo{n}", "exp", "exp") for n in range(6000)]


async def test_an_error_code_of_getconfigids_is_told(serving: Serving) -> None:
    body = ENVELOPE.format(TEXT.format(1, "no such directory", "")).encode()
    async with serving(http(body)) as peer:
        with pytest.raises(ProtocolError, match="is error 1, no such directory"):
            await peer.link.configs(timeout=LONG)


async def test_a_fault_is_told_with_its_words_and_the_cure(serving: Serving) -> None:
    async with serving(http(FAULT, "500 Internal Server Error")) as peer:
        with pytest.raises(ProtocolError) as caught:
            await peer.link.state(timeout=LONG)
    assert str(caught.value) == (
        f"CoBo0 at 127.0.0.1:{peer.port} does not take GetState: "
        "Method 'GetState' not implemented. "
        "Is this the port of a GET ECC server (getEccSoapServer)?"
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(b"<html>404</html>", "404 Not Found"), "it is HTTP 404 Not Found. Is"),
        (http(STATE, "500 Oh"), "it is HTTP 500 Oh"),
        (http(b"", "301 Moved\r\nLocation: /"), "it is HTTP 301 Moved"),
        (http(b"<html>hello</html>"), "it is no SOAP answer. Is this the port of"),
        (http(b""), "it is not XML"),
        (http(STATE.replace(b"</State>", b"</Stat>")), "it is not XML"),
        (http(STATE.replace(b"<State>3", b"<State>33")), "its State is 33"),
        (
            http(STATE.replace(b"<ErrorCode>0", b"<ErrorCode>5")),
            "it is error 5, The ECC state machine is busy!",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it begins with b'SSH-2.0"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "it begins with b'\\\\x15"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "it is 99999999 byt"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "head of more than 65536"),
    ],
)
async def test_an_answer_that_is_none_is_told_in_words(
    serving: Serving, answer: bytes, words: str
) -> None:
    async with serving(answer) as peer:
        with pytest.raises(ProtocolError, match=words) as caught:
            await peer.link.state(timeout=LONG)
    assert str(caught.value).startswith(f"CoBo0 at 127.0.0.1:{peer.port}")


async def test_an_endless_answer_is_cut_off(serving: Serving) -> None:
    async def flood(connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, b"HTTP/1.0 200 OK\r\n\r\n")
        while True:
            await loop.sock_sendall(connection, bytes(2**20))

    async with serving(flood) as peer:
        with pytest.raises(ProtocolError, match="longer than the 131072 bytes"):
            await peer.link.state(timeout=LONG)


async def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed after 0 bytes"),
        (http(STATE)[:50], "closed after 50 bytes"),
        (http(STATE)[:-1], "closed after"),
        (CHUNKED[:-2], "closed after"),
        (reset, "connection reset by peer"),
    ],
)
async def test_a_connection_cut_before_the_answer_was_whole_is_told(
    serving: Serving, answer: bytes | Script, words: str
) -> None:
    async with serving(answer) as peer:
        with pytest.raises(NoAnswerError, match=words) as caught:
            await peer.link.state(timeout=LONG)
    assert not caught.value.timed_out
    assert str(caught.value).startswith(f"CoBo0 at 127.0.0.1:{peer.port}: the conn")


@pytest.mark.parametrize("whole", FORMS)
async def test_no_answer_cut_anywhere_is_taken_for_a_whole_one(
    serving: Serving, whole: bytes
) -> None:
    end = 0

    async def send(connection: socket.socket) -> None:
        await asyncio.get_running_loop().sock_sendall(connection, whole[:end])
        connection.shutdown(socket.SHUT_WR)

    async with serving(send) as peer:
        link = peer.link
        while end < len(whole):
            with pytest.raises((NoAnswerError, ProtocolError)):
                await link.state(timeout=LONG)
            end += 1
        assert await link.state(timeout=LONG) == BUSY


@given(st.binary() | st.binary().map(http))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_garbage_raises_anything_else(serving: Serving, answer: bytes) -> None:
    async def ask() -> None:
        async with serving(answer) as peer:
            await peer.link.state(timeout=LONG)

    with pytest.raises((NoAnswerError, ProtocolError)):
        asyncio.run(ask())
