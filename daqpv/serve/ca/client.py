"""One client, as all that serves its requests knows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from daqpv.core import Origin
from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.connected import Connected, Request
from daqpv.serve.ca.desk import Desk
from daqpv.serve.ca.outgoing import Outgoing
from daqpv.serve.ca.wire import Wire

Act = Callable[[Request], None]


class Line(Protocol):
    """The order of a client's requests."""

    def wait(self) -> None:
        """Act on no further request before as many calls of `go_on`."""

    def wait_a_turn(self) -> None:
        """Act on the further requests when what is ready to run now has run."""

    def go_on(self) -> None:
        """Act on the requests that have waited, if nothing else holds them up."""


class Client:
    """What a client has said of itself, and what it is connected to.

    Args:
        desk: of the server.
        outgoing: where answers go.
        line: of its requests.
        host: its address.

    Attributes:
        channels: what it is connected to, by our id.
        gets: gets as the client has sent them before, with what answers them; the key
            is the request without its last parameter.
        origin: the user and the host that the client names.
        minor: its version of the protocol.
    """

    def __init__(self, desk: Desk, outgoing: Outgoing, line: Line, host: str) -> None:
        self.desk = desk
        self.outgoing = outgoing
        self.line = line
        self.channels: dict[int, Connected] = {}
        self.gets: dict[bytes, Wire] = {}
        self.origin = Origin("", host)
        self.minor = 0

    def send(self, message: bytes) -> None:
        """Answer a request at once."""
        self.outgoing.out.append(message)

    def rights(self, channel: Connected) -> int:
        """What the client may do now; it hears if that has changed."""
        rights = channel.source.rights(self.origin.user, self.origin.host)
        if rights != channel.rights:
            channel.rights = rights
            self.send(ca.message(ca.ACCESS_RIGHTS, 0, 0, channel.cid, rights))
        return rights

    def error(self, request: Request, status: int, text: str) -> None:
        """Send an exception: a request without an answer of its own has failed."""
        channel = self.channels.get(request.p1)
        if channel is not None:
            count = min(request.elements, ca.LONG)
            head = ca.HEADER.pack(
                request.command, 0, request.dbr, count, request.p1, request.p2
            )
            payload = head + text.encode() + b"\0"
            message = ca.message(ca.ERROR, 0, 0, channel.cid, status, payload)
            self.outgoing.reply(message)

    def disconnect(self, channel: Connected) -> None:
        """End a channel and all that the client follows through it."""
        self.desk.clients.channels -= 1
        for subscription in channel.subscriptions.values():
            self.outgoing.forget(subscription)
        for key in channel.keys:
            self.gets.pop(key, None)
