"""IP addresses of host names: DNS may be slow, or know a host only later."""

from __future__ import annotations

import ipaddress
import math
import socket
import time
from collections.abc import Iterable
from threading import Thread

PATIENCE = 1.0  # [s] with DNS when a process starts
AGAIN = 60.0  # [s] between two look-ups of an unknown name


class Hosts:
    """Looks names up in its own threads; the end of the process waits for none."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._why: dict[str, str] = {}
        self._threads: dict[str, Thread] = {}
        self._asked: dict[str, float] = {}

    def address(self, name: str) -> str | None:
        """The IP address of `name`, which may already be one; None: not known yet."""
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            return self._found.get(name)

    def why(self, name: str) -> str:
        """Why the address of `name` is not known."""
        return self._why.get(name, "DNS does not answer")

    def ask(self, names: Iterable[str]) -> None:
        """Begin to look up unknown names, each at most once in `AGAIN` seconds."""
        now = time.monotonic()
        for name in names:
            if self.address(name) or now < self._asked.get(name, -math.inf) + AGAIN:
                continue
            if name in self._threads and self._threads[name].is_alive():
                continue
            self._asked[name] = now
            self._threads[name] = Thread(target=self._look_up, args=(name,), name="DNS")
            self._threads[name].daemon = True
            self._threads[name].start()

    def wait(self) -> None:
        """Wait for the running look-ups, at most `PATIENCE`; not in an event loop."""
        end = time.monotonic() + PATIENCE
        for thread in self._threads.values():
            thread.join(max(0.0, end - time.monotonic()))

    def _look_up(self, name: str) -> None:
        try:
            self._found[name] = socket.gethostbyname(name)
        except (OSError, ValueError) as error:  # ValueError: it is not a valid name
            self._why[name] = getattr(error, "strerror", None) or str(error)
