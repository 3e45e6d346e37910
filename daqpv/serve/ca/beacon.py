"""Beacons: how clients learn that a server has come up, and that it still lives."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import ExitStack, suppress

from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.addresses import ANY, LOOK, Address, Addresses

_log = logging.getLogger(__name__)

_FIRST = 0.02  # [s] between the first two; each further distance is twice as long


class _Series:
    """The beacons from one interface to one target.

    Clients tell by the short distances at its beginning that the server is new, and
    search again. So it begins anew when the target can be reached again.

    Args:
        interface: the server's address there; 0.0.0.0: the sender's.
        target: where to.
        tcp_port: of the server.
        period: the longest distance [s].
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
        """Send the next one; the one after it is due in a while."""
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
    """Send beacons until cancelled, at distances that grow to the beacon period.

    Args:
        addresses: where from and where to; both may change.
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
                    with suppress(OSError):  # it is not here yet
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
