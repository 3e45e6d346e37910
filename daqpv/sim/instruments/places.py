"""Chooses where a simulated instrument is reached, by the scheme of its connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from daqpv.errors import SimulatorError
from daqpv.instruments.driver.connection import Connection
from daqpv.sim.ecc.port import is_loopback
from daqpv.sim.instruments.modbus_place import (
    ModbusRtuPlace,
    ModbusRtuTcpPlace,
    ModbusTcpPlace,
    rtu_speech,
    serial_speech,
    tcp_speech,
)
from daqpv.sim.instruments.simulator import InstrumentSimulator, Place
from daqpv.sim.instruments.snmp_place import SnmpAgentPlace
from daqpv.sim.instruments.text_file import TextFilePlace
from daqpv.sim.instruments.transports import SerialPlace, TcpPlace, UdpPlace


class Address(NamedTuple):
    """Where a simulator is to be.

    Attributes:
        host: a loopback address.
        port: 0: any free one.
        path: of a serial line; "": any.
        folder: of files; None: as the settings say.
    """

    host: str = "127.0.0.1"
    port: int = 0
    path: str = ""
    folder: Path | None = None


def _tcp(one: InstrumentSimulator, at: Address) -> Place:
    return TcpPlace(one.name, one.speech, host=at.host, port=at.port)


def _udp(one: InstrumentSimulator, at: Address) -> Place:
    return UdpPlace(one.name, one.speech, host=at.host, port=at.port)


def _serial(one: InstrumentSimulator, at: Address) -> Place:
    return SerialPlace(one.name, one.speech, path=at.path)


def _snmp(one: InstrumentSimulator, at: Address) -> Place:
    return SnmpAgentPlace(one, host=at.host, port=at.port)


def _file(one: InstrumentSimulator, at: Address) -> Place:
    if at.folder is None:
        raise SimulatorError(
            f"{one.name}: files are simulated at places of their own only. Use --local "
            "OUT"
        )
    return TextFilePlace(one, at.folder)


def _modbus_tcp(one: InstrumentSimulator, at: Address) -> Place:
    port = at.port if at.port or at.folder is not None else 502
    return ModbusTcpPlace(one.name, tcp_speech(one), host=at.host, port=port)


def _modbus_rtu_tcp(one: InstrumentSimulator, at: Address) -> Place:
    return ModbusRtuTcpPlace(one.name, rtu_speech(one), host=at.host, port=at.port)


def _modbus_rtu(one: InstrumentSimulator, at: Address) -> Place:
    return ModbusRtuPlace(one.name, serial_speech(one), path=at.path)


MAKERS: Mapping[str, Callable[[InstrumentSimulator, Address], Place]] = {
    "tcp": _tcp,
    "udp": _udp,
    "serial": _serial,
    "file": _file,
    "snmp": _snmp,
    "modbus-tcp": _modbus_tcp,
    "modbus-rtu-tcp": _modbus_rtu_tcp,
    "modbus-rtu": _modbus_rtu,
}
"""Makes the place of a simulator, by the scheme of its connection."""


def place_of(one: InstrumentSimulator, scheme: str, folder: Path | None) -> Place:
    """The place of a simulator.

    Args:
        one: the simulator.
        scheme: of its connection, in `MAKERS`.
        folder: it gets a place of its own; None: that of its settings.

    Raises:
        SimulatorError: the address of its settings is not one of this computer.
    """
    if folder is not None:
        return MAKERS[scheme](one, Address(folder=folder))
    connection = Connection.of(one.settings.connection or "file:")
    if connection.host and not is_loopback(connection.host):
        raise SimulatorError(
            f"{one.name}: {connection.host} is not a loopback address, and simulators "
            "run on this computer only. Use --local OUT"
        )
    host = "127.0.0.1" if connection.host == "localhost" else connection.host
    return MAKERS[scheme](one, Address(host, connection.port, connection.path))
