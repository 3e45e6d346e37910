"""Link to a GET ECC server: SOAP over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from daqpv.core.threads import Crew
from daqpv.ecc import ConfigId, DataLink, Operation, OperationAnswer, StateAnswer
from daqpv.errors import LinkError, NoAnswerError, NotConnectedError, ProtocolError
from daqpv.links.http.answer import MAX_ANSWER, HttpAnswer
from daqpv.links.http.exchange import HttpPeer
from daqpv.links.soap import xml as ecc_xml

T = TypeVar("T")

_PREPARED = 30.0  # [s] to load the modules that read and write the XML
_LONG = 2**17  # [bytes] parsing more takes milliseconds: not on the loop, or each poll

_program = Crew("the program")


class EccSoapLink:
    """Exchanges with the ECC server at `url`; fulfils `daqpv.ecc.EccLink`.

    Each call is one connection. The deadline covers all of it: look-up of the name,
    connect, send, receive, parse. A cancelled call closes its connection; the server
    completes the operation.

    Every call raises NotConnectedError (nothing was sent), NoAnswerError (sent, without
    a complete answer) or ProtocolError (an invalid answer, or a SOAP Fault: the server
    refused the request). An ErrorCode is not an error here.
    """

    def __init__(self, name: str, url: str) -> None:
        """Create the link; nothing is sent.

        Args:
            name: of the server, for error messages.
            url: http://host[:port][/path]

        Raises:
            ValueError: `url` is not valid.
        """
        self._peer = HttpPeer(name, url)
        self._reading = Crew(f"{self._peer.who}: reading a long answer")

    async def state(self, *, timeout: float) -> StateAnswer:
        """Send GetState."""
        return await self._call(
            ecc_xml.state_answer, "GetState", timeout=timeout, most=_LONG
        )

    async def configs(self, *, timeout: float) -> Sequence[ConfigId]:
        """Send GetConfigIDs; return the configurations of the server, in its order.

        Entries without one of the three names are left out. An ErrorCode is a
        ProtocolError here, since there is no list to return.
        """
        return await self._call(ecc_xml.config_answer, "GetConfigIDs", timeout=timeout)

    async def operate(
        self,
        operation: Operation,
        config: ConfigId | None,
        links: Sequence[DataLink],
        *,
        timeout: float,
    ) -> OperationAnswer:
        """Send `operation`; return when the server has completed it.

        Without `config` both strings are sent empty (downward operations need none).

        Raises:
            ValueError: `config` has an empty part, which would end the real server.
        """
        arguments = ("", "")
        if config is not None:
            arguments = (ecc_xml.config_xml(config), ecc_xml.links_xml(links))
        return await self._call(
            ecc_xml.operation_answer, operation.value, *arguments, timeout=timeout
        )

    async def special(self, command: str, *, timeout: float) -> OperationAnswer:
        """Send a Special command, e.g. ``asad-inject 100``."""
        return await self._call(
            ecc_xml.operation_answer, "Special", command, "", timeout=timeout
        )

    async def exit(self, *, timeout: float) -> OperationAnswer:
        """Request the end of the server process (ServerExit), within 5 s."""
        return await self._call(ecc_xml.operation_answer, "ServerExit", timeout=timeout)

    async def _call(
        self,
        read: Callable[[str, bytes], T],
        operation: str,
        *arguments: str,
        timeout: float,
        most: int = MAX_ANSWER,
    ) -> T:
        await self._prepare()
        end = asyncio.get_running_loop().time() + timeout
        request = ecc_xml.request(operation, *arguments)
        answer = await self._peer.post(
            request, what=operation, timeout=timeout, most=most
        )
        if len(answer.body) <= _LONG:
            return self._read(read, operation, answer)
        left = end - asyncio.get_running_loop().time()
        try:
            return await self._reading.call(
                self._read, read, operation, answer, timeout=left
            )
        except (NoAnswerError, NotConnectedError) as error:
            raise NoAnswerError(
                f"{self._peer.who}: the answer to {operation} could not be read in "
                f"{timeout:g} s: it has {len(answer.body)} bytes",
                timed_out=True,
            ) from error

    async def _prepare(self) -> None:
        """Load the modules for the XML, once for all links."""
        if ecc_xml.is_prepared():
            return
        try:
            await _program.call(ecc_xml.prepare, timeout=_PREPARED)
        except LinkError as error:
            raise NotConnectedError(
                f"{self._peer.who}: nothing was sent. The program itself cannot be "
                f"read in {_PREPARED:g} s: does the disk on which it lies hang?"
            ) from error

    def _read(
        self, read: Callable[[str, bytes], T], operation: str, answer: HttpAnswer
    ) -> T:
        try:
            if answer.status != 200:
                raise ValueError(
                    f"it is HTTP {answer.status} {answer.reason}. {ecc_xml.DOUBT}"
                )
            return read(operation, answer.body)
        except ValueError as error:
            problem = f": the answer to {operation} cannot be used: {error}"
            if words := ecc_xml.fault(answer.body):
                problem = f" does not take {operation}: {words}. {ecc_xml.DOUBT}"
            raise ProtocolError(f"{self._peer.who}{problem}") from error
