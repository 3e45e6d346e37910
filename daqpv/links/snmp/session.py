"""A session with an SNMP agent, over UDP, in versions 1 and 2c.

The messages are our own (daqpv/instruments/snmp): the simulator needs them anyhow, and
a reading of 64 outputs with 6 columns takes 2.6 ms of a processor, with pysnmp 7.1.30
64 ms (its v3arch) or 114 ms (v1arch), which is more than a tenth of a processor once
per second (benchmarks/instruments/snmp_cpu.py, 2026-11-29). Version 3 is left to pysnmp
(daqpv/links/snmp/v3.py), for its keys, engines and clocks.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import NamedTuple, Protocol, cast

from daqpv.errors import LinkError, NoAnswerError, NotConnectedError, ProtocolError
from daqpv.instruments.driver.trace import Show
from daqpv.instruments.snmp.message import (
    Bound,
    Message,
    Operation,
    Pdu,
    decoded,
    encoded,
)
from daqpv.links.endpoint import Endpoint, reason


class Answer(NamedTuple):
    """What an agent answers.

    Attributes:
        error: 0, or why it refuses; see `ErrorStatus`.
        position: of the object with the error, from 1; 0: of none.
        bound: objects and values.
    """

    error: int
    position: int
    bound: Sequence[Bound]


class Session(Protocol):
    """Asks an agent.

    Attributes:
        who: the agent and its address, for messages.
        has_bulk: whether it knows GETBULK.
        late: answers that came too late, or that cannot be read.
    """

    who: str
    has_bulk: bool
    late: int

    @property
    def is_open(self) -> bool:
        """Whether `ask` can be called."""

    async def open(self, timeout: float) -> None:
        """Prepare; nothing is sent.

        Raises:
            NotConnectedError: the name is unknown.
        """

    async def ask(
        self,
        operation: Operation,
        bound: Sequence[Bound],
        *,
        timeout: float,
        rows: int = 0,
    ) -> Answer:
        """Send a request and return its answer; `rows` are those of a GETBULK.

        Raises:
            LinkError: there was none that can be read, in `timeout` [s].
        """

    def forget(self) -> None:
        """Look its name up again at the next opening."""

    async def close(self) -> None:
        """Close."""


class CommunitySession:
    """Asks an agent in version 1 or 2c.

    Args:
        endpoint: its address.
        version: 0 is v1, 1 is v2c.
        community: for reading, and for writing.
    """

    def __init__(
        self, endpoint: Endpoint, version: int, community: tuple[str, str]
    ) -> None:
        self.who = endpoint.who
        self.has_bulk = version > 0
        self.late = 0
        self._endpoint = endpoint
        self._version = version
        self._read, self._write = (name.encode() for name in community)
        self._number = 0
        self._port: _Port | None = None
        self._show: Show | None = None

    def trace(self, show: Show) -> None:
        """Show all messages from now on."""
        self._show = show

    @property
    def is_open(self) -> bool:
        """Whether there is a socket."""
        return self._port is not None and not self._port.is_closed

    async def open(self, timeout: float) -> None:
        """Look the address up, and make a socket."""
        self._number = secrets.randbelow(2**30)  # no answer to an earlier session fits
        failures: list[OSError] = []
        for family, address in await self._endpoint.addresses(timeout):
            try:
                loop = asyncio.get_running_loop()
                _, self._port = await loop.create_datagram_endpoint(
                    lambda: _Port(self._show), remote_addr=address[:2], family=family
                )
            except OSError as error:
                failures.append(error)
            else:
                return
        self._endpoint.forget()
        raise self._endpoint.not_connected(failures[0]) from failures[0]

    async def ask(
        self,
        operation: Operation,
        bound: Sequence[Bound],
        *,
        timeout: float,
        rows: int = 0,
    ) -> Answer:
        """Send a request; return the answer that has its number."""
        port = self._port
        if port is None or port.is_closed:
            raise NotConnectedError(f"{self.who}: not open. It is opened again soon")
        self._number = number = self._number % (2**31 - 1) + 1
        is_write = operation is Operation.SET
        community = self._write if is_write else self._read
        pdu = Pdu(operation, number, 0, rows, bound)
        request = encoded(Message(self._version, community, pdu))
        try:
            async with asyncio.timeout(timeout):
                answer = await port.exchange(number, request)
        except TimeoutError as error:
            raise self._silence(timeout, is_write=is_write) from error
        except OSError as error:
            raise self._cut(error) from error
        finally:
            self.late += port.late
            port.late = 0
        return Answer(answer.error, answer.position, answer.bound)

    def forget(self) -> None:
        """Look its name up again at the next opening."""
        self._endpoint.forget()

    async def close(self) -> None:
        """Close the socket."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def _silence(self, timeout: float, *, is_write: bool) -> LinkError:
        key = "write" if is_write else "community"
        bad = self._port.bad if self._port else ""
        if bad:
            return ProtocolError(
                f"{self.who}: its answer cannot be used: {bad}. Is it an SNMP agent of "
                "this version?"
            )
        doubt = "; whether it was written is not known" if is_write else ""
        return NoAnswerError(
            f"{self.who}: no answer in {timeout:g} s{doubt}. Is the community right "
            f"({key}=...)? An agent does not answer to a wrong one. Or is it off, or "
            "SNMP not enabled there?",
            timed_out=True,
        )

    def _cut(self, error: OSError) -> NotConnectedError:
        if isinstance(error, ConnectionRefusedError):
            return NotConnectedError(
                f"{self.who}: no program has this UDP port there. Is SNMP enabled?"
            )
        return NotConnectedError(
            f"{self.who}: {reason(error)}. Is it on, and on the network?"
        )


class _Port(asyncio.DatagramProtocol):
    """A UDP socket: hands each answer to the request with its number.

    Attributes:
        late: answers that nobody waits for.
        bad: why the last datagram, after the last request, was no message.
        is_closed: whether the socket is gone.
    """

    def __init__(self, show: Show | None) -> None:
        self._show = show
        self.late = 0
        self.bad = ""
        self.is_closed = False
        self._waiting: dict[int, asyncio.Future[Pdu]] = {}
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    async def exchange(self, number: int, request: bytes) -> Pdu:
        """Send a request; return the answer with its number."""
        future: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self.bad = ""
        try:
            if self._show is not None:
                self._show(True, request)
            self._transport.sendto(request)
            return await future
        finally:
            del self._waiting[number]

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self._show is not None:
            self._show(False, data)
        try:
            pdu = decoded(data).pdu
        except ValueError as error:
            self.bad = str(error)
            return
        future = self._waiting.get(pdu.number)
        if pdu.operation is not Operation.RESPONSE or future is None or future.done():
            self.late += 1
        else:
            future.set_result(pdu)

    def error_received(self, error: Exception) -> None:
        """The computer there has no such port, or the network no way to it."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_closed = True
        self.error_received(error or OSError("the socket was closed"))

    def close(self) -> None:
        """Close the socket."""
        self.is_closed = True
        self._transport.abort()
