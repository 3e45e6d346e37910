"""ECC servers that another process serves, followed by this one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daqpv.core import Events
from daqpv.iocs.ecc import EccGroup
from daqpv.links.ca.channel import Client
from daqpv.links.ca.remote import RemoteServer
from daqpv.serve.groups.shown_fields import shown_fields
from tests.support.experiment import Lab

SHOWN = shown_fields(EccGroup)


@asynccontextmanager
async def following(
    lab: Lab, *names: str, events: Events | None = None
) -> AsyncIterator[list[RemoteServer]]:
    """Remote servers, followed until the end."""
    client, events = Client(), events or Events()
    servers = [
        RemoteServer(name, f"{lab.prefix}ECC:{name}:", client, SHOWN, events=events)
        for name in names
    ]
    tasks = [asyncio.ensure_future(server.run()) for server in servers]
    try:
        yield servers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
