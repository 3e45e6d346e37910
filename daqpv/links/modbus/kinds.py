"""The sorts of connection to Modbus devices, by the scheme of their address."""

from __future__ import annotations

from typing import Any

from daqpv.core import Site
from daqpv.instruments.driver import Driver, DriverKind
from daqpv.instruments.modbus.place import Place
from daqpv.instruments.modbus.settings import RtuOptions, SerialOptions, TcpOptions


def _tcp(name: str, settings: Any, site: Site) -> Driver:
    from daqpv.links.modbus.make import make_tcp  # noqa: PLC0415 (for instruments only)

    return make_tcp(name, settings, site)


def _rtu(name: str, settings: Any, site: Site) -> Driver:
    from daqpv.links.modbus.make import make_rtu  # noqa: PLC0415 (for instruments only)

    return make_rtu(name, settings, site)


def _rtu_tcp(name: str, settings: Any, site: Site) -> Driver:
    from daqpv.links.modbus.make import make_rtu_tcp  # noqa: PLC0415 (as above)

    return make_rtu_tcp(name, settings, site)


TCP = DriverKind(
    "modbus-tcp",
    _tcp,
    address="modbus-tcp://HOST:502?unit=1",
    options=TcpOptions,
    at=Place,
    writes=True,
)
RTU = DriverKind(
    "modbus-rtu",
    _rtu,
    address="modbus-rtu:///dev/ttyUSB0?baud=9600&parity=E&unit=1",
    options=SerialOptions,
    at=Place,
    writes=True,
)
RTU_TCP = DriverKind(
    "modbus-rtu-tcp",
    _rtu_tcp,
    address="modbus-rtu-tcp://HOST:PORT?unit=1",
    options=RtuOptions,
    at=Place,
    writes=True,
)
