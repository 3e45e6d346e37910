"""Puts of one client: decodes them, begins them and sends their results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np

from daqpv.errors import RefusedError
from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.client import Act, Client
from daqpv.serve.ca.connected import Connected, Request
from daqpv.serve.ca.encoding import DTYPE, SCALAR
from daqpv.serve.ca.slices import LARGE, SLICE, is_by_element
from daqpv.serve.pv.masks import WRITE_ACCESS
from daqpv.serve.pv.puts import Given, Put
from daqpv.serve.pv.source import Source
from daqpv.serve.values.arrays import Numbers, Texts
from daqpv.serve.values.elements import STRING_SIZE, Array
from daqpv.serve.values.strings import c_string

PUTS = (ca.WRITE, ca.WRITE_NOTIFY)


class Writes:
    """Processes WRITE_NOTIFY, which is answered, and WRITE, of which failures are.

    A refused WRITE is answered by an exception message, as from a C IOC; the result of
    the action of an accepted one is in PVs.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._desk = client.desk
        self.acts: dict[int, Act] = dict.fromkeys(PUTS, self._write)

    def too_long(self, request: Request, size: int) -> None:
        """Refuse a put of `size` bytes, which exceeds the limit."""
        error = RefusedError(f"{size} bytes are more than the PV takes")
        channel = self._client.channels.get(request.p1)
        if channel is None:
            self._failed(request, ca.TOO_LARGE, error)
        else:
            self._refuse(channel, request, f"{size} bytes", ca.TOO_LARGE, error)

    def _write(self, request: Request) -> None:
        _, dbr, count, sid, _, _ = request
        channel = self._client.channels.get(sid)
        if channel is None:
            self._failed(request, ca.PUT_FAIL, RefusedError("no such channel"))
        elif dbr in (ca.PUT_ACKT, ca.PUT_ACKS):
            self._acknowledge(channel, request)
        elif count > LARGE and is_by_element(channel.target.form, dbr):
            self._client.line.wait()
            self._desk.tasks.start(self._write_slowly(channel, request))
        else:
            self._write_now(channel, request)

    def _write_now(self, channel: Connected, request: Request) -> None:
        _, dbr, count, _, _, payload = request
        form, meta = channel.target.form, channel.target.meta
        given: Given
        accepted: Callable[[], Any]
        try:
            given = decode(dbr, count, payload)
            accepted = partial(form.accept, given, meta)
        except RefusedError as error:
            given, accepted = f"{len(payload)} bytes", partial(_fail, error)
        self._begin(channel, request, given, accepted)

    async def _write_slowly(self, channel: Connected, request: Request) -> None:
        _, dbr, count, _, _, payload = request
        parsing = asyncio.create_task(parse(channel.target, dbr, count, payload))
        try:
            await asyncio.wait((parsing,))
            self._begin(channel, request, f"{count} elements", parsing.result)
        finally:
            parsing.cancel()
            self._client.line.go_on()

    def _begin(
        self,
        channel: Connected,
        request: Request,
        given: Given,
        accepted: Callable[[], Any],
    ) -> None:
        if not self._client.rights(channel) & WRITE_ACCESS:
            self._refuse_read_only(channel, request, given)
            return
        put = Put(channel.target, self._client.origin, given)
        try:
            goes_on = self._desk.puts.begin(
                put, accepted, partial(self._ended, request)
            )
        except RefusedError as error:
            self._failed(request, ca.PUT_FAIL, error)
            return
        if goes_on:
            self._client.line.wait_a_turn()  # quick actions end before the next get

    def _refuse_read_only(
        self, channel: Connected, request: Request, given: Given
    ) -> None:
        error = RefusedError(f"{channel.target.name} is read only")
        self._refuse(channel, request, given, ca.NO_WRITE_ACCESS, error)

    def _refuse(
        self,
        channel: Connected,
        request: Request,
        given: Given,
        status: int,
        error: RefusedError,
    ) -> None:
        """Refuse a put before it reaches its source."""
        self._desk.log.put(Put(channel.target, self._client.origin, given), error)
        self._failed(request, status, error)

    def _acknowledge(self, channel: Connected, request: Request) -> None:
        value = int.from_bytes(request.payload[:2], "big")
        transient = request.dbr == ca.PUT_ACKT
        source = channel.target
        given = f"{'ACKT' if transient else 'ACKS'} {value}"
        if not self._client.rights(channel) & WRITE_ACCESS:
            self._refuse_read_only(channel, request, given)
            return
        put = Put(source, self._client.origin, given)
        put.before = str(source.acknowledgement())
        try:
            if transient:
                source.acknowledge_transient(required=bool(value))
            else:
                source.acknowledge(value)
        except RefusedError as error:
            self._desk.log.put(put, error)
            self._failed(request, ca.PUT_FAIL, error)
        else:
            self._desk.log.put(put, None)
            self._ended(request, None)

    # -- answers -----------------------------------------------------------------------

    def _ended(self, request: Request, failure: Exception | None) -> None:
        """Send the result of a put to the client, if it requested one."""
        if failure is None:
            self._answer(request, ca.NORMAL)
        elif request.command == ca.WRITE_NOTIFY or isinstance(failure, RefusedError):
            self._failed(request, ca.PUT_FAIL, failure)

    def _failed(self, request: Request, status: int, error: Exception) -> None:
        if request.command == ca.WRITE_NOTIFY:
            self._answer(request, status)
        else:
            self._client.error(request, status, str(error))

    def _answer(self, request: Request, status: int) -> None:
        command, dbr, count, _, ioid, _ = request
        if command == ca.WRITE_NOTIFY:
            message = ca.message(command, dbr, count, status, ioid)
            self._client.outgoing.reply(message)


