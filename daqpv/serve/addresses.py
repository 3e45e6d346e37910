"""Where to listen and whom to tell: the EPICS_CA* and EPICS_CAS* variables.

Source: Channel Access Reference Manual, "Configuring a Channel Access server"; EPICS
base, rsrv/caservertask.c.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

from daqpv.errors import ServeError

ANY = "0.0.0.0"
LAST_PORT = 65535
_LOOPBACK_BROADCAST = "127.255.255.255"
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the environment says of a server's addresses.

    Attributes:
        interfaces: IP addresses to listen on; ANY alone: all.
        port: of UDP searches, and of TCP if it is free.
        beacons: where beacons go.
        beacon_period: the longest time between two [s].
        ignored: clients that are not answered.
        max_array_bytes: the longest put.
    """

    interfaces: tuple[str, ...]
    port: int
    beacons: tuple[Address, ...]
    beacon_period: float
    ignored: frozenset[str]
    max_array_bytes: int

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Addresses:
        """Read the variables.

        Raises:
            ServeError: one of them cannot be understood.
        """
        interfaces = tuple(
            address
            for address, _ in _hosts(environ, "EPICS_CAS_INTF_ADDR_LIST", 0)
            if address != ANY
        )
        return cls(
            interfaces=interfaces or (ANY,),
            port=_port(
                environ, ("EPICS_CAS_SERVER_PORT", "EPICS_CA_SERVER_PORT"), 5064
            ),
            beacons=_beacon_addresses(environ, interfaces),
            beacon_period=_real(
                environ, ("EPICS_CAS_BEACON_PERIOD", "EPICS_CA_BEACON_PERIOD"), 15.0
            ),
            ignored=frozenset(
                address
                for address, _ in _hosts(environ, "EPICS_CAS_IGNORE_ADDR_LIST", 0)
            ),
            max_array_bytes=_max_array_bytes(environ),
        )

    def search_sockets(self) -> tuple[str, ...]:
        """The addresses to bind for searches: interfaces and their broadcasts.

        A socket that is bound to one interface does not hear broadcasts: those come
        to a socket bound to the broadcast address.
        """
        if self.interfaces == (ANY,):
            return (ANY,)
        extra = (_broadcast(address) for address in self.interfaces)
        return tuple(dict.fromkeys([*self.interfaces, *filter(None, extra)]))


def search_addresses(environ: Mapping[str, str], own: Addresses) -> tuple[Address, ...]:
    """Where clients on this computer search, and its other servers on our port.

    A host that cannot be found is left out: nobody serves there.
    """
    port = _number(environ, ("EPICS_CA_SERVER_PORT",), 5064)
    found: list[Address] = []
    for entry in environ.get("EPICS_CA_ADDR_LIST", "").split():
        with contextlib.suppress(ServeError):
            found += _hosts({"EPICS_CA_ADDR_LIST": entry}, "EPICS_CA_ADDR_LIST", port)
    if environ.get("EPICS_CA_AUTO_ADDR_LIST", "YES").upper() != "NO":
        found += [(address, port) for address in _broadcasts(())]
    for address in own.search_sockets():
        found.append((_LOOPBACK_BROADCAST if address == ANY else address, own.port))
    return tuple(dict.fromkeys(found))


def _max_array_bytes(environ: Mapping[str, str]) -> int:
    if environ.get("EPICS_CA_AUTO_ARRAY_BYTES", "YES").upper() != "NO":
        return 2**32
    return max(16384, _number(environ, ("EPICS_CA_MAX_ARRAY_BYTES",), 16384))


def _beacon_addresses(
    environ: Mapping[str, str], interfaces: Iterable[str]
) -> tuple[Address, ...]:
    port = _port(environ, ("EPICS_CAS_BEACON_PORT", "EPICS_CA_REPEATER_PORT"), 5065)
    own = environ.get("EPICS_CAS_BEACON_ADDR_LIST", "").strip()
    variable = "EPICS_CAS_BEACON_ADDR_LIST" if own else "EPICS_CA_ADDR_LIST"
    found = _hosts(environ, variable, port)
    automatic = environ.get("EPICS_CAS_AUTO_BEACON_ADDR_LIST") or environ.get(
        "EPICS_CA_AUTO_ADDR_LIST", "YES"
    )
    if automatic.upper() != "NO":
        found += [(address, port) for address in _broadcasts(tuple(interfaces))]
    return tuple(dict.fromkeys(found))


def _hosts(environ: Mapping[str, str], variable: str, port: int) -> list[Address]:
    found = []
    for entry in environ.get(variable, "").split():
        host, _, text = entry.partition(":")
        try:
            number = int(text or port)
            if not 0 <= number <= LAST_PORT:
                raise ValueError(f"{number} is no port")
            found.append((socket.gethostbyname(host), number))
        except (OSError, ValueError) as error:
            raise ServeError(f"{variable}: {entry!r}: {error}") from None
    return found


def _port(environ: Mapping[str, str], variables: tuple[str, ...], default: int) -> int:
    port = _number(environ, variables, default)
    if not 0 < port <= LAST_PORT:
        raise ServeError(f"{' or '.join(variables)}: {port} is no port")
    return port


def _number(
    environ: Mapping[str, str], variables: tuple[str, ...], default: int
) -> int:
    return int(_real(environ, variables, default))


def _real(
    environ: Mapping[str, str], variables: tuple[str, ...], default: float
) -> float:
    for variable in variables:
        text = environ.get(variable, "").strip()
        if text:
            try:
                return _finite(text)
            except ValueError:
                raise ServeError(f"{variable}: {text!r} is not a number") from None
    return default


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _broadcast(address: str) -> str | None:
    """The broadcast address of the interface with this address; loopback's as well."""
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            if entry.family != socket.AF_INET or entry.address != address:
                continue
            if entry.broadcast:
                return str(entry.broadcast)
            if ipaddress.ip_address(address).is_loopback and entry.netmask:
                net = ipaddress.ip_network(f"{address}/{entry.netmask}", strict=False)
                return str(net.broadcast_address)
    return None


def _broadcasts(interfaces: tuple[str, ...]) -> list[str]:
    """Broadcast addresses of `interfaces`; of all but loopback if there are none."""
    if not interfaces:
        interfaces = tuple(
            entry.address
            for entries in psutil.net_if_addrs().values()
            for entry in entries
            if entry.family == socket.AF_INET and entry.broadcast
        )
    return [found for address in interfaces if (found := _broadcast(address))]
