"""A session with an SNMP agent in version 3, by pysnmp: users, keys, encryption.

A reading costs more than ten times as much as in version 2c.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pyasn1.codec.ber import encoder  # type: ignore[import-untyped]
from pysnmp.error import PySnmpError  # type: ignore[import-untyped]
from pysnmp.hlapi.v3arch import asyncio as snmp  # type: ignore[import-untyped]
from pysnmp.proto import errind, rfc1902  # type: ignore[import-untyped]

from daqpv.core.threads import Crew
from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    ProtocolError,
)
from daqpv.instruments.snmp.ber import dotted, of_numbers, taken
from daqpv.instruments.snmp.message import Bound, Operation
from daqpv.instruments.snmp.settings import SnmpOptions
from daqpv.instruments.snmp.values import Kind, read, written
from daqpv.links.endpoint import Endpoint, reason
from daqpv.links.snmp.session import Answer

_ENGINE = 10.0  # [s] to make an engine: it reads files

_AUTH = {
    "md5": snmp.USM_AUTH_HMAC96_MD5,
    "sha": snmp.USM_AUTH_HMAC96_SHA,
    "sha224": snmp.USM_AUTH_HMAC128_SHA224,
    "sha256": snmp.USM_AUTH_HMAC192_SHA256,
    "sha384": snmp.USM_AUTH_HMAC256_SHA384,
    "sha512": snmp.USM_AUTH_HMAC384_SHA512,
}
_PRIV = {
    "des": snmp.USM_PRIV_CBC56_DES,
    "3des": snmp.USM_PRIV_CBC168_3DES,
    "aes": snmp.USM_PRIV_CFB128_AES,
    "aes192": snmp.USM_PRIV_CFB192_AES,
    "aes256": snmp.USM_PRIV_CFB256_AES,
}
_TYPES: dict[Kind, Any] = {
    Kind.INTEGER: rfc1902.Integer32,
    Kind.TEXT: rfc1902.OctetString,
    Kind.OID: rfc1902.ObjectIdentifier,
    Kind.IP: rfc1902.IpAddress,
    Kind.COUNTER: rfc1902.Counter32,
    Kind.GAUGE: rfc1902.Gauge32,
    Kind.TICKS: rfc1902.TimeTicks,
    Kind.COUNTER64: rfc1902.Counter64,
}


class UserSession:
    """Asks an agent as a user of version 3.

    Args:
        endpoint: its address.
        options: user, passwords and protocols.
    """

    has_bulk = True

    def __init__(self, endpoint: Endpoint, options: SnmpOptions) -> None:
        self.who = endpoint.who
        self.late = 0  # pysnmp drops them without a word
        self._endpoint = endpoint
        self._options = options
        self._user = snmp.UsmUserData(
            options.user,
            options.auth or None,
            options.priv or None,
            authProtocol=_AUTH[options.auth_protocol] if options.auth else None,
            privProtocol=_PRIV[options.priv_protocol] if options.priv else None,
        )
        self._context = snmp.ContextData(contextName=options.context.encode())
        self._engine: Any = None
        self._target: Any = None

    @property
    def is_open(self) -> bool:
        """Whether `ask` can be called."""
        return self._engine is not None

    async def open(self, timeout: float) -> None:
        """Look the address up, and make an engine, which takes 80 ms."""
        [(_, address), *_] = await self._endpoint.addresses(timeout)
        make = snmp.UdpTransportTarget
        if ":" in address[0]:
            make = snmp.Udp6TransportTarget
        self._target = await make.create(address[:2], timeout, retries=0)
        crew = Crew(f"{self.who}: pysnmp")
        try:
            self._engine = await crew.call(snmp.SnmpEngine, timeout=timeout + _ENGINE)
        finally:
            crew.close()

    async def ask(
        self,
        operation: Operation,
        bound: Sequence[Bound],
        *,
        timeout: float,
        rows: int = 0,
    ) -> Answer:
        """Send a request; return its answer."""
        if self._engine is None:
            raise NotConnectedError(f"{self.who}: not open. It is opened again soon")
        try:
            # pysnmp ends it in time, but by a clock of half a second
            async with asyncio.timeout(2 * timeout + 1):
                said, error, index, given = await self._sent(operation, bound, rows)
        except TimeoutError as failure:
            raise self._silence(timeout) from failure
        except (PySnmpError, OSError) as failure:
            raise NotConnectedError(
                f"{self.who}: {reason(failure)}. Is it on, and on the network?"
            ) from failure
        if said is not None:
            raise self._refused(said, timeout)
        try:
            return Answer(int(error), int(index), [_bound(*one) for one in given])
        except ValueError as failure:
            raise ProtocolError(
                f"{self.who}: its answer cannot be used: {failure}. Is it an agent?"
            ) from failure

    def forget(self) -> None:
        """Look its name up again at the next opening."""
        self._endpoint.forget()

    async def close(self) -> None:
        """Close the engine and its socket."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close_dispatcher()

    async def _sent(
        self, operation: Operation, bound: Sequence[Bound], rows: int
    ) -> tuple[Any, Any, Any, Any]:
        head = (self._engine, self._user, self._target, self._context)
        objects = [_object(one, is_write=operation is Operation.SET) for one in bound]
        if operation is Operation.GET_BULK:
            answer = snmp.bulk_cmd(*head, 0, rows, *objects, lookupMib=False)
        elif operation is Operation.SET:
            answer = snmp.set_cmd(*head, *objects, lookupMib=False)
        else:
            answer = snmp.get_cmd(*head, *objects, lookupMib=False)
        result: tuple[Any, Any, Any, Any] = await answer
        return result

    def _silence(self, timeout: float) -> NoAnswerError:
        return NoAnswerError(
            f"{self.who}: no answer in {timeout:g} s. Is it on, is SNMP version 3 "
            "enabled there, and has it this user? Some agents do not answer to others",
            timed_out=True,
        )

    def _refused(self, said: Any, timeout: float) -> LinkError | OperationError:
        if isinstance(said, errind.RequestTimedOut):
            return self._silence(timeout)
        return ProtocolError(
            f"{self.who}: the user {self._options.user!r} is refused: {said}. Are "
            "user, auth, priv and their protocols those of the agent?"
        )


def _object(one: Bound, *, is_write: bool) -> Any:
    name = snmp.ObjectIdentity(dotted(one.oid))
    if not is_write:
        return snmp.ObjectType(name)
    kind, plain = one.value
    if kind in (Kind.FLOAT, Kind.DOUBLE, Kind.OPAQUE):
        data = written(one.value)
        _, begin, end = taken(data, 0, len(data))
        return snmp.ObjectType(name, rfc1902.Opaque(data[begin:end]))
    return snmp.ObjectType(name, _TYPES[kind](plain))


def _bound(name: Any, value: Any) -> Bound:
    """An object of pysnmp as one of ours: by way of its bytes, which both know."""
    data = encoder.encode(value)
    tag, begin, end = taken(data, 0, len(data))
    oid = of_numbers(tuple(name))
    return Bound(oid, read(tag, data[begin:end]))
