"""Server and client addresses from the EPICS_CA* and EPICS_CAS* variables.

Source: Channel Access Reference Manual, "Configuring a Channel Access server"; EPICS
base, rsrv/caservertask.c.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import socket
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import psutil

from daqpv.errors import ServeError
from daqpv.serve.ca.hosts import Hosts

_log = logging.getLogger(__name__)

ANY = "0.0.0.0"
LAST_PORT = 65535
LOOK = 5.0  # [s] between two checks for new interfaces and host names
_LOOPBACK_BROADCAST = "127.255.255.255"
Address = tuple[str, int]


class _Entry(NamedTuple):
    """One entry of an address list.

    Attributes:
        host: name or IP address.
        port: of the entry, otherwise of the list.
    """

    host: str
    port: int


class AddressList:
    """A list of EPICS_CA* or EPICS_CAS*.

    An entry whose host DNS does not know is logged once and looked up again later; the
    other entries are used meanwhile.

    Args:
        environ: the variables.
        variable: its name.
        port: of entries without one.
        hosts: resolves host names.

    Raises:
        ServeError: an entry is not valid.
    """

    def __init__(
        self, environ: Mapping[str, str], variable: str, port: int, hosts: Hosts
    ) -> None:
        self.variable = variable
        self._hosts = hosts
        self._entries = tuple(
            dict.fromkeys(
                _entry(variable, text, port)
                for text in environ.get(variable, "").split()
            )
        )
        self._said: set[str] = set()
        self.look()

    @property
    def unknown(self) -> tuple[str, ...]:
        """The hosts with unknown addresses."""
        hosts = dict.fromkeys(entry.host for entry in self._entries)
        return tuple(host for host in hosts if self._hosts.address(host) is None)

    def look(self) -> None:
        """Begin to look up unknown hosts; the addresses change when DNS answers."""
        self._hosts.ask(self.unknown)

    def addresses(self) -> list[Address]:
        """The known addresses, each once."""
        found = ((self._hosts.address(one.host), one.port) for one in self._entries)
        return list(dict.fromkeys((host, port) for host, port in found if host))

    @property
    def text(self) -> str:
        """The known part of the list, as IP addresses."""
        return " ".join(f"{host}:{port}" for host, port in self.addresses())

    def log_changes(self) -> None:
        """Log hosts that are unknown, and hosts that became known; each once."""
        unknown = set(self.unknown)
        for host in sorted(unknown - self._said):
            _log.warning(
                "%s: %r: %s. The other entries are used; this one is looked up again "
                "every minute",
                *(self.variable, host, self._hosts.why(host)),
            )
        for host in sorted(self._said - unknown):
            address = self._hosts.address(host)
            _log.info("%s: %r is resolved now: %s", self.variable, host, address)
        self._said = unknown


class Addresses:
    """The addresses of a server, as the environment sets them.

    Args:
        environ: the EPICS_CA* and EPICS_CAS* variables.

    Attributes:
        port: of UDP searches, and of TCP if it is free.
        interfaces: IP addresses to listen on; a single ANY: all.
        beacons: destinations of beacons.
        beacon_period: the longest interval [s].
        ignored: clients that get no answer.
        max_array_bytes: size limit of a put.

    Raises:
        ServeError: a variable is not valid, or no interface is known.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        hosts = Hosts()
        self.port = _port(
            environ, ("EPICS_CAS_SERVER_PORT", "EPICS_CA_SERVER_PORT"), 5064
        )
        self.beacon_period = _real(
            environ, ("EPICS_CAS_BEACON_PERIOD", "EPICS_CA_BEACON_PERIOD"), 15.0
        )
        self.max_array_bytes = _max_array_bytes(environ)
        self._beacon_port = _port(
            environ, ("EPICS_CAS_BEACON_PORT", "EPICS_CA_REPEATER_PORT"), 5065
        )
        automatic = environ.get("EPICS_CAS_AUTO_BEACON_ADDR_LIST") or environ.get(
            "EPICS_CA_AUTO_ADDR_LIST", "YES"
        )
        self._automatic = automatic.upper() != "NO"
        own = environ.get("EPICS_CAS_BEACON_ADDR_LIST", "").strip()
        variable = "EPICS_CAS_BEACON_ADDR_LIST" if own else "EPICS_CA_ADDR_LIST"
        self._interfaces, self._ignored, self._beacons = self._lists = (
            AddressList(environ, "EPICS_CAS_INTF_ADDR_LIST", 0, hosts),
            AddressList(environ, "EPICS_CAS_IGNORE_ADDR_LIST", 0, hosts),
            AddressList(environ, variable, self._beacon_port, hosts),
        )
        hosts.wait()
        self.look()
        unknown = self._interfaces.unknown
        if unknown and self.interfaces == (ANY,):  # the list may restrict them
            raise ServeError(
                f"EPICS_CAS_INTF_ADDR_LIST: {unknown[0]!r}: {hosts.why(unknown[0])}"
            )

    def look(self) -> None:
        """Check for DNS answers and for new interfaces."""
        for one in self._lists:
            one.look()
            one.log_changes()
        named = [host for host, _ in self._interfaces.addresses() if host != ANY]
        self.interfaces: tuple[str, ...] = tuple(dict.fromkeys(named)) or (ANY,)
        self.ignored = frozenset(host for host, _ in self._ignored.addresses())
        beacons = self._beacons.addresses()
        if self._automatic:
            beacons += [(host, self._beacon_port) for host in _broadcasts(named)]
        self.beacons: tuple[Address, ...] = tuple(dict.fromkeys(beacons))

    def search_sockets(self) -> tuple[str, ...]:
        """The addresses to bind for searches: interfaces and their broadcast addresses.

        A socket that is bound to one interface receives no broadcasts: these go to a
        socket that is bound to the broadcast address.
        """
        if self.interfaces == (ANY,):
            return (ANY,)
        extra = (_broadcast(address) for address in self.interfaces)
        return tuple(dict.fromkeys([*self.interfaces, *filter(None, extra)]))


