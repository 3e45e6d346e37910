"""A session with an OPC UA server, over the library asyncua.

Each connection has a new client: one that has lost its server may hang for good. Our
own `Driver` reconnects, so the client does not, and its fixed watchdog is made slower
than the stalls of a busy PLC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties, load_certificate
from cryptography import x509

from daqpv.core.threads import Crew
from daqpv.errors import LinkError, NoAnswerError, NotConnectedError
from daqpv.links.endpoint import Address, Endpoint, reason
from daqpv.links.opcua.failures import translated
from daqpv.links.opcua.options import OpcUaOptions

WATCH = 10.0  # [s] between two checks of the library, and for their answer
CLOSING = 1.5  # [s] for a server to close the session

Lost = Callable[[Exception], Coroutine[Any, Any, None]]


class _Client(Client):
    """A client that connects to addresses that were looked up before.

    asyncio looks names up in threads that delay the end of the process.
    """

    addresses: list[Address]

    async def connect_socket(self) -> None:
        """Connect to the first address that takes us."""
        for left, (_, address) in zip(
            range(len(self.addresses) - 1, -1, -1), self.addresses, strict=True
        ):
            try:
                await self.uaclient.connect_socket(address[0], address[1])
                return
            except OSError:
                if not left:
                    raise


class Server:
    """An OPC UA server, and how we identify ourselves.

    Args:
        endpoint: its address.
        url: the same, as the protocol wants it.
        options: of the connection.
        timeout: of each request [s].
    """

    def __init__(
        self, endpoint: Endpoint, url: str, options: OpcUaOptions, *, timeout: float
    ) -> None:
        self.who = endpoint.who
        self.timeout = timeout
        self._endpoint, self._url, self._options = endpoint, url, options
        self._disk = Crew(f"{self.who}: the files of its certificates")

    def error(self, error: Exception) -> LinkError:
        """The error of daqpv for one of an exchange."""
        return translated(self._endpoint, error, self.timeout)

    async def connect(self, lost: Lost) -> Client:
        """A new client, with an active session.

        Args:
            lost: is called when the connection is lost.

        Raises:
            LinkError: there is no connection, or the server refuses us.
        """
        client = _Client(self._url, timeout=self.timeout, watchdog_intervall=WATCH)
        client.addresses = await self._endpoint.addresses(self.timeout)
        client.name = client.description = "daqpv"
        client.session_timeout = round(1000 * self._options.session)
        client.connection_lost_callback = lost
        try:
            await self._identify(client)
            await client.connect()
        except BaseException as error:  # also cancellation: nothing must stay open
            await end(client)
            if not isinstance(error, Exception):
                raise
            self._endpoint.forget()
            raise self._not_opened(error) from error
        return client

    def _not_opened(self, error: Exception) -> LinkError:
        if isinstance(error, ConnectionRefusedError) or not isinstance(
            error, ConnectionError
        ):
            return self.error(error)
        return NoAnswerError(
            f"{self.who} closed the connection while it was opened. Is it an OPC UA "
            "server, and has it a session left?",
            timed_out=False,
        )

    async def _identify(self, client: Client) -> None:
        options = self._options
        if options.user is not None:
            client.set_user(options.user)
            client.set_password(options.password or "")
        if options.security is None:
            return
        certificate, key = await self._file(options.certificate), options.key
        client.application_uri = await _uri_of(certificate, client.application_uri)
        server = options.server_certificate
        await client.set_security(
            getattr(security_policies, f"SecurityPolicy{options.security}"),
            certificate,
            await self._file(key, options.key_password),
            server_certificate=await self._file(server) if server else None,
            mode=ua.MessageSecurityMode[options.mode],
        )

    async def _file(
        self, path: Path | None, password: str | None = None
    ) -> CertProperties:
        assert path is not None
        try:
            data = await self._disk.call(path.read_bytes, timeout=self.timeout)
        except OSError as error:
            raise NotConnectedError(
                f"{self.who}: {path} cannot be read: {reason(error)}"
            ) from error
        form = "pem" if data.startswith(b"-----BEGIN") else "der"
        return CertProperties(data, form, password)


async def _uri_of(certificate: CertProperties, default: str) -> str:
    """The name of the application in its certificate; servers compare it with ours."""
    loaded = await load_certificate(certificate.path_or_content, certificate.extension)
    with suppress(x509.ExtensionNotFound):
        kind = x509.SubjectAlternativeName
        names = loaded.extensions.get_extension_for_class(kind).value
        for uri in names.get_values_for_type(x509.UniformResourceIdentifier):
            return str(uri)
    return default


async def end(client: Client) -> None:
    """Close session and connection, whatever the other side does.

    A PLC keeps a session that is not closed, and has few of them.
    """
    try:
        async with asyncio.timeout(CLOSING):
            await client.disconnect()
    except Exception:
        pass
    finally:
        client.disconnect_socket()
