"""Makes the drivers of instruments that speak in lines."""

from __future__ import annotations

from collections.abc import Callable

from daqpv.core import Site
from daqpv.instruments.connection import Connection
from daqpv.instruments.lines.driver import LineDriver
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.endpoint import Endpoint
from daqpv.links.stream.line import StreamLine
from daqpv.links.stream.options import TcpOptions
from daqpv.links.stream.tcp import TcpWire


class SharedLines:
    """The lines that several instruments of a process use."""

    def __init__(self, site: object) -> None:
        self._lines: dict[str, tuple[object, StreamLine]] = {}

    def line(
        self, place: str, how: object, make: Callable[[], StreamLine]
    ) -> StreamLine:
        """The line at a place: the same for all callers.

        Args:
            place: the address, or the path of the device.
            how: the options of the connection.
            make: makes the line.

        Raises:
            ValueError: another instrument has other options for it.
        """
        if place not in self._lines:
            self._lines[place] = how, make()
        others, line = self._lines[place]
        if others != how:
            raise ValueError(
                f"another instrument at {place} has other options of the connection. "
                "Give both the same"
            )
        return line


def connection_of(settings: InstrumentSettings) -> Connection:
    """The connection of an instrument, taken apart.

    Raises:
        ValueError: there is none, or it is not a URL.
    """
    return Connection.of(settings.connection or "", settings.options)


def tcp_driver(name: str, settings: InstrumentSettings, site: Site) -> LineDriver:
    """The driver of ``tcp://HOST:PORT``."""
    connection = connection_of(settings)
    options = connection.read(TcpOptions)
    host, port = connection.address("tcp://HOST:PORT")
    endpoint = Endpoint(name, host, port)

    def make() -> StreamLine:
        wire = TcpWire(endpoint, options.connect_timeout)
        return StreamLine(wire, is_shared=options.shared)

    if options.shared:
        line = site.shared(SharedLines).line(endpoint.shown, options, make)
    else:
        line = make()
    return LineDriver(name, settings, line)
