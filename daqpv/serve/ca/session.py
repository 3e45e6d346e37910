"""The CA session of one client: processes the requests of its circuit."""

from __future__ import annotations

from daqpv.core import Origin
from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.client import Act, Client
from daqpv.serve.ca.connected import Connected, Request
from daqpv.serve.ca.gets import Gets
from daqpv.serve.ca.monitors import Monitors
from daqpv.serve.ca.writes import PUTS, Writes
from daqpv.serve.values.elements import STRING_SIZE
from daqpv.serve.values.strings import c_bytes, c_string

_LONGEST_REQUEST = 32 * 1024  # [bytes] of any request except a put


class Session:
    """The requests of a client.

    Args:
        client: the client of the circuit.
        peer: its address and port.

    Attributes:
        acts: functions by command; the circuit sends their answers.
        gets: earlier gets of the client, with the objects that answer them.
    """

    def __init__(self, client: Client, peer: str) -> None:
        self.gets = client.gets
        self._client = client
        self._desk = client.desk
        self._peer = peer
        self._last_sid = 0
        self._writes = Writes(client)
        self.acts: dict[int, Act] = {
            ca.VERSION: self._version,
            ca.SEARCH: self._search,
            ca.READ_SYNC: self._echo,
            ca.CLEAR_CHANNEL: self._clear_channel,
            ca.CREATE_CHANNEL: self._create_channel,
            ca.CLIENT_NAME: self._client_name,
            ca.HOST_NAME: self._host_name,
            ca.ECHO: self._echo,
            **Gets(client).acts,
            **Monitors(client).acts,
            **self._writes.acts,
        }

    def longest(self, command: int, sid: int) -> int:
        """The size limit of a request in bytes."""
        if command not in PUTS:
            return _LONGEST_REQUEST
        channel = self._client.channels.get(sid)
        nelm = channel.target.form.nelm if channel else 0
        longest = max(_LONGEST_REQUEST, (nelm + 1) * STRING_SIZE)
        return min(longest, self._desk.max_array_bytes)

    def too_long(self, request: Request, size: int) -> bool:
        """Answer a request of `size` bytes, which is too long; False: it is no put."""
        if request.command not in PUTS:
            return False
        self._writes.too_long(request, size)
        return True

    def end(self) -> None:
        """The client has disconnected; its puts go on."""
        if self._last_sid:
            self._desk.log.client(self._client.origin, self._peer, "disconnected")
        for channel in self._client.channels.values():
            self._client.disconnect(channel)
        self._client.channels.clear()
        self.gets.clear()

    # -- the client --------------------------------------------------------------------

    def _version(self, request: Request) -> None:
        self._client.minor = request.elements  # its priority is ignored

    def _client_name(self, request: Request) -> None:
        user = c_string(request.payload)
        self._client.origin = Origin(user, self._client.origin.host)

    def _host_name(self, request: Request) -> None:
        host = c_string(request.payload)
        self._client.origin = Origin(self._client.origin.user, host)

    def _echo(self, request: Request) -> None:
        self._client.send(ca.message(*request[:5], bytes(request.payload)))

    # -- names and channels ------------------------------------------------------------

    def _search(self, request: Request) -> None:
        cid = request.p1
        if self._desk.directory.offer(c_bytes(request.payload)) is not None:
            self._client.send(self._desk.search_reply(cid))
        elif request.dbr == ca.DO_REPLY:
            answer = ca.message(ca.NOT_FOUND, request.dbr, request.elements, cid, cid)
            self._client.send(answer)

    def _create_channel(self, request: Request) -> None:
        cid, client = request.p1, self._client
        client.minor = request.p2 or client.minor
        source = self._desk.directory.find(c_bytes(request.payload))
        if source is None:
            client.send(ca.message(ca.CREATE_FAILED, 0, 0, cid, 0))
            return
        if not self._last_sid:  # a client sends user and host before its first channel
            self._desk.log.client(client.origin, self._peer, "connected")
        self._last_sid = sid = self._last_sid + 1
        rights = source.rights(client.origin.user, client.origin.host)
        channel = client.channels[sid] = Connected(source, cid, sid, rights)
        self._desk.clients.channels += 1
        basic, nelm = channel.encoder.basic, channel.encoder.nelm
        client.send(ca.message(ca.ACCESS_RIGHTS, 0, 0, cid, rights))
        client.send(ca.message(ca.CREATE_CHANNEL, basic, nelm, cid, sid))

    def _clear_channel(self, request: Request) -> None:
        channel = self._client.channels.pop(request.p1, None)
        if channel is not None:
            self._desk.outbox.drain()  # no event may follow the confirmation
            self._client.disconnect(channel)
        message = ca.message(request.command, 0, 0, request.p1, request.p2)
        self._client.send(message)
