"""Makes the drivers of Modbus devices; units at one place share their line."""

from __future__ import annotations

from collections.abc import Callable

from daqpv.core import Site
from daqpv.instruments.driver import Driver
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.modbus.channels import places
from daqpv.instruments.modbus.plan import Limits
from daqpv.instruments.modbus.settings import (
    RtuOptions,
    SerialOptions,
    TcpOptions,
)
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.modbus.driver import ModbusDriver, Point, Ways
from daqpv.links.modbus.line import Line, TcpLine, User
from daqpv.links.modbus.rtu import RtuLine
from daqpv.links.modbus.serial import SerialWire
from daqpv.links.modbus.wire import TcpWire

PORT = 502


class Lines:
    """The Modbus lines of a process."""

    def __init__(self, _: object) -> None:
        self._lines: dict[str, tuple[Line, object, str]] = {}

    def of(
        self, place: str, make: Callable[[], Line], settings: object, name: str
    ) -> Line:
        """The line at `place`: made for the first instrument, shared by all others.

        Raises:
            ValueError: another instrument uses it with other settings.
        """
        if place not in self._lines:
            self._lines[place] = make(), settings, name
        line, first, other = self._lines[place]
        if first != settings:
            raise ValueError(
                f"{other} uses the line {place} as well, so baud, parity, stop, "
                "silence and echo must be the same"
            )
        return line


def make_tcp(name: str, settings: InstrumentSettings, site: Site) -> Driver:
    """The driver of ``modbus-tcp://HOST:502``.

    Raises:
        ValueError: a setting cannot be used.
    """
    connection = _connection(settings)
    options = connection.read(TcpOptions)
    host, port = connection.address("modbus-tcp://HOST", port=PORT)
    lines = site.shared(Lines)
    line = lines.of(
        f"tcp {host}:{port}", lambda: TcpLine(TcpWire(host, port)), None, name
    )
    return _driver(name, settings, options, line)


def make_rtu_tcp(name: str, settings: InstrumentSettings, site: Site) -> Driver:
    """The driver of ``modbus-rtu-tcp://HOST:PORT``.

    Raises:
        ValueError: a setting cannot be used.
    """
    connection = _connection(settings)
    options = connection.read(RtuOptions)
    host, port = connection.address("modbus-rtu-tcp://HOST:PORT")
    echo, silence = bool(settings.echo), options.silence

    def make() -> Line:
        return RtuLine(TcpWire(host, port), silence=silence, echo=echo)

    lines = site.shared(Lines)
    line = lines.of(f"{host}:{port}", make, (silence, echo), name)
    return _driver(name, settings, options, line)


def make_rtu(name: str, settings: InstrumentSettings, site: Site) -> Driver:
    """The driver of ``modbus-rtu:///dev/ttyUSB0``.

    Raises:
        ValueError: a setting cannot be used.
    """
    connection = _connection(settings)
    options, path = connection.read(SerialOptions), connection.path
    if connection.host or not path.startswith("/"):
        raise ValueError("modbus-rtu:///dev/ttyUSB0 is wanted")
    echo = bool(settings.echo)
    port = options.baud, options.parity, options.stop

    def make() -> Line:
        wire = SerialWire(path, options)
        return RtuLine(wire, silence=options.silence, echo=echo)

    line = site.shared(Lines).of(path, make, (port, options.silence, echo), name)
    return _driver(name, settings, options, line)


def _connection(settings: InstrumentSettings) -> Connection:
    return Connection.of(settings.connection or "", settings.options)


def _driver(
    name: str,
    settings: InstrumentSettings,
    options: TcpOptions | RtuOptions,
    line: Line,
) -> Driver:
    points = {
        channel: Point(place, settings.channels[channel].every)
        for channel, place in places(settings, options.order).items()
    }
    ways = Ways(
        limits=Limits(options.max_registers, options.max_bits, options.max_gap),
        single=options.single,
        retries=settings.retries,
        encoding=settings.encoding,
    )
    unit = options.unit
    user = User(
        name,
        f"{name} at {line.place}, unit {unit}",
        unit,
        settings.timeout,
        settings.gap,
    )
    return ModbusDriver(user, line, points, ways)
