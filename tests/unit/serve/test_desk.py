"""The desk: what a connection asks of its server; and clients that do not read."""

from __future__ import annotations

import asyncio
import struct

import pytest

from daqpv.serve.ca.clients import Clients
from daqpv.serve.ca.desk import OwnSearch
from daqpv.serve.ca.wire import Encoder
from daqpv.serve.pv.channel import Channel
from daqpv.serve.values.forms import Real
from daqpv.serve.values.meta import Meta
from tests.support.lamp import Lamp, LampGroup
from tests.support.memory import Served

DOUBLE, TIME_DOUBLE = 6, 20


def test_only_a_search_of_our_own_is_not_answered() -> None:
    own = OwnSearch()
    with own.of(range(5, 8)):
        assert [cid in own.ids for cid in (4, 5, 7, 8)] == [False, True, True, False]
    assert not own.ids


async def test_a_search_is_answered_with_the_port_and_the_version() -> None:
    served = Served(LampGroup(Lamp()))
    served.desk.tcp_port = 5064
    reply = served.desk.search_reply(7)
    assert reply == struct.pack(">HHHHIIHxxxxxx", 6, 8, 5064, 0, 0xFFFFFFFF, 7, 13)


async def test_clients_and_channels_are_counted_while_they_are_here() -> None:
    served = Served(LampGroup(Lamp()))
    one, other = served.connect(), served.connect()
    one.create("L:Power")
    other.create("L:Power")
    other.create("L:Level.HIHI")
    assert (len(served.clients.circuits), served.clients.channels) == (2, 3)
    other.circuit.connection_lost(None)
    assert (len(served.clients.circuits), served.clients.channels) == (1, 1)
    served.clients.close()
    assert one.transport.closed


class Line:
    """A connection whose client reads so much with each look."""

    def __init__(self, reads: int) -> None:
        self.left = 1000
        self.reads = reads
        self.why = ""

    @property
    def unsent(self) -> int:
        self.left -= self.reads
        return self.left

    def close(self, reason: str = "") -> None:
        self.why = reason


async def test_a_slow_client_is_dropped_if_it_reads_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daqpv.serve.ca.clients._TICK", 0.0)
    clients, dead, slow = Clients(0.01), Line(0), Line(1)
    clients.slow |= {dead, slow}
    watch = asyncio.create_task(clients.watch())
    async with asyncio.timeout(10):
        while not dead.why:  # noqa: ASYNC110, the watch decides
            await asyncio.sleep(0)
    watch.cancel()
    assert dead.why == "it has read nothing for 0.01 s"
    assert slow.why == ""


def test_all_clients_share_what_was_packed_once() -> None:
    pv = Channel("P:A", Real(), Meta())
    pv.post(1.0)
    one, other = Encoder(pv), Encoder(pv)
    wire = one.wire(TIME_DOUBLE, 0)
    assert other.wire(TIME_DOUBLE, 0) is wire
    assert other.wire(DOUBLE, 0) is not wire
    packed = wire.pack()
    assert wire.body is packed
    pv.post(2.0)
    assert wire.body is None
    assert wire.pack()[-8:] == struct.pack(">d", 2.0)


@pytest.mark.parametrize(("dbr", "count"), [(99, 0), (-1, 0), (DOUBLE, 2)])
def test_what_cannot_be_packed_is_said_before(dbr: int, count: int) -> None:
    with pytest.raises(ValueError, match=r"DBR type|elements"):
        Encoder(Channel("P:A", Real(), Meta())).wire(dbr, count)
