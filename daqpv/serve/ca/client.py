"""One client: its identity, its channels, and its answers."""

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
    """The queue of a client's requests."""

    def wait(self) -> None:
        """Process no further request before as many calls of `go_on`."""

    def wait_a_turn(self) -> None:
        """Process further requests after all callbacks that are ready now."""

    def go_on(self) -> None:
        """Process the waiting requests, if no other wait is left."""


class Client:
    """The state of a client: what it has sent of itself, and its channels.

    Args:
        desk: of the server.
        outgoing: where answers go.
        line: queue of its requests.
        host: its address.

    Attributes:
        channels: by our id.
        gets: earlier gets of the client, with the object that answers them; the key is
            the request without its last parameter.
        origin: user and host, as the client has sent them.
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
        """Return the access rights; the client is informed if they have changed."""
        rights = channel.source.rights(self.origin.user, self.origin.host)
        if rights != channel.rights:
            channel.rights = rights
            self.send(ca.message(ca.ACCESS_RIGHTS, 0, 0, channel.cid, rights))
        return rights

    def error(self, request: Request, status: int, text: str) -> None:
        """Send an exception: a request that has no reply has failed."""
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
        """Close a channel and its subscriptions."""
        self.desk.clients.channels -= 1
        for subscription in channel.subscriptions.values():
            self.outgoing.forget(subscription)
        for key in channel.keys:
            self.gets.pop(key, None)
