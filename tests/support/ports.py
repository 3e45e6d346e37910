"""Ports of loopback that no process uses."""

from __future__ import annotations

import socket

_given: set[int] = set()


def free_port() -> int:
    """A port that is free for TCP and UDP on loopback, another one at each call."""
    while True:
        with socket.socket() as tcp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            if udp_is_free(port) and port not in _given:
                _given.add(port)
                return port


def udp_is_free(port: int) -> bool:
    """Whether no socket is bound to this UDP port of loopback."""
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        try:
            udp.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
