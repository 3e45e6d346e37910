"""Beacons: they tell clients that a server has started, and that it is alive."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import ExitStack, suppress

from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.addresses import ANY, LOOK, Address, Addresses

_log = logging.getLogger(__name__)

_FIRST = 0.02  # [s] between the first two beacons; each interval doubles


class _Series:
    """The beacons from one interface to one target.

    Clients recognise a new server by the short intervals at the beginning, and search
    again. So the series restarts when the target can be reached again.

    Args:
        interface: the server's address there; 0.0.0.0: that of the sender.
        target: destination.
        tcp_port: of the server.
        period: the longest interval [s].
    """

    def __init__(
        self, interface: str, target: Address, *, tcp_port: int, period: float
    ) -> None:
        self.due = 0.0
        self._target = target
        self._port = tcp_port
        self._address = int.from_bytes(socket.inet_aton(interface), "big")
        self._period = period
        self._number = 0
        self._wait = _FIRST

    def send(self, sock: socket.socket, now: float) -> None:
        """Send the next beacon, and schedule the one after it."""
        beacon = ca.HEADER.pack(
            ca.BEACON, 0, ca.MINOR, self._port, self._number, self._address
        )
        try:
            sock.sendto(beacon, self._target)
        except OSError as error:
            _log.debug("beacon to %s:%d: %s", *self._target, error)
            self._wait, self.due = _FIRST, now + LOOK
            return
        self._number = (self._number + 1) & 0xFFFFFFFF
        self.due = now + self._wait
        self._wait = min(2 * self._wait, self._period)


async def send_beacons(addresses: Addresses, *, tcp_port: int) -> None:
    """Send beacons until cancelled, at intervals that grow to the beacon period.

    Args:
        addresses: sources and destinations; both may change.
        tcp_port: of the server.
    """
    loop = asyncio.get_running_loop()
    sockets: dict[str, socket.socket] = {}
    sent: dict[tuple[str, Address], _Series] = {}
    period = addresses.beacon_period
    with ExitStack() as stack:
        while True:
            now = loop.time()
            for interface in addresses.interfaces:
                if interface not in sockets:
                    with suppress(OSError):  # the interface does not exist yet
                        sockets[interface] = stack.enter_context(_socket(interface))
            pairs = [(i, target) for i in sockets for target in addresses.beacons]
            sent = {
                pair: sent.get(pair) or _Series(*pair, tcp_port=tcp_port, period=period)
                for pair in pairs
            }
            for (interface, _), series in sent.items():
                if series.due <= now:
                    series.send(sockets[interface], now)
            dues = [series.due for series in sent.values()]
            await asyncio.sleep(min([now + LOOK, *dues]) - now)


def _socket(interface: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setblocking(False)
        if interface != ANY:
            sock.bind((interface, 0))
    except OSError:
        sock.close()
        raise
    return sock
