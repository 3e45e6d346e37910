"""Examines the place of a connection before it is opened: a device file, or a name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address

from daqpv.core import Finding
from daqpv.core.threads import Crew
from daqpv.errors import LinkError
from daqpv.instruments.driver.connection import Connection
from daqpv.links.endpoint import Endpoint
from daqpv.links.examine.port import examined_port

_NAME_WITHIN = 5.0  # [s] for the look-up of a name
_PORT_WITHIN = 5.0  # [s] for the look at a device file and the processes


async def examined_place(
    name: str, connection: Connection, *, until: float
) -> AsyncIterator[Finding]:
    """Yield what is found about the place of a connection.

    Args:
        name: of the instrument.
        connection: of it.
        until: when it must have ended, by the event loop's clock [s].
    """
    left = until - asyncio.get_running_loop().time()
    if connection.host:
        if not _is_numeric(connection.host):
            yield await _looked_up(name, connection, min(left, _NAME_WITHIN))
    elif connection.path.startswith("/"):
        path = connection.path
        crew = Crew(f"the serial line {path}")
        try:
            yield await crew.call(
                examined_port, path, timeout=max(min(left, _PORT_WITHIN), 0.1)
            )
        except LinkError as error:
            yield Finding("port", False, f"{name}: {error}.")
        finally:
            crew.close()


async def _looked_up(name: str, connection: Connection, timeout: float) -> Finding:
    """Whether the name service knows the host."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    endpoint = Endpoint(name, connection.host, connection.port)
    try:
        addresses = await endpoint.addresses(max(timeout, 0.1))
    except LinkError as error:
        return Finding("name", False, f"{error}.")
    found = [str(address[0]) for _, address in addresses]
    seconds = loop.time() - began
    return Finding(
        "name",
        True,
        f"{connection.host} is {', '.join(found)}.",
        facts={"addresses": found, "seconds": round(seconds, 4)},
    )


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