# -- the data of a put -----------------------------------------------------------------


def decode(dbr: int, count: int, data: bytes | memoryview) -> Sequence[Any] | Array:
    """Decode the elements of a put.

    Raises:
        RefusedError: `dbr` is no basic type, or `data` is too short for `count`.
    """
    if not 0 <= dbr < ca.BASIC_TYPES:
        raise RefusedError(f"a put of DBR type {dbr} is not understood")
    if dbr == ca.STRING:
        return _texts(count, bytes(data))
    if len(data) < count * ca.ELEMENT_SIZE[dbr]:
        raise RefusedError(f"the put announces {count} elements and brings fewer")
    if count == 1:
        return SCALAR[dbr].unpack_from(data)
    return np.frombuffer(data, DTYPE[dbr], count)


def _texts(count: int, data: bytes) -> list[str]:
    if count == 0:
        return []
    if len(data) > count * STRING_SIZE:
        data = data[: count * STRING_SIZE]
    starts = range(0, max(len(data), 1), STRING_SIZE)
    texts = (data[i : i + STRING_SIZE].partition(b"\0")[0] for i in starts)
    return [text.decode() if text.isascii() else c_string(text) for text in texts]


async def parse(source: Source, dbr: int, count: int, data: bytes | memoryview) -> Any:
    """Return the value that a put of many elements requests.

    Raises:
        RefusedError: it is not valid for this PV.
    """
    form, size = source.form, ca.ELEMENT_SIZE[dbr]
    assert isinstance(form, Numbers | Texts)
    if count > form.nelm:
        raise RefusedError(f"{count} elements, and the PV holds {form.nelm}")
    if len(data) < count * size:
        raise RefusedError(f"the put announces {count} elements and brings fewer")
    parts: list[Any] = []
    for i in range(0, count, SLICE):
        some = min(SLICE, count - i)
        given = decode(dbr, some, data[i * size : (i + some) * size])
        parts.append(form.accept(given, source.meta))
        await asyncio.sleep(0)
    return form.join(parts)


def _fail(error: RefusedError) -> NoReturn:
    raise error
