"""The sorts of connection ``http://`` and ``https://``."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from daqpv.core import Site
from daqpv.instruments.driver import Driver, DriverKind
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.http.settings import HttpOptions, HttpPlace
from daqpv.links.places import places

if TYPE_CHECKING:
    import ssl


def _make(name: str, settings: InstrumentSettings, site: Site) -> Driver:
    from daqpv.links.endpoint import Endpoint  # noqa: PLC0415 - only if there is one
    from daqpv.links.http.client import HttpClient  # noqa: PLC0415
    from daqpv.links.http.driver import HttpDriver  # noqa: PLC0415

    text = settings.connection or ""
    # The query is the server's, so options are in the key of that name alone
    bare = Connection.of(text.partition("?")[0], settings.options)
    options = bare.read(HttpOptions)
    is_safe = bare.scheme == "https"
    kind = HTTPS if is_safe else HTTP
    host, port = bare.address(kind.address, port=443 if is_safe else 80)
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise ValueError(f"{name}: user and password belong into `options`")
    page = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    client = HttpClient(
        Endpoint(name, host, port),
        f"{bare.scheme}://{parts.netloc}",
        tls=_tls(name, options) if is_safe else None,
        most=int(options.most),
    )
    return HttpDriver(client, page, options, settings, places(name, kind, settings))


def _tls(name: str, options: HttpOptions) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - for https:// alone

    try:
        context = ssl.create_default_context(cafile=options.ca)
    except OSError as error:  # also SSLError
        raise ValueError(f"{name}: the file `ca` cannot be used: {error}") from error
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _kind(scheme: str, address: str) -> DriverKind:
    return DriverKind(
        scheme,
        _make,
        address=address,
        options=HttpOptions,
        has_query=True,
        at=HttpPlace,
        writes=True,
    )


HTTP = _kind("http", "http://HOST/PATH")
HTTPS = _kind("https", "https://HOST/PATH")
