"""Serves one connection: reads the request, and sends, spoils or omits the answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from daqpv.sim.ecc import http
from daqpv.sim.ecc.faults import Fault, Faults, Kind
from daqpv.sim.ecc.process import EccProcess
from daqpv.sim.ecc.received import Received
from daqpv.sim.ecc.soap import (
    Answer,
    Call,
    Request,
    SilentError,
    Soap,
    SoapError,
    envelope,
    fault_body,
)

_SEND_TIMEOUT = 60.0  # [s], of the true server
_FILLING = "@filling@"
_PAGE = b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the control door; `afterwards` is run after it has been sent."""

    status: int
    body: bytes
    afterwards: Callable[[], Awaitable[None]] | None = None


def cut(writer: asyncio.StreamWriter) -> None:
    """Close the connection now, and discard data that has not been sent."""
    with contextlib.suppress(AttributeError):  # Python 3.11: it has closed by itself
        writer.transport.abort()


class Host(Protocol):
    """The services of the simulator that a connection uses."""

    faults: Faults

    def note(self, call: Call, path: str) -> Received:
        """A request was understood."""

    def leave(self) -> None:
        """The process was asked to end."""

    def control(self, head: http.Head, body: bytes) -> Reply:
        """Answer a request to the control door."""


class Conversation:
    """Serves one connection; it is over when `run` returns."""

    def __init__(
        self,
        host: Host,
        process: EccProcess,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._host = host
        self._process = process
        self._stream = reader
        self._reader = http.Reader(reader, process.behaviour.receive_timeout)
        self._writer = writer

    async def run(self) -> None:
        """Serve, and close the connection in any case.

        Raises:
            ProcessDiedError: the request ended the process.
        """
        try:
            await self._serve()
        except (SilentError, ConnectionError, TimeoutError):
            pass  # no answer; or the client has disconnected, or does not read
        finally:
            cut(self._writer)

    async def _serve(self) -> None:
        head = await self._reader.head()
        if head.path == "/sim" or head.path.startswith("/sim/"):
            await self._control(head)
        elif head.method in ("HEAD", "OPTIONS"):
            await self._send(self._http(200, b""))
        elif head.method != "POST":
            await self._send_fault(_wrong_method(head.method), status=405)
        else:
            await self._call(head)

    async def _call(self, head: http.Head) -> None:
        try:
            call = await self._read(head)
        except SoapError as error:
            await self._send_fault(error)
            return
        received = self._host.note(call, head.path)
        fault = self._host.faults.take(call.method)
        received.fault = fault.do if fault else ""
        await self._answer(call, fault, received)

    async def _control(self, head: http.Head) -> None:
        body = await self._reader.exactly(max(head.length or 0, 0))
        reply = self._host.control(head, body)
        await self._send(
            http.answer(reply.status, "application/json", reply.body, server="daqpv")
        )
        if reply.afterwards is not None:
            await reply.afterwards()

    async def _read(self, head: http.Head) -> Call:
        """Read the envelope. Its end is that of the request, not Content-Length."""
        if head.length == 0 and not head.is_chunked:
            raise SoapError("Data required for operation")
        if head.headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = Request()
        try:
            async for piece in self._reader.pieces(head):
                if call := request.feed(piece):
                    return call
        except TimeoutError:
            request.give_up()
        raise SilentError("the connection was closed within the request")

    async def _answer(
        self, call: Call, fault: Fault | None, received: Received
    ) -> None:
        if fault is not None and fault.do is Kind.CUT:
            cut(self._writer)
        if fault is not None and not fault.is_worked:
            await asyncio.sleep(fault.seconds)
        answer = await self._process.answer(call, fault)
        if self._process.is_leaving:
            self._host.leave()
        if fault is not None and fault.do is Kind.HANG:
            await self._gone()
        elif fault is not None and fault.do is Kind.OVERSIZED:
            await self._send_oversized(call, answer, fault)
        elif fault is not None and fault.do is Kind.FAULT:
            text = fault.message or "Simulated fault"
            await self._send_fault(SoapError(text, soap=call.soap, code="Server"))
        else:
            whole = self._render(call, answer)
            left = _spoil(whole, fault)
            if left is whole and not self._writer.is_closing():
                received.answered = time.time()
            await self._send(left)

    async def _gone(self) -> None:
        """Wait until the client disconnects, without a deadline."""
        while await self._stream.read(65536):
            pass

    def _render(self, call: Call, answer: Answer) -> bytes:
        body = answer.render(self._process.build)
        message = envelope(body, call.soap, has_header=call.has_header)
        return self._http(200, message, call.soap)

    def _http(self, status: int, body: bytes, soap: Soap = Soap.V1_1) -> bytes:
        server = self._process.build.value
        return http.answer(status, soap.content_type, body, server=server)

    async def _send_fault(self, error: SoapError, *, status: int | None = None) -> None:
        usual = 400 if error.soap is Soap.V1_2 and error.code == "Client" else 500
        body = envelope(fault_body(error), error.soap)
        await self._send(self._http(status or usual, body, error.soap))

    async def _send_oversized(self, call: Call, answer: Answer, fault: Fault) -> None:
        """An answer too large to hold: written as it goes."""
        whole = replace(answer, message=_FILLING)
        message = envelope(whole.render(self._process.build), call.soap)
        before, after = message.split(_FILLING.encode())
        size = fault.megabytes * 1_000_000
        head = http.answer(
            200, call.soap.content_type, b"", length=len(before) + size + len(after)
        )
        self._writer.write(head + before)
        for _ in range(fault.megabytes):
            self._writer.write(b"x" * 1_000_000)
            async with asyncio.timeout(_SEND_TIMEOUT):
                await self._writer.drain()
        await self._send(after)

    async def _send(self, data: bytes) -> None:
        """Write the last of the answer and close; give up after the send timeout."""
        async with asyncio.timeout(_SEND_TIMEOUT):
            self._writer.write(data)
            self._writer.close()
            await self._writer.wait_closed()


def _wrong_method(method: str) -> SoapError:
    if method in ("GET", "PUT", "DELETE", "PATCH"):
        return SoapError(f"HTTP {method} method not implemented")
    return SoapError("Error 405: HTTP 405 Method Not Allowed")


def _spoil(whole: bytes, fault: Fault | None) -> bytes:
    """The part of an answer that the fault leaves."""
    match fault.do if fault else None:
        case Kind.HTML:
            return http.answer(200, "text/html", _PAGE, server="Apache/2.4")
        case Kind.TRUNCATED:
            return whole[: -len(whole) // 3]
        case Kind.GARBAGE:
            return bytes(range(256))
    return whole
