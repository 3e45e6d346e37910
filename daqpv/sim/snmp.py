"""Simulates an SNMP agent, in versions 1 and 2c.

It is as strict as real ones: a wrong community gets no answer, a whole SET is refused
for one of its values, an answer that does not fit is refused or cut (GETBULK).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from daqpv.errors import SimulatorError
from daqpv.instruments.settings import Channel, ChannelType, InstrumentSettings
from daqpv.instruments.snmp.ber import Oid, numbers, oid
from daqpv.instruments.snmp.message import (
    Bound,
    ErrorStatus,
    Message,
    Operation,
    Pdu,
    decoded,
    encoded,
)
from daqpv.instruments.snmp.settings import SnmpAt, SnmpType
from daqpv.instruments.snmp.values import Kind, Value, bits_content, of_plain

LARGEST = 1472  # [bytes] of an answer: a datagram of Ethernet

_HEAD = 60  # [bytes] of a message without its values, at most, and a short community


@dataclass(slots=True)
class Point:
    """An object of a simulated agent.

    Attributes:
        kind: its type.
        give: gives its present value; once something is written, that is it.
        is_writable: whether it may be written.
        error: with which the agent refuses to read it; 0: it does not.
    """

    kind: Kind
    give: Callable[[], object]
    is_writable: bool = False
    error: int = 0

    def value(self) -> Value:
        """Its present value; NULL if what it gives does not fit its type."""
        try:
            return of_plain(self.kind, self.give())
        except ValueError:
            return Value(Kind.NULL)

    def keep(self, value: Value) -> None:
        """Keep what was written."""
        self.give = lambda: value.plain


class SnmpSimulator(asyncio.DatagramProtocol):
    """An agent with some objects, on a UDP port.

    Args:
        points: its objects, by OID.
        community: that may read.
        write: that may read and write.
        largest: the longest answer [bytes].

    Attributes:
        asked: how many requests of each sort came.
    """

    def __init__(
        self,
        points: Mapping[str, Point],
        *,
        community: str = "public",
        write: str = "private",
        largest: int = LARGEST,
    ) -> None:
        self._points = {oid(name): point for name, point in points.items()}
        self._order = sorted(self._points, key=numbers)
        self._keys = [numbers(name) for name in self._order]
        self._read, self._write = community.encode(), write.encode()
        self._largest = largest
        self.asked: Counter[Operation] = Counter()
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Answer on a port; 0: any free one.

        Returns:
            The port.

        Raises:
            SimulatorError: the port is taken, or the address is not ours.
        """
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(host, port)
            )
        except OSError as error:
            raise SimulatorError(
                f"an SNMP agent cannot use UDP port {port} of {host}: "
                f"{error.strerror}. Choose another port"
            ) from error
        self._transport = transport
        return int(transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Close the port."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def point(self, name: str) -> Point:
        """An object, by its OID."""
        return self._points[oid(name)]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer a request, if it has the right community."""
        try:
            message = decoded(data)
        except ValueError:
            return  # an agent does not answer to what it cannot read
        answer = self._whole(message)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)

    def answer(self, data: bytes) -> bytes | None:
        """The answer to a request; None: there is none.

        Raises:
            ValueError: it is no request.
        """
        return self._whole(decoded(data))

    def _whole(self, message: Message) -> bytes | None:
        is_ours = message.community in (self._read, self._write)
        if not is_ours or message.pdu.operation is Operation.RESPONSE:
            return None
        self.asked[message.pdu.operation] += 1
        pdu = self._answer(message)
        whole = encoded(message._replace(pdu=pdu))
        if len(whole) <= self._largest:
            return whole
        too_big = _refusal(message.pdu, ErrorStatus.TOO_BIG, 0)
        return encoded(message._replace(pdu=too_big))

    def _answer(self, message: Message) -> Pdu:
        request = message.pdu
        match request.operation:
            case Operation.SET:
                return self._set(message)
            case Operation.GET_BULK if message.version > 0:
                return _response(request, self._bulk(request))
            case Operation.GET:
                found = [self._get(name) for name, _ in request.bound]
            case Operation.GET_NEXT:
                found = [self._next(name) for name, _ in request.bound]
            case _:
                return _refusal(request, ErrorStatus.GEN_ERR, 0)
        for position, one in enumerate(found, 1):
            error = self._error(one, message.version)
            if error:
                return _refusal(request, error, position)
        return _response(request, found)

    def _error(self, one: Bound, version: int) -> int:
        if one.oid in self._points and self._points[one.oid].error:
            return self._points[one.oid].error
        is_missing = bool(one.value.kind.words)
        return ErrorStatus.NO_SUCH_NAME if is_missing and version == 0 else 0

    def _get(self, name: Oid) -> Bound:
        point = self._points.get(name)
        return Bound(name, point.value() if point else Value(Kind.NO_INSTANCE))

    def _next(self, name: Oid) -> Bound:
        at = bisect_right(self._keys, numbers(name))
        if at == len(self._order):
            return Bound(name, Value(Kind.END))
        return self._get(self._order[at])

    def _bulk(self, request: Pdu) -> Sequence[Bound]:
        """All rows that fit."""
        first = [self._next(name) for name, _ in request.bound[: request.error]]
        found, size = list(first), _HEAD
        names = [name for name, _ in request.bound[request.error :]]
        for _ in range(request.position):
            rows = [self._next(name) for name in names]
            names = [row.oid for row in rows]
            for row in rows:
                size += len(encoded(Message(1, b"", _response(request, [row])))) - 20
                if size > self._largest:
                    return found
                found.append(row)
        return found

    def _set(self, message: Message) -> Pdu:
        request = message.pdu
        if message.community != self._write:
            return _refusal(request, _of(ErrorStatus.NO_ACCESS, message.version), 1)
        for position, (name, value) in enumerate(request.bound, 1):
            point = self._points.get(name)
            error = ErrorStatus.NO_ERROR
            if point is None or not point.is_writable:
                error = ErrorStatus.NOT_WRITABLE
            elif point.kind is not value.kind:
                error = ErrorStatus.WRONG_TYPE
            if error:
                return _refusal(request, _of(error, message.version), position)
        for name, value in request.bound:
            self._points[name].keep(value)
        return _response(request, request.bound)


def _of(error: ErrorStatus, version: int) -> ErrorStatus:
    """The status as version 1 has it."""
    if version:
        return error
    is_type = error is ErrorStatus.WRONG_TYPE
    return ErrorStatus.BAD_VALUE if is_type else ErrorStatus.NO_SUCH_NAME


def _response(request: Pdu, bound: Sequence[Bound]) -> Pdu:
    return Pdu(Operation.RESPONSE, request.number, 0, 0, bound)


def _refusal(request: Pdu, error: int, position: int) -> Pdu:
    bound = () if error == ErrorStatus.TOO_BIG else request.bound
    return Pdu(Operation.RESPONSE, request.number, error, position, bound)


# -- of an instrument's settings

_UPTIME = "1.3.6.1.2.1.1.3.0"
_KINDS = {
    ChannelType.NUMBER: Kind.FLOAT,
    ChannelType.INTEGER: Kind.INTEGER,
    ChannelType.BOOLEAN: Kind.INTEGER,
    ChannelType.ENUM: Kind.INTEGER,
    ChannelType.TEXT: Kind.TEXT,
}


def points_of(
    settings: InstrumentSettings,
    places: Mapping[str, SnmpAt],
    values: Mapping[str, Callable[[], object]],
) -> dict[str, Point]:
    """The objects of an instrument.

    Args:
        settings: of it.
        places: where its channels are.
        values: gives the value of each channel, by its key; those that are not there
            are 0, or "".
    """
    uptime = asyncio.get_running_loop().time
    points = {_UPTIME: Point(Kind.TICKS, lambda: int(100 * uptime()) % 2**32)}
    flags: dict[str, dict[int, Callable[[], object]]] = {}
    for name, at in places.items():
        channel = settings.channels[name]
        give = values.get(name, _zero(channel))
        where = at.oid if at.index is None else f"{at.oid}.{at.index}"
        if at.bit is not None:
            flags.setdefault(where, {})[at.bit] = give
        else:
            points[where] = _point(channel, at, give)
    for where, by_bit in flags.items():
        points[where] = Point(Kind.TEXT, partial(_joined, by_bit))
    return points


def _zero(channel: Channel) -> Callable[[], object]:
    return (lambda: "") if channel.type is ChannelType.TEXT else (lambda: 0)


def _point(channel: Channel, at: SnmpAt, give: Callable[[], object]) -> Point:
    kind = at.type.kind if at.type else _KINDS.get(channel.type, Kind.TEXT)
    if at.type is SnmpType.BITS:
        return Point(kind, lambda: _bits(give()), is_writable=bool(channel.write))
    return Point(kind, give, is_writable=bool(channel.write))


def _bits(value: object) -> bytes:
    return bits_content(int(cast(Any, value) or 0), 1)


def _joined(by_bit: Mapping[int, Callable[[], object]]) -> bytes:
    return bits_content(sum(bool(give()) << bit for bit, give in by_bit.items()), 1)
