"""Beacons: how clients learn that a server has come up, and that it still lives."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence

from daqpv.serve import protocol as ca
from daqpv.serve.addresses import Address

_log = logging.getLogger(__name__)

_FIRST = 0.02  # [s] between the first two; each further distance is twice as long


async def send_beacons(
    targets: Sequence[Address], *, tcp_port: int, interface: str, period: float
) -> None:
    """Send beacons until cancelled, at distances that grow to `period`.

    Clients tell by the short distances that the server is new, and search again.

    Args:
        targets: where to.
        tcp_port: of the server.
        interface: the server's address there; 0.0.0.0: the sender's.
        period: the longest distance [s].
    """
    if not targets:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setblocking(False)
        if interface != "0.0.0.0":
            sock.bind((interface, 0))
        address = int.from_bytes(socket.inet_aton(interface), "big")
        number, wait = 0, _FIRST
        while True:
            beacon = ca.HEADER.pack(ca.BEACON, 0, ca.MINOR, tcp_port, number, address)
            for target in targets:
                try:
                    sock.sendto(beacon, target)
                except OSError as error:
                    _log.debug("beacon to %s:%d: %s", *target, error)
            number = (number + 1) & 0xFFFFFFFF
            await asyncio.sleep(wait)
            wait = min(2 * wait, period)
