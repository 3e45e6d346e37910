"""What one client asks for on its circuit, request by request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from daqpv.core import Origin
from daqpv.errors import RefusedError
from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.connected import Connected, Request, Subscription
from daqpv.serve.ca.slices import LARGE, TakesLong, is_by_element, parse
from daqpv.serve.ca.wire import NO_CONVERSION, Wire
from daqpv.serve.putlog import Put, as_given

if TYPE_CHECKING:
    from daqpv.serve.ca.circuit import Circuit

_log = logging.getLogger(__name__)

_LONGEST_REQUEST = 32 * 1024  # [bytes] of any request but a put
_KEPT_GETS = 8  # requests per channel that are answered by table


class Session:
    """What a client has connected to, and what its requests do.

    Attributes:
        channels: what it is connected to, by our id.
        gets: gets as the client has sent them before, with what answers them; the key
            is the request without its last parameter.
        origin: the user and the host that the client names.
    """

    def __init__(self, circuit: Circuit, host: str) -> None:
        self.channels: dict[int, Connected] = {}
        self.gets: dict[bytes, Wire] = {}
        self.origin = Origin("", host)
        self._circuit = circuit
        self._server = circuit.server
        self._out = circuit.out
        self._minor = 0
        self._last_sid = 0
        self._acts: dict[int, Callable[[Request], None]] = {
            ca.VERSION: self._version,
            ca.EVENT_ADD: self._event_add,
            ca.EVENT_CANCEL: self._event_cancel,
            ca.READ: self._read,
            ca.WRITE: self._write,
            ca.SEARCH: self._search,
            ca.EVENTS_OFF: self._events_off,
            ca.EVENTS_ON: self._events_on,
            ca.READ_SYNC: self._echo,
            ca.CLEAR_CHANNEL: self._clear_channel,
            ca.READ_NOTIFY: self._read,
            ca.CREATE_CHANNEL: self._create_channel,
            ca.WRITE_NOTIFY: self._write,
            ca.CLIENT_NAME: self._client_name,
            ca.HOST_NAME: self._host_name,
            ca.ECHO: self._echo,
        }

    def knows(self, command: int) -> bool:
        """Whether there is such a command."""
        return command in self._acts

    def act(self, request: Request) -> None:
        """Do what `request` asks for; answers go to the circuit."""
        self._acts[request.command](request)

    def longest(self, command: int, sid: int) -> int:
        """How many bytes such a request can have and make sense."""
        if command not in (ca.WRITE, ca.WRITE_NOTIFY):
            return _LONGEST_REQUEST
        channel = self.channels.get(sid)
        nelm = channel.source.target.form.nelm if channel else 0
        longest = max(_LONGEST_REQUEST, (nelm + 1) * ca.STRING_SIZE)
        return min(longest, self._server.max_array_bytes)

    def too_long(self, request: Request, size: int) -> bool:
        """Answer a request of `size` bytes, which is too long; False: it was no put."""
        if request.command not in (ca.WRITE, ca.WRITE_NOTIFY):
            return False
        error = RefusedError(f"{size} bytes are more than the PV takes")
        channel = self.channels.get(request.p1)
        if channel is None:
            self._write_failed(request, ca.TOO_LARGE, str(error))
            return True
        put = Put(channel.source.target, self.origin)
        put.new = f"{size} bytes"
        self._refuse(put, request, ca.TOO_LARGE, error)
        return True

    def end(self) -> None:
        """The client has gone; its puts go on."""
        if self._last_sid:
            self._server.teller.client(self.origin, self._circuit.peer, "disconnected")
        for channel in self.channels.values():
            self._end(channel)
        self.channels.clear()
        self.gets.clear()

    # -- requests: the circuit ---------------------------------------------------------

    def _version(self, request: Request) -> None:
        self._minor = request.elements  # its priority means nothing to us

    def _client_name(self, request: Request) -> None:
        self.origin = Origin(ca.c_string(request.payload), self.origin.host)

    def _host_name(self, request: Request) -> None:
        self.origin = Origin(self.origin.user, ca.c_string(request.payload))

    def _echo(self, request: Request) -> None:
        self._out.append(ca.message(*request[:5], bytes(request.payload)))

    def _events_off(self, _request: Request) -> None:
        self._circuit.silence()

    def _events_on(self, _request: Request) -> None:
        self._circuit.speak()

    def _search(self, request: Request) -> None:
        cid = request.p1
        if self._server.offer(ca.c_bytes(request.payload)) is not None:
            self._out.append(self._server.search_reply(cid))
        elif request.dbr == ca.DO_REPLY:
            answer = ca.message(ca.NOT_FOUND, request.dbr, request.elements, cid, cid)
            self._out.append(answer)

    # -- requests: channels ------------------------------------------------------------

    def _create_channel(self, request: Request) -> None:
        cid = request.p1
        self._minor = request.p2 or self._minor
        source = self._server.find(ca.c_bytes(request.payload))
        if source is None:
            self._out.append(ca.message(ca.CREATE_FAILED, 0, 0, cid, 0))
            return
        if not self._last_sid:  # it has said who it is
            self._server.teller.client(self.origin, self._circuit.peer, "connected")
        self._last_sid += 1
        rights = source.rights(self.origin.user, self.origin.host)
        self.channels[self._last_sid] = Connected(source, cid, self._last_sid, rights)
        self._server.channel_count += 1
        form = source.form
        self._out += (
            ca.message(ca.ACCESS_RIGHTS, 0, 0, cid, rights),
            ca.message(ca.CREATE_CHANNEL, form.native, form.nelm, cid, self._last_sid),
        )

    def _clear_channel(self, request: Request) -> None:
        channel = self.channels.pop(request.p1, None)
        if channel is not None:
            self._server.outbox.drain()  # nothing may follow the confirmation
            self._end(channel)
        self._out.append(ca.message(request.command, 0, 0, request.p1, request.p2))

    def _end(self, channel: Connected) -> None:
        self._server.channel_count -= 1
        for subscription in channel.subscriptions.values():
            self._circuit.forget(subscription)
            subscription.end()
        for key in channel.keys:
            self.gets.pop(key, None)

    def _error(self, request: Request, status: int, text: str) -> None:
        """Tell a client that a request without an answer of its own has failed."""
        channel = self.channels.get(request.p1)
        if channel is not None:
            count = min(request.elements, ca.LONG)
            head = ca.HEADER.pack(
                request.command, 0, request.dbr, count, request.p1, request.p2
            )
            payload = head + text.encode() + b"\0"
            message = ca.message(ca.ERROR, 0, 0, channel.cid, status, payload)
            self._circuit.reply(message)

    def _rights(self, channel: Connected) -> int:
        """What the client may do now; it is told if that has changed."""
        rights = channel.source.rights(self.origin.user, self.origin.host)
        if rights != channel.rights:
            channel.rights = rights
            self._out.append(ca.message(ca.ACCESS_RIGHTS, 0, 0, channel.cid, rights))
        return rights

    # -- requests: gets and monitors ---------------------------------------------------

    def _read(self, request: Request) -> None:
        channel = self.channels.get(request.p1)
        if channel is None:
            self._read_failed(request, ca.GET_FAIL)
            return
        if not self._rights(channel) & ca.READ_ACCESS:
            self._read_failed(request, ca.NO_READ_ACCESS)
            return
        refresh = channel.source.refresh()
        if refresh is None:
            self._answer(request, channel)
        else:
            self._server.spawn(self._read_later(request, channel, refresh))

    async def _read_later(
        self, request: Request, channel: Connected, refresh: Coroutine[Any, Any, None]
    ) -> None:
        try:
            await refresh
        except Exception:  # a third party's getter
            _log.exception("%s: its getter failed", channel.source.name)
            self._read_failed(request, ca.GET_FAIL)
        else:
            self._answer(request, channel)
        self._server.outbox.write_later(self._circuit)

    def _answer(self, request: Request, channel: Connected) -> None:
        _, dbr, count, *_ = request
        source = channel.source
        try:
            wire = source.wire(dbr, count)
            body = wire.body or wire.pack()
        except TakesLong:
            self._circuit.wait()
            self._server.spawn(self._answer_slowly(request, channel, wire))
        except NO_CONVERSION:
            self._read_failed(request, ca.GET_FAIL)
        else:
            self._send_answer(request, channel, wire, body)

    async def _answer_slowly(
        self, request: Request, channel: Connected, wire: Wire
    ) -> None:
        try:
            body = await wire.pack_slowly()
        except NO_CONVERSION:
            self._read_failed(request, ca.GET_FAIL)
        else:
            self._send_answer(request, channel, wire, body)
        finally:
            self._server.outbox.write_later(self._circuit)
            self._circuit.go_on()

    def _send_answer(
        self, request: Request, channel: Connected, wire: Wire, body: bytes
    ) -> None:
        command, dbr, count, sid, ioid, _ = request
        source = channel.source
        if len(body) >= ca.LONG and self._minor < ca.EXTENDED_MINOR:
            self._read_failed(request, ca.TOO_LARGE)
            return
        head = wire.get_head
        if command == ca.READ:  # an ancient client: the channel in place of a status
            _, *middle, _ = ca.REPLY_HEAD.unpack(head)
            head = ca.REPLY_HEAD.pack(ca.READ, *middle, channel.cid)
        self._out += (head, ioid.to_bytes(4, "big"), body)
        if not source.cached or count >= ca.LONG or command == ca.READ:
            return
        if len(channel.keys) < _KEPT_GETS:
            key = ca.REPLY_HEAD.pack(command, 0, dbr, count, sid)
            channel.keys.append(key)
            self.gets[key] = wire

    def _read_failed(self, request: Request, status: int) -> None:
        command, dbr, count, _, ioid, _ = request
        if command == ca.READ_NOTIFY:
            self._out.append(ca.message(command, dbr, count, status, ioid))
        else:
            self._error(request, status, "it cannot be read")

    def _event_add(self, request: Request) -> None:
        _, dbr, count, sid, subid, payload = request
        channel = self.channels.get(sid)
        if channel is None:
            return
        mask = int.from_bytes(payload[12:14], "big")
        source = channel.source
        try:
            wire = source.wire(dbr, count)
        except NO_CONVERSION as error:
            self._error(request, ca.GET_FAIL, str(error))
            return
        if not self._rights(channel) & ca.READ_ACCESS:
            head = ca.EVENT_ADD, dbr, count, ca.NO_READ_ACCESS, subid
            self._out.append(ca.message(*head, wire.blank()))
            return
        self._server.outbox.drain()  # it begins with the present value, not before
        source.refresh_now()
        circuit = self._circuit
        before = channel.subscriptions.pop(subid, None)
        if before is not None:  # CAJ repeats its subscriptions after a long silence
            circuit.forget(before)
            before.end()
        subscription = Subscription(wire, circuit, mask, subid.to_bytes(4, "big"))
        channel.subscriptions[subid] = subscription
        circuit.tell(subscription)

    def _event_cancel(self, request: Request) -> None:
        _, dbr, count, sid, subid, _ = request
        channel = self.channels.get(sid)
        if channel is None:
            return
        subscription = channel.subscriptions.pop(subid, None)
        if subscription is not None:
            self._server.outbox.drain()  # nothing may follow the confirmation
            self._circuit.forget(subscription)
            subscription.end()
        self._out.append(ca.message(ca.EVENT_ADD, dbr, count, channel.cid, subid))

    # -- requests: puts ----------------------------------------------------------------

    def _write(self, request: Request) -> None:
        _, dbr, count, sid, _, payload = request
        channel = self.channels.get(sid)
        if channel is None:
            self._write_failed(request, ca.PUT_FAIL, "no such channel")
            return
        source = channel.source.target
        put = Put(source, self.origin)
        if not self._rights(channel) & ca.WRITE_ACCESS:
            error = RefusedError(f"{source.name} is read only")
            self._refuse(put, request, ca.NO_WRITE_ACCESS, error)
            return
        if dbr in (ca.PUT_ACKT, ca.PUT_ACKS):
            self._acknowledge(put, request)
            return
        if count > LARGE and is_by_element(source.form, dbr):
            self._circuit.wait()
            self._server.spawn(self._write_slowly(put, request))
            return
        self._begin_put(put, request, partial(source.parse, dbr, count, payload))

    async def _write_slowly(self, put: Put, request: Request) -> None:
        _, dbr, count, _, _, payload = request
        parsing = asyncio.create_task(parse(put.source, dbr, count, payload))
        try:
            await asyncio.wait((parsing,))
            self._begin_put(put, request, parsing.result)
        finally:
            parsing.cancel()
            self._circuit.go_on()

    def _begin_put(self, put: Put, request: Request, parsed: Callable[[], Any]) -> None:
        try:
            work = self._server.begin_put(put, request, parsed)
        except RefusedError as error:
            self._write_failed(request, ca.PUT_FAIL, str(error))
            return
        if work is None:
            self.put_ended(request, None)
            return
        self._server.spawn_put(work, put, self, request)
        self._circuit.wait_a_turn()  # what needs no time is done before the next get

    def _acknowledge(self, put: Put, request: Request) -> None:
        value = int.from_bytes(request.payload[:2], "big")
        kind = "ACKT" if request.dbr == ca.PUT_ACKT else "ACKS"
        put.old, put.new = (str(v) for v in (put.source.stsack(), f"{kind} {value}"))
        try:
            put.source.acknowledge(request.dbr, value)
        except RefusedError as error:
            self._refuse(put, request, ca.PUT_FAIL, error)
            return
        self._server.teller.put(put, None)
        self.put_ended(request, None)

    def _refuse(
        self, put: Put, request: Request, status: int, error: RefusedError
    ) -> None:
        put.new = put.new or as_given(put.source, *request[1:3], request.payload)
        self._server.teller.put(put, error)
        self._write_failed(request, status, str(error))

    def put_ended(self, request: Request, failure: Exception | None) -> None:
        """Tell the client how its put ended, if it wants to know.

        A plain put that was refused is told of by an exception message, as by a C IOC;
        how an action ended that it began is told by PVs.
        """
        if failure is None:
            self._write_answered(request, ca.NORMAL)
        elif request.command == ca.WRITE_NOTIFY or isinstance(failure, RefusedError):
            self._write_failed(request, ca.PUT_FAIL, str(failure))

    def _write_failed(self, request: Request, status: int, text: str) -> None:
        if request.command == ca.WRITE_NOTIFY:
            self._write_answered(request, status)
        else:
            self._error(request, status, text)

    def _write_answered(self, request: Request, status: int) -> None:
        command, dbr, count, _, ioid, _ = request
        if command == ca.WRITE_NOTIFY:
            self._circuit.reply(ca.message(command, dbr, count, status, ioid))
