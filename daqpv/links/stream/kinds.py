"""The sorts of connections for instruments that speak in lines."""

from __future__ import annotations

from daqpv.instruments.driver import DriverKind
from daqpv.links.stream.make import tcp_driver
from daqpv.links.stream.options import TcpOptions

TCP = DriverKind(
    "tcp", tcp_driver, address="tcp://HOST:PORT", options=TcpOptions, speaks_lines=True
)
