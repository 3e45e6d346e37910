"""The driver of instruments with an SNMP agent."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from daqpv.core import Status
from daqpv.errors import LinkError, NoAnswerError, OperationError
from daqpv.instruments.driver import Fault, Frame, Listener, Raw, Read, Request, Write
from daqpv.instruments.driver.trace import Show, Traceable
from daqpv.instruments.settings import InstrumentSettings
from daqpv.instruments.snmp import ber
from daqpv.instruments.snmp.ber import Oid
from daqpv.instruments.snmp.message import Bound, ErrorStatus, Operation
from daqpv.instruments.snmp.settings import SnmpAt, SnmpOptions, SnmpType
from daqpv.instruments.snmp.values import Kind, Value, bits, bits_content, of_plain
from daqpv.links.snmp.reading import Reader, words
from daqpv.links.snmp.session import Session

_UPTIME = ber.oid("1.3.6.1.2.1.1.3.0")  # sysUpTime: each agent has it

_SILENT = 3  # then its address may be another: it is opened again

_NO_RIGHT = (
    ErrorStatus.NO_SUCH_NAME,
    ErrorStatus.READ_ONLY,
    ErrorStatus.NO_ACCESS,
    ErrorStatus.AUTHORIZATION_ERROR,
    ErrorStatus.NOT_WRITABLE,
)


class SnmpDriver:
    """Reads and writes objects of an agent.

    Args:
        session: to the agent.
        options: of the connection.
        settings: of the instrument.
        places: where the channels are.
    """

    polls = True

    def __init__(
        self,
        session: Session,
        options: SnmpOptions,
        settings: InstrumentSettings,
        places: Mapping[str, SnmpAt],
    ) -> None:
        self.who = session.who
        self._session = session
        self._options = options
        self._timeout = settings.timeout
        self._retries = settings.retries
        self._encoding = settings.encoding
        self._places = places
        self._oids = {name: at.encoded for name, at in places.items()}
        self._every = {name: settings.channels[name].every for name in places}
        self._known: dict[Oid, Value] = {}  # the last value: its type is that of writes
        self._silent = 0  # exchanges without an answer, in a row
        self._reader = self._new_reader()

    def trace(self, show: Show) -> None:
        """Show all messages from now on, if the session can."""
        if isinstance(self._session, Traceable):
            self._session.trace(show)

    @property
    def is_open(self) -> bool:
        """Whether there is a socket, and the agent is not silent for long."""
        return self._session.is_open and self._silent < _SILENT

    async def open(self) -> None:
        """Make a socket, and see that the agent answers."""
        self._reader = self._new_reader()
        self._silent = 0
        await self._session.open(self._timeout)
        try:
            await self._reader.read([_UPTIME])
        except NoAnswerError:
            self._session.forget()
            raise

    async def exchange(self, request: Request) -> Frame:
        """Read once, or write one object."""
        try:
            if isinstance(request, Write):
                frame = await self._write(request)
            else:
                frame = await self._read(self._due(request))
        except NoAnswerError:
            self._silent += 1
            raise
        self._silent = 0
        return frame

    def listen(self, listener: Listener) -> None:
        """Nothing comes unasked: traps are not received."""

    async def close(self) -> None:
        """Close the socket."""
        await self._session.close()

    def _new_reader(self) -> Reader:
        return Reader(
            self._session,
            most=self._options.most,
            rows=self._options.rows,
            timeout=self._timeout,
            retries=self._retries,
        )

    def _due(self, request: Read) -> list[str]:
        if request.channels is not None:
            return [name for name in self._places if name in request.channels]
        return [n for n, every in self._every.items() if request.cycle % every == 0]

    # -- reading

    async def _read(self, names: Collection[str]) -> Frame:
        answers, late = self._reader.answers, self._session.late
        found = await self._reader.read(
            list(dict.fromkeys(self._oids[name] for name in names))
        )
        for oid, value in found.items():
            if isinstance(value, Value) and not value.kind.words:
                self._known[oid] = value
        return Frame(
            values={name: self._raw(name, found[self._oids[name]]) for name in names},
            good=self._reader.answers - answers,
            late=self._session.late - late,
        )

    def _raw(self, name: str, value: Value | str) -> Raw:
        at = self._places[name]
        if isinstance(value, str) or value.kind.words:
            said = value if isinstance(value, str) else value.kind.words
            return Fault(f"{said} {ber.dotted(self._oids[name])}", status=Status.READ)
        kind, plain = value
        if kind is Kind.TEXT and isinstance(plain, bytes):
            return self._text(at, plain)
        if at.bit is not None or plain is None:
            return Fault(f"{kind.name} has no bit {at.bit}", status=Status.READ)
        return plain

    def _text(self, at: SnmpAt, content: bytes) -> Raw:
        if at.bit is not None:
            return bool(bits(content) >> at.bit & 1)
        if at.type is SnmpType.BITS:
            return bits(content)
        try:
            text = content.rstrip(b"\0").decode(self._encoding)
        except UnicodeDecodeError:
            return content
        return text if text.isprintable() or at.type is SnmpType.TEXT else content

    # -- writing

    async def _write(self, request: Write) -> Frame:
        oid = self._oids[request.channel]
        value = await self._value(request, oid)
        answer = await self._session.ask(
            Operation.SET, [Bound(oid, value)], timeout=self._timeout
        )
        if answer.error:
            raise OperationError(
                f"{self.who}: {request.channel} was not written: "
                f"{words(answer.error)}. {_cure(answer.error)}"
            )
        return Frame()

    async def _value(self, request: Write, oid: Oid) -> Value:
        """What is written, in the type that the object has."""
        at = self._places[request.channel]
        kind = at.type.kind if at.type else await self._kind(request.channel, oid)
        given = request.value
        try:
            if at.bit is not None:
                raise ValueError("a single bit cannot be written")
            if at.type is SnmpType.BITS:
                known = self._known.get(oid, Value(kind, b"")).plain
                size = len(known) if isinstance(known, bytes) else 0
                whole = of_plain(Kind.GAUGE, given).plain
                return Value(kind, bits_content(int(whole or 0), size))
            return of_plain(kind, given, self._encoding)
        except (ValueError, UnicodeEncodeError) as error:
            raise OperationError(
                f"{self.who}: {request.channel} was not sent: {error}. Give a value "
                "that fits, or the right type in the channel's `at`"
            ) from error

    async def _kind(self, channel: str, oid: Oid) -> Kind:
        """The type of an object, as it was read; it is read if it was not yet."""
        if oid not in self._known:
            try:
                await self._read([channel])
            except NoAnswerError as error:
                raise LinkError(
                    f"{self.who}: {channel} was not sent, for its type is not known "
                    f"yet: {error}"
                ) from error
        return self._known[oid].kind if oid in self._known else Kind.NULL


def _cure(error: int) -> str:
    if error in _NO_RIGHT:
        return (
            "Is the object there, and may it be written with this community "
            "(write=...) or user?"
        )
    if error in (ErrorStatus.WRONG_TYPE, ErrorStatus.BAD_VALUE):
        return "Is its value in range, and of the right type (`type` in its `at`)?"
    return "Is the value in range, and is the instrument in a state to take it?"
