"""What a simulated ECC server accepts and answers, byte by byte over raw sockets.

Each outcome was observed on a gSOAP 2.8.124 server with the ECC server's interface.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from daqpv.sim.ecc import Behaviour, Build, EccSimulator

HEAD = (
    b"HTTP/1.1 %s\r\nServer: gSOAP/2.8\r\nX-Frame-Options: SAMEORIGIN\r\n"
    b"Content-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n"
)
OPENING = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"'
    b' xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/"'
    b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    b' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:ecc="urn:ecc">'
    b"<SOAP-ENV:Body>"
)
CLOSING = b"</SOAP-ENV:Body></SOAP-ENV:Envelope>\r\n"
IDLE = (
    b"<ecc:ResponseState><ErrorCode>0</ErrorCode><ErrorMessage/><State>1</State>"
    b"<Transition>0</Transition></ecc:ResponseState>"
)
ENVELOPE = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    b"<s:Body>%s</s:Body></s:Envelope>"
)
GET_STATE = ENVELOPE % b'<GetState xmlns="urn:ecc"/>'
RECEIVE_TIMEOUT = 0.2


def whole(inner: bytes, status: bytes = b"200 OK") -> bytes:
    body = OPENING + inner + CLOSING
    return HEAD % (status, len(body)) + body


def fault(text: bytes, status: bytes = b"500 Internal Server Error") -> bytes:
    return whole(
        b"<SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode><faultstring>"
        + text
        + b"</faultstring></SOAP-ENV:Fault>",
        status,
    )


def post(body: bytes, headers: bytes = b"", version: bytes = b"1.1") -> bytes:
    return (
        b"POST / HTTP/%s\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n"
        % (version, headers, len(body))
    ) + body


async def exchange(simulator: EccSimulator, data: bytes, *, eof: bool = False) -> bytes:
    """Everything that comes back until the simulator closes the connection."""
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    try:
        writer.write(data)
        if eof:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.fixture
async def simulator() -> AsyncIterator[EccSimulator]:
    behaviour = Behaviour(speed=1000, receive_timeout=RECEIVE_TIMEOUT)
    async with EccSimulator("CoBo0", behaviour=behaviour) as simulator:
        yield simulator


def chunks(body: bytes, size: int) -> bytes:
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x;q=1\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


ACCEPTED = {
    "plain": post(GET_STATE),
    "HTTP/1.0": post(GET_STATE, version=b"1.0"),
    "keep-alive asked for": post(GET_STATE, b"Connection: keep-alive\r\n"),
    "wrong content type": post(GET_STATE, b"Content-Type: image/png\r\n"),
    "any SOAPAction": post(GET_STATE, b'SOAPAction: "urn:bla#Foo"\r\n'),
    "any path": post(GET_STATE).replace(b"POST / ", b"POST /a/b?c=d "),
    "chunked": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    + chunks(GET_STATE, 40),
    "no length": b"POST / HTTP/1.1\r\n\r\n" + GET_STATE,
    "length too small": b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n" + GET_STATE,
    "line feeds only": post(GET_STATE).replace(b"\r\n", b"\n"),
    "trailing bytes": post(GET_STATE) + b"<more",
}


@pytest.mark.parametrize("request_", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_a_request_is_answered_to_the_byte_as_gsoap_does_and_closed(
    simulator: EccSimulator, request_: bytes
) -> None:
    assert await exchange(simulator, request_) == whole(IDLE)
    assert simulator.counts == {"GetState": 1}


async def test_soap_1_2_is_answered_in_kind(simulator: EccSimulator) -> None:
    uri = b"http://www.w3.org/2003/05/soap-envelope"
    request = GET_STATE.replace(b"http://schemas.xmlsoap.org/soap/envelope/", uri)
    answer = await exchange(simulator, post(request))
    assert b"\r\nContent-Type: application/soap+xml; charset=utf-8\r\n" in answer
    assert b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="%s"' % uri in answer
    assert IDLE in answer
    answer = await exchange(simulator, post(request.replace(b"urn:ecc", b"urn:foo")))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"<SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value>" in answer


async def test_a_client_that_asks_is_told_to_continue(simulator: EccSimulator) -> None:
    answer = await exchange(simulator, post(GET_STATE, b"Expect: 100-continue\r\n"))
    assert answer == b"HTTP/1.1 100 Continue\r\n\r\n" + whole(IDLE)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_another_method_is_not_allowed_so_there_is_no_wsdl(
    simulator: EccSimulator, method: str
) -> None:
    request = f"{method} /?wsdl HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    assert await exchange(simulator, request) == fault(
        f"HTTP {method} method not implemented".encode(), b"405 Method Not Allowed"
    )


async def test_an_unheard_of_method_is_not_allowed(simulator: EccSimulator) -> None:
    assert await exchange(simulator, b"BREW / HTTP/1.1\r\n\r\n") == fault(
        b"Error 405: HTTP 405 Method Not Allowed", b"405 Method Not Allowed"
    )


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_head_and_options_are_answered_with_nothing(
    simulator: EccSimulator, method: str
) -> None:
    request = f"{method} / HTTP/1.1\r\n\r\n".encode()
    assert await exchange(simulator, request) == HEAD % (b"200 OK", 0)


@pytest.mark.parametrize("length", [b"0", b"abc"])
async def test_an_empty_body_is_a_fault(simulator: EccSimulator, length: bytes) -> None:
    request = b"POST / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % length
    assert await exchange(simulator, request) == fault(b"Data required for operation")


async def test_an_unknown_operation_is_a_fault(simulator: EccSimulator) -> None:
    request = post(ENVELOPE % b'<q:Reset xmlns:q="urn:ecc"/>')
    assert await exchange(simulator, request) == fault(
        b"Method 'q:Reset' not implemented: method name or namespace not recognized"
    )
    assert not simulator.counts


async def test_dropped_children_are_an_invalid_config_id_and_harm_no_start(
    simulator: EccSimulator,
) -> None:
    for method, code in (("Describe", 1), ("Prepare", 2), ("Configure", 3)):
        body = (
            f'<ecc:{method} xmlns:ecc="urn:ecc"><ecc:configID>&lt;ConfigId/&gt;'
            f"</ecc:configID><ecc:table/></ecc:{method}>"
        ).encode()
        assert await exchange(simulator, post(ENVELOPE % body)) == whole(
            b"<ecc:ResponseText><ErrorCode>%d</ErrorCode><ErrorMessage>Configuration "
            b"identifier '&lt;ConfigId&gt;&lt;/ConfigId&gt;' is not valid."
            b"</ErrorMessage><Text/></ecc:ResponseText>" % code
        )
    body = b'<e:Start xmlns:e="urn:ecc"><e:configID>x</e:configID></e:Start>'
    assert await exchange(simulator, post(ENVELOPE % body)) == whole(
        b"<ecc:ResponseText><ErrorCode>0</ErrorCode><ErrorMessage/><Text/>"
        b"</ecc:ResponseText>"
    )
    assert [request.config_id for request in simulator.requests] == [""] * 4


async def test_arguments_are_kept_as_received(simulator: EccSimulator) -> None:
    body = (
        '<Undo xmlns="urn:ecc"><table>&lt;t/&gt;</table>'
        "<configID> <a>1</a>é€</configID></Undo>"
    )
    before = time.time()
    await exchange(simulator, post(ENVELOPE % body.encode()))
    (request,) = simulator.requests
    assert (request.method, request.config_id, request.table) == (
        "Undo",
        " <a>1</a>\xe9\xac",
        "<t/>",
    )
    assert before <= request.time <= time.time()


SILENT_AT_ONCE = {
    "not XML": post(b"hello world, this is not xml"),
    "JSON": post(b'{"a": 1}'),
    "no envelope": post(b"<foo/>"),
    "not HTTP": b"hello there\r\n\r\n",
    "an empty first chunk": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n",
    "a chunk without size": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"xyz\r\n",
}


@pytest.mark.parametrize("request_", SILENT_AT_ONCE.values(), ids=SILENT_AT_ONCE.keys())
async def test_what_is_no_request_is_closed_at_once_with_no_answer(
    simulator: EccSimulator, request_: bytes
) -> None:
    simulator.behaviour.receive_timeout = 60
    assert await exchange(simulator, request_) == b""


async def test_an_endless_header_is_not_read_to_its_end(
    simulator: EccSimulator,
) -> None:
    simulator.behaviour.receive_timeout = 60
    with contextlib.suppress(ConnectionError):  # reset: it had not read everything
        head = b"POST / HTTP/1.1\r\nX: " + b"x" * 200_000
        assert await exchange(simulator, head) == b""
    assert await exchange(simulator, post(GET_STATE)) == whole(IDLE)


SILENT_LATER = {
    "nothing": b"",
    "half a head": b"POST / HTTP/1.1\r\nHost",
    "no body": b"POST / HTTP/1.1\r\n\r\n",
    "blanks": post(b"   "),
    "within a text": post(GET_STATE[:-20]),
    "an open angle": post(
        ENVELOPE % b'<Undo xmlns="urn:ecc"><table>a < b</table></Undo>'
    ),
}


@pytest.mark.parametrize("request_", SILENT_LATER.values(), ids=SILENT_LATER.keys())
async def test_a_request_that_stops_is_closed_after_the_receive_timeout(
    simulator: EccSimulator, request_: bytes
) -> None:
    start = time.monotonic()
    assert await exchange(simulator, request_) == b""
    assert time.monotonic() - start >= RECEIVE_TIMEOUT


@pytest.mark.parametrize("request_", SILENT_LATER.values(), ids=SILENT_LATER.keys())
async def test_a_request_that_ends_early_is_closed_at_once(
    simulator: EccSimulator, request_: bytes
) -> None:
    simulator.behaviour.receive_timeout = 60
    assert await exchange(simulator, request_, eof=True) == b""


async def test_xml_truncated_behind_the_arguments_is_a_fault_after_the_timeout(
    simulator: EccSimulator,
) -> None:
    body = ENVELOPE % b'<Undo xmlns="urn:ecc"><configID/><table/>|</Undo>'
    start = time.monotonic()
    assert await exchange(simulator, post(body.split(b"|")[0])) == fault(
        b"Validation constraint violation: tag name or namespace mismatch"
    )
    assert time.monotonic() - start >= RECEIVE_TIMEOUT
    assert not simulator.counts


async def test_the_receive_timeout_of_the_true_server_is_60_seconds() -> None:
    assert Behaviour().receive_timeout == 60


async def test_a_large_table_is_accepted(simulator: EccSimulator) -> None:
    table = b"&lt;" + b"x" * 20_000_000
    body = b'<Undo xmlns="urn:ecc"><configID/><table>%s</table></Undo>' % table
    answer = await exchange(simulator, post(ENVELOPE % body))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(simulator.requests[-1].table) == 20_000_001


async def test_a_large_request_in_chunks_is_accepted(simulator: EccSimulator) -> None:
    table = b"x" * 500_000
    body = ENVELOPE % (b'<Undo xmlns="urn:ecc"><table>%s</table></Undo>' % table)
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    for size in (1000, 200_000):
        answer = await exchange(simulator, head + chunks(body, size))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert simulator.requests[-1].table == table.decode()


async def test_an_answer_larger_than_the_sockets_buffers_arrives_whole(
    simulator: EccSimulator,
) -> None:
    names = [f"{number:0120}" for number in range(150)]
    simulator.repository.describes = dict.fromkeys(names, ())
    simulator.repository.configures = names
    request = post(ENVELOPE % b'<GetConfigIDs xmlns="urn:ecc"/>')
    answer = await exchange(simulator, request)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert body.count(b"&lt;ConfigId&gt;") == 150 * 150


async def test_a_client_that_leaves_before_the_answer_does_no_harm(
    simulator: EccSimulator,
) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_connection(simulator.host, simulator.port)
        writer.write(post(GET_STATE))
        writer.transport.abort()
    assert await exchange(simulator, post(GET_STATE)) == whole(IDLE)


async def test_the_build_of_2014_writes_empty_elements_with_two_tags() -> None:
    behaviour = Behaviour(build=Build.MAY_2014)
    async with EccSimulator("CoBo0", behaviour=behaviour) as simulator:
        answer = await exchange(simulator, post(GET_STATE))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nServer: gSOAP/2.7\r\n" in head
    assert b"X-Frame-Options" not in head
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<SOAP-ENV:Env')
    assert b"<ErrorCode>0</ErrorCode><ErrorMessage></ErrorMessage><State>1<" in body


async def test_many_simulators_and_clients_share_one_loop() -> None:
    async with contextlib.AsyncExitStack() as stack:
        simulators = [
            await stack.enter_async_context(EccSimulator(f"CoBo{number}"))
            for number in range(50)
        ]
        async with asyncio.TaskGroup() as group:
            answers = [
                group.create_task(exchange(simulator, post(GET_STATE)))
                for simulator in simulators
                for _ in range(4)
            ]
    assert {answer.result() for answer in answers} == {whole(IDLE)}
    assert all(simulator.counts["GetState"] == 4 for simulator in simulators)
