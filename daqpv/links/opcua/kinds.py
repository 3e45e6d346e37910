"""The sort of connection ``opc.tcp://``."""

from __future__ import annotations

from typing import Any

from daqpv.core import Site
from daqpv.instruments.driver import Driver, DriverKind
from daqpv.links.opcua.options import NodePlace, OpcUaOptions


def _make(name: str, settings: Any, site: Site) -> Driver:
    from daqpv.links.opcua.make import make  # noqa: PLC0415 (asyncua takes a second)

    return make(name, settings)


OPC_UA = DriverKind(
    "opc.tcp",
    _make,
    address="opc.tcp://HOST:4840",
    options=OpcUaOptions,
    at=NodePlace,
    writes=True,
    extra="opcua",
    library="asyncua",
)
