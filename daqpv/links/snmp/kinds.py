"""The sort of connection ``snmp://``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daqpv.core import Site
from daqpv.errors import ConfigError
from daqpv.instruments.driver import Driver, DriverKind
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.settings import InstrumentSettings
from daqpv.instruments.snmp.settings import SnmpOptions, SnmpPlace
from daqpv.links.places import places

if TYPE_CHECKING:
    from daqpv.links.endpoint import Endpoint
    from daqpv.links.snmp.session import Session

_FORM = "snmp://HOST:161?community=public&write=private"


def _make(name: str, settings: InstrumentSettings, site: Site) -> Driver:
    from daqpv.links.endpoint import Endpoint  # noqa: PLC0415 - only if there is one
    from daqpv.links.snmp.driver import SnmpDriver  # noqa: PLC0415
    from daqpv.links.snmp.session import CommunitySession  # noqa: PLC0415

    connection = Connection.of(settings.connection or "", settings.options)
    options = connection.read(SnmpOptions)
    endpoint = Endpoint(name, *connection.address(_FORM, port=161))
    session: Session
    if options.version == "3":
        session = _version_3(name, endpoint, options)
    else:
        write = options.community if options.write is None else options.write
        version = 0 if options.version == "1" else 1
        session = CommunitySession(endpoint, version, (options.community, write))
    return SnmpDriver(session, options, settings, places(name, SNMP, settings))


def _version_3(name: str, endpoint: Endpoint, options: SnmpOptions) -> Session:
    try:
        from daqpv.links.snmp.v3 import UserSession  # noqa: PLC0415 - it is heavy
    except ImportError as error:
        raise ConfigError(
            f"{name}: SNMP version 3 needs pysnmp and cryptography: "
            "pip install 'daqpv[snmp]'"
        ) from error
    return UserSession(endpoint, options)


SNMP = DriverKind(
    "snmp",
    _make,
    address=_FORM,
    options=SnmpOptions,
    at=SnmpPlace,
    writes=True,
)
