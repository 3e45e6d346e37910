"""Makes the drivers of instruments that speak in lines."""

from __future__ import annotations

import os
from collections.abc import Callable

from daqpv.config import Model
from daqpv.core import Site
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.lines.driver import LineDriver
from daqpv.instruments.lines.framing import Framing
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.endpoint import Endpoint
from daqpv.links.stream.line import StreamLine
from daqpv.links.stream.listen import ListenWire
from daqpv.links.stream.options import (
    SerialOptions,
    TcpOptions,
    UdpOptions,
    VisaOptions,
)
from daqpv.links.stream.serial import SerialWire
from daqpv.links.stream.tcp import TcpWire
from daqpv.links.stream.udp import UdpWire
from daqpv.links.stream.visa import VisaLine

TCP_FORM = "tcp://HOST:PORT"
LISTEN_FORM = "tcp-listen://:PORT"
UDP_FORM = "udp://HOST:PORT"
VISA_FORM = "visa://TCPIP::HOST::INSTR"
SERIAL_FORM = "serial:///dev/serial/by-id/NAME?baud=9600"


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


def tcp(name: str, settings: InstrumentSettings, site: Site) -> LineDriver:
    """The driver of ``tcp://HOST:PORT``."""
    connection = connection_of(settings)
    options = connection.read(TcpOptions)
    who = "the converter" if options.shared else name
    endpoint = Endpoint(who, *connection.address(TCP_FORM))

    def make() -> StreamLine:
        wire = TcpWire(endpoint, options.connect_timeout)
        return StreamLine(wire, is_shared=options.shared)

    if options.shared:
        line = site.shared(SharedLines).line(endpoint.shown, options, make)
    else:
        line = make()
    return LineDriver(name, settings, line)


def tcp_listen(name: str, settings: InstrumentSettings, site: Site) -> LineDriver:
    """The driver of ``tcp-listen://[ADDRESS]:PORT``."""
    connection = connection_of(settings)
    connection.read(Model)  # it has no options
    if not connection.port:
        raise ValueError(f"{LISTEN_FORM} is wanted")
    wire = ListenWire(name, connection.host, connection.port)
    return LineDriver(name, settings, StreamLine(wire))


def udp(name: str, settings: InstrumentSettings, site: Site) -> LineDriver:
    """The driver of ``udp://HOST:PORT``."""
    connection = connection_of(settings)
    options = connection.read(UdpOptions)
    endpoint = Endpoint(name, *connection.address(UDP_FORM))
    return LineDriver(name, settings, StreamLine(UdpWire(endpoint, options.local)))


def serial(name: str, settings: InstrumentSettings, site: Site) -> LineDriver:
    """The driver of ``serial:///dev/ttyUSB0``; all instruments of a port share it."""
    connection = connection_of(settings)
    options = connection.read(SerialOptions)
    path = connection.path
    if connection.host or not path.startswith("/") or path == "/":
        raise ValueError(f"{SERIAL_FORM} is wanted, with three slashes")
    lines = site.shared(SharedLines)
    device = os.path.realpath(path)  # by whatever name

    def make() -> StreamLine:
        return StreamLine(SerialWire(path, options), is_shared=True)

    line = lines.line(device, options, make)
    return LineDriver(name, settings, line)


def visa(name: str, settings: InstrumentSettings, site: Site) -> LineDriver:
    """The driver of ``visa://TCPIP::HOST::INSTR``; lines end with LF by default."""
    connection = connection_of(settings)
    options = connection.read(VisaOptions)
    resource = connection.rest.removeprefix("//")
    if "::" not in resource:
        raise ValueError(f"{VISA_FORM} is wanted, or another VISA resource")
    if settings.stream:
        raise ValueError("nothing comes unasked by VISA: use `read` in place of stream")
    ends = settings.terminator, settings.send_terminator, settings.receive_terminator
    if ends == (None, None, None):
        settings = settings.model_copy(update={"terminator": "\n"})
    line = VisaLine(resource, options.backend, Framing(settings).end)
    return LineDriver(name, settings, line)
