"""The requests of a client, and the channels that it has opened."""

from __future__ import annotations

from typing import NamedTuple

from daqpv.serve.ca.wire import Encoder, Subscription
from daqpv.serve.pv.source import Source


class Request(NamedTuple):
    """A message of a client; the meaning of `p1` and `p2` depends on the command."""

    command: int
    dbr: int
    elements: int
    p1: int
    p2: int
    payload: bytes | memoryview = b""


class Connected:
    """A channel: the connection of one client to one PV.

    Attributes:
        source: the PV.
        target: receives puts.
        encoder: packs the PV for this channel.
        cid: the client's id of the channel.
        sid: our id of it.
        rights: the access rights that were sent last.
        keys: of the gets that are answered from the table.
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
