"""The address of a server: a host, by name or IP address, and a port."""

from __future__ import annotations

import socket
from typing import Any

from daqpv.core.threads import Crew
from daqpv.errors import LinkError, NotConnectedError

Address = tuple[socket.AddressFamily, Any]


class Endpoint:
    """A host and a port; the host name is resolved on demand.

    Addresses are kept until `forget`: a running experiment needs no DNS.

    Args:
        name: of the device, for error messages.
        host: a name, or an IP address.
        port: on that host.

    Attributes:
        shown: HOST:PORT, as a URL has it.
        who: the device with that address, for error messages.
    """

    def __init__(self, name: str, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.who = f"{name} at {self.shown}"
        self._numeric = _numeric(host, port)
        self._addresses = self._numeric
        # its own crew: a slow look-up takes no thread from others
        self._names = Crew(f"{self.who}: the look-up of its name")

    async def addresses(self, timeout: float) -> list[Address]:
        """The addresses to try, in order.

        Args:
            timeout: for the look-up of a name [s].

        Raises:
            NotConnectedError: the name is unknown, or DNS has not answered in time.
        """
        if not self._addresses:
            self._addresses = await self._look_up(timeout)
        return self._addresses

    def forget(self) -> None:
        """Look the name up again at the next use."""
        self._addresses = self._numeric

    def not_found(self, timeout: float) -> NotConnectedError:
        """The error for a name that was not resolved within `timeout` [s]."""
        return NotConnectedError(
            f"{self.who}: the name was not found in {timeout:g} s. Is the name service "
            "(DNS) up? An IP address needs none"
        )

    def not_connected(self, failure: OSError) -> NotConnectedError:
        """The error for a connection that failed for `failure`."""
        if isinstance(failure, ConnectionRefusedError):
            cure = "connection refused. Nothing listens there: start the server, or "
            cure += "correct the port"
        else:
            cure = f"{reason(failure)}. Is the computer on, and on the network?"
        return NotConnectedError(f"{self.who}: {cure}")

    def no_connection(self, timeout: float) -> NotConnectedError:
        """The error for a connection that was not made within `timeout` [s]."""
        return NotConnectedError(
            f"{self.who}: no connection in {timeout:g} s. Is the computer on, and "
            "on the network?"
        )

    async def _look_up(self, timeout: float) -> list[Address]:
        try:
            return await self._names.call(
                _found, self._host, self._port, timeout=timeout
            )
        except LinkError as error:
            raise self.not_found(timeout) from error
        except (OSError, UnicodeError) as error:
            raise NotConnectedError(
                f"{self.who}: no such name ({reason(error)}). Correct it in the file, "
                "or give the IP address"
            ) from error


def reason(error: Exception) -> str:
    """The text of `error`, as the end of a sentence."""
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


def _found(host: str, port: int, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    # IPv4 first: the GET server does not listen on IPv6
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return [(family, address) for family, _, _, _, address in found]


def _numeric(host: str, port: int) -> list[Address]:
    """The address if `host` is an IP address; empty for a name."""
    try:
        return _found(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
