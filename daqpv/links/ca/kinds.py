"""The sorts of connection ``pv:`` and ``ca:``: PVs of anybody's."""

from __future__ import annotations

from typing import Annotated

from daqpv.config import Matching
from daqpv.core import Site
from daqpv.instruments.driver import Driver, DriverKind
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.places import places

PvName = Annotated[
    str,
    Matching(r"[A-Za-z0-9_:.\[\]<>;+-]{1,100}", "the name of a PV: LAB:BEAM:I"),
]


def _make(name: str, settings: InstrumentSettings, site: Site) -> Driver:
    from daqpv.links.ca.pv_driver import PvDriver  # noqa: PLC0415 - only if there is one

    connection = Connection.of(settings.connection or "")
    kind = CA if connection.scheme == "ca" else PV
    prefix = connection.rest.strip("/")
    found = {
        channel: f"{prefix}{pv}" for channel, pv in places(name, kind, settings).items()
    }
    return PvDriver(name, site.readings, settings, found)


PV = DriverKind("pv", _make, address="pv: or pv:PREFIX:", at=PvName, writes=True)
CA = DriverKind("ca", _make, address="ca: or ca:PREFIX:", at=PvName, writes=True)
