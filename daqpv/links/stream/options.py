"""Options of connections that carry lines: what stands after ``?`` in the URL."""

from __future__ import annotations

from typing import Annotated

from daqpv.config import TIME, Model


class TcpOptions(Model):
    """Of ``tcp://HOST:PORT``."""

    shared: bool = False
    """Other instruments have the same address: a converter of one serial line. They
    share the connection, and take turns."""

    connect_timeout: Annotated[float, TIME.within(0.05, 120)] = 5.0
    """Longest time for the connection [s]."""
