"""An IOC of somebody else's, which is no daqpv: python gas_ioc.py PREFIX [SORT VALUE].

What is put is kept. Prints "ready" when clients can connect. SORT is what the PV ``P``
is: ao (the default), stringout, waveform; and VALUE what it has from the start.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from daqpv.core import Events, Shown, Snapshot
from daqpv.serve import (
    Group,
    Server,
    ao,
    long,
    longout,
    mbbo,
    string,
    strings,
    waveform,
)

PRESSURES: dict[str, Any] = {
    "ao": ao("P", precision=3, high=400.0, hihi=500.0, doc="Pressure"),
    "stringout": string("P", writable=True),
    "waveform": waveform("P", size=4, writable=True),
}


class Gas(Group[Shown[Snapshot]]):
    """A bottle."""

    valve = mbbo("Valve", ("Closed", "Open"), doc="Of the bottle")
    count = longout("Count", doc="Of bottles")
    name = string("Name", writable=True, doc="Of the gas")
    recipe = long("Recipe", writable=True, doc="How it is mixed")
    trace = waveform("Trace", size=2000, writable=True, doc="Of the pressure")
    names = strings("Names", size=3, writable=True, doc="Of the bottles")


async def main(prefix: str, sort: str = "ao", value: str = "") -> None:
    """Serve until the end."""
    kind = type("WithPressure", (Gas,), {"pressure": PRESSURES[sort]})
    gas = kind(prefix, Shown("gas", Snapshot(), events=Events()))
    gas.valve.post(0)
    if value:
        gas.pressure.post(value if sort == "stringout" else float(value))
    server = Server()
    server.add(gas)
    await server.run(lambda port: print("ready", flush=True))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
