"""What a client has asked for: its requests, channels and subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from daqpv.serve.ca.wire import Source, Wire

if TYPE_CHECKING:
    from daqpv.serve.ca.circuit import Circuit


class Request(NamedTuple):
    """A message of a client; what `p1` and `p2` are depends on the command."""

    command: int
    dbr: int
    elements: int
    p1: int
    p2: int
    payload: bytes | memoryview = b""


class Subscription:
    """One client's wish to hear of changes.

    Attributes:
        wire: the value as the client wants it.
        circuit: where events go.
        mask: the changes that matter to the client.
        key: the client's id for it, as it stands on the wire.
    """

    __slots__ = ("circuit", "key", "mask", "wire")

    def __init__(self, wire: Wire, circuit: Circuit, mask: int, key: bytes) -> None:
        self.wire = wire
        self.circuit = circuit
        self.mask = mask
        self.key = key
        wire.source.attach(self)

    def end(self) -> None:
        """Send nothing more."""
        self.wire.source.detach(self)


class Connected:
    """A PV as one client is connected to it ("channel" in the specification)."""

    __slots__ = ("cid", "keys", "rights", "sid", "source", "subscriptions")

    def __init__(self, source: Source, cid: int, sid: int, rights: int) -> None:
        self.source = source
        self.cid = cid
        self.sid = sid
        self.rights = rights
        self.keys: list[bytes] = []
        self.subscriptions: dict[int, Subscription] = {}
