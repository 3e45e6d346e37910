"""What a client asks: its requests, and the channels that it is connected to."""

from __future__ import annotations

from typing import NamedTuple

from daqpv.serve.ca.wire import Encoder, Subscription
from daqpv.serve.pv.source import Source


class Request(NamedTuple):
    """A message of a client; what `p1` and `p2` are depends on the command."""

    command: int
    dbr: int
    elements: int
    p1: int
    p2: int
    payload: bytes | memoryview = b""


class Connected:
    """A PV as one client is connected to it ("channel" in the specification).

    Attributes:
        source: the PV.
        target: what puts go to.
        encoder: packs the PV for it.
        cid: the client's id of the channel.
        sid: our id of it.
        rights: what the client may do, as it was said last.
        keys: of the gets that are answered by table.
        subscriptions: its monitors, by the client's id.
    """

    __slots__ = (
        *("cid", "encoder", "keys", "rights", "sid", "source", "subscriptions"),
        "target",
    )

    def __init__(self, source: Source, cid: int, sid: int, rights: int) -> None:
        self.source = source
        self.target = source.target
        self.encoder = Encoder(source)
        self.cid = cid
        self.sid = sid
        self.rights = rights
        self.keys: list[bytes] = []
        self.subscriptions: dict[int, Subscription] = {}
