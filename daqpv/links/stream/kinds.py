"""The sorts of connections for instruments that speak in lines."""

from __future__ import annotations

from daqpv.instruments.driver import DriverKind
from daqpv.links.stream import make
from daqpv.links.stream.options import (
    SerialOptions,
    TcpOptions,
    UdpOptions,
    VisaOptions,
)

TCP = DriverKind(
    "tcp", make.tcp, address=make.TCP_FORM, options=TcpOptions, speaks_lines=True
)
TCP_LISTEN = DriverKind(
    "tcp-listen",
    make.tcp_listen,
    address=make.LISTEN_FORM,
    speaks_lines=True,
)
UDP = DriverKind(
    "udp", make.udp, address=make.UDP_FORM, options=UdpOptions, speaks_lines=True
)
SERIAL = DriverKind(
    "serial",
    make.serial,
    address=make.SERIAL_FORM,
    options=SerialOptions,
    speaks_lines=True,
)
VISA = DriverKind(
    "visa",
    make.visa,
    address=make.VISA_FORM,
    options=VisaOptions,
    speaks_lines=True,
    extra="visa",
    library="pyvisa",
)
