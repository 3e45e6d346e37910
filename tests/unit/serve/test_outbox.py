"""When changes leave."""

from __future__ import annotations

import asyncio
import select
import socket
from typing import Any

from daqpv.bench.wire import Circuit
from daqpv.core import Events, Shown, Snapshot
from daqpv.serve import Group, ai
from daqpv.serve.ca import protocol as ca

COUNT = 300
Many = type("Many", (Group,), {f"m{i}": ai(f"M{i}") for i in range(COUNT)})


def connect(port: int) -> Circuit:
    """Subscribe to all, and read their first events."""
    circuit = Circuit("127.0.0.1", port)
    channels = circuit.create(f"O:M{i}" for i in range(COUNT))
    circuit.send(*(one.subscribe(ca.DOUBLE, key=i) for i, one in enumerate(channels)))
    events = 0
    while events < COUNT:
        events += len(circuit.read(ca.EVENT_ADD))
    return circuit


async def test_many_changes_begin_to_leave_before_the_loop_turn_ends(
    bench: Any,
) -> None:
    group = Many("O:", Shown("many", Snapshot(), events=Events()))
    server = await bench.serve(group)
    circuit = await asyncio.to_thread(connect, server.tcp_port)
    with circuit:
        for channel in group.pvdb.values():
            channel.post(1.0)
        readable, _, _ = select.select([circuit.sock], [], [], 5.0)  # no turn ends here
        assert readable
        events = len(circuit.read(ca.EVENT_ADD))
        assert 128 <= events < COUNT
        while events < COUNT:
            events += len(await asyncio.to_thread(circuit.read, ca.EVENT_ADD))
        assert events == COUNT


async def test_what_leaves_waits_for_no_acknowledgement(bench: Any) -> None:
    group = Many("O:", Shown("many", Snapshot(), events=Events()))
    server = await bench.serve(group)
    with await asyncio.to_thread(connect, server.tcp_port):
        (circuit,) = server.clients.circuits
        sock = circuit._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