class Searches:
    """Destinations of searches of clients here: EPICS_CA_ADDR_LIST and name servers.

    Args:
        environ: the EPICS_CA* variables.
        own: of our own server: its computer may have other servers on that port.

    Create it before an event loop runs: DNS may take `daqpv.serve.ca.hosts.PATIENCE`.
    """

    def __init__(self, environ: Mapping[str, str], own: Addresses) -> None:
        self._own = own
        self._port = _number(environ, ("EPICS_CA_SERVER_PORT",), 5064)
        automatic = environ.get("EPICS_CA_AUTO_ADDR_LIST", "YES")
        self._automatic = automatic.upper() != "NO"
        hosts = Hosts()
        self._named, self._servers = (
            AddressList(environ, variable, self._port, hosts)
            for variable in ("EPICS_CA_ADDR_LIST", "EPICS_CA_NAME_SERVERS")
        )
        hosts.wait()

    def look(self) -> None:
        """Begin to look up unknown hosts."""
        for one in (self._named, self._servers):
            one.look()

    def datagrams(self) -> tuple[Address, ...]:
        """Destinations of UDP searches."""
        found = self._named.addresses()
        if self._automatic:
            found += [(address, self._port) for address in _broadcasts(())]
        for address in self._own.search_sockets():
            host = _LOOPBACK_BROADCAST if address == ANY else address
            found.append((host, self._own.port))
        return tuple(dict.fromkeys(found))

    def environ(self) -> dict[str, str]:
        """The lists for a libca that must not ask DNS, which would block our loop."""
        return {one.variable: one.text for one in (self._named, self._servers)}

    def name_servers(self) -> tuple[Address, ...]:
        """Destinations of TCP searches."""
        return tuple(self._servers.addresses())


def _entry(variable: str, text: str, port: int) -> _Entry:
    host, _, number = text.partition(":")
    try:
        port = int(number or port)
        if not 0 <= port <= LAST_PORT:
            raise ValueError(f"{port} is no port")
    except ValueError as error:
        raise ServeError(f"{variable}: {text!r}: {error}") from None
    return _Entry(host, port)


def _max_array_bytes(environ: Mapping[str, str]) -> int:
    if environ.get("EPICS_CA_AUTO_ARRAY_BYTES", "YES").upper() != "NO":
        return 2**32
    return max(16384, _number(environ, ("EPICS_CA_MAX_ARRAY_BYTES",), 16384))


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
    """The broadcast address of the interface with this address; also of loopback."""
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


def _broadcasts(interfaces: Iterable[str]) -> list[str]:
    """Broadcast addresses of `interfaces`; without any, of all but loopback."""
    interfaces = tuple(interfaces) or tuple(
        entry.address
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family == socket.AF_INET and entry.broadcast
    )
    return [found for address in interfaces if (found := _broadcast(address))]
