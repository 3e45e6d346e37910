"""A connection to an MQTT broker, by aiomqtt.

aiomqtt connects in a thread of asyncio, which an end of the process waits for: the name
is looked up before, and the connection has a deadline of its own there.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from daqpv.errors import LinkError, NoAnswerError, NotConnectedError, ProtocolError
from daqpv.links.endpoint import Endpoint
from daqpv.links.mqtt.settings import MqttOptions

_CLOSING = 0.5  # [s] for a farewell


class Broker:
    """One broker, which may be opened again after a close.

    Args:
        endpoint: its address.
        host: its name, for its certificate.
        options: of the connection.
        is_safe: whether by TLS.
        timeout: for each exchange [s].
    """

    def __init__(
        self,
        endpoint: Endpoint,
        host: str,
        options: MqttOptions,
        *,
        is_safe: bool,
        timeout: float,
    ) -> None:
        self.who = endpoint.who
        self._endpoint = endpoint
        self._options = options
        self._tls = _context(host, options) if is_safe else None
        self._timeout = timeout
        self._client: aiomqtt.Client | None = None
        self._connecting: asyncio.Task[Any] | None = None
        self._left: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Connect.

        Raises:
            NotConnectedError: no connection, or the broker refuses the user.
        """
        [(_, address), *_] = await self._endpoint.addresses(self._timeout)
        options = self._options
        self._client = client = aiomqtt.Client(
            address[0],
            address[1],
            username=options.user,
            password=options.password,
            identifier=options.client,
            keepalive=options.keepalive,
            timeout=self._timeout,
            tls_context=self._tls,
        )
        # aiomqtt has no way to say it; paho's default is 5 s
        client._client.connect_timeout = self._timeout  # noqa: SLF001
        self._connecting = asyncio.create_task(client.__aenter__())
        try:
            # A connection that is being made in a thread cannot be cancelled
            await asyncio.shield(self._connecting)
        except MqttConnectError as error:
            raise self._refused(error) from error
        except aiomqtt.MqttError as error:
            self._endpoint.forget()
            raise NotConnectedError(
                f"{self.who}: no connection: {_words(error)}. Does the broker run, and "
                "is this its port?"
            ) from error
        except ssl.SSLError as error:
            raise NotConnectedError(
                f"{self.who}: no TLS: {error}. Give the file of its authority (option "
                "ca), or use mqtt:// if it has no TLS on this port"
            ) from error

    async def subscribe(self, filters: list[str]) -> None:
        """Subscribe.

        mosquitto with an `acl_file` accepts topics that the user may not read, and
        sends none of their messages; only its plug-ins refuse them.

        Raises:
            LinkError: no answer, or the broker refuses a topic.
        """
        qos = self._options.qos
        pairs = [(one, qos) for one in filters]
        try:
            codes: Sequence[Any] = await self._use().subscribe(pairs)
        except aiomqtt.MqttError as error:
            raise self._no_answer("the subscription", error) from error
        for topic, code in zip(filters, codes, strict=True):
            if getattr(code, "value", code) >= 128:
                raise ProtocolError(
                    f"{self.who}: the broker refuses the subscription of {topic}. May "
                    "this user read it?"
                )

    async def publish(self, topic: str, payload: str, *, retain: bool) -> None:
        """Publish with QoS 1; return when the broker has it.

        Raises:
            LinkError: no answer. It may arrive yet: leave the connection, and do not
                repeat it.
        """
        try:
            await self._use().publish(topic, payload, qos=1, retain=retain)
        except aiomqtt.MqttError as error:
            raise self._no_answer(f"what was published to {topic}", error) from error
        except ValueError as error:  # paho: the topic or payload is not valid
            raise ProtocolError(f"{self.who}: {topic}: {error}") from error

    async def messages(self) -> AsyncIterator[aiomqtt.Message]:
        """All messages, until the connection is lost.

        Raises:
            NotConnectedError: it is lost.
        """
        try:
            async for message in self._use().messages:
                yield message
        except aiomqtt.MqttError as error:
            raise NotConnectedError(
                f"{self.who}: the broker is gone ({_words(error)}). Does it run? It is "
                "connected again soon"
            ) from error

    async def close(self) -> None:
        """Leave the broker."""
        client, self._client = self._client, None
        connecting, self._connecting = self._connecting, None
        if client is None:
            return
        if connecting is not None and not connecting.done():
            connecting.add_done_callback(lambda _: _abandon(client))
            connecting.add_done_callback(self._left.discard)
            self._left.add(connecting)
            return
        if connecting is not None and connecting.exception() is None:
            with suppress(aiomqtt.MqttError, TimeoutError, ValueError):
                async with asyncio.timeout(_CLOSING):
                    await client.__aexit__(None, None, None)
        await _ended(_abandon(client))

    def _use(self) -> aiomqtt.Client:
        if self._client is None:
            raise NotConnectedError(f"{self.who}: not open. It is opened again soon")
        return self._client

    def _refused(self, error: MqttConnectError) -> NotConnectedError:
        return NotConnectedError(
            f"{self.who}: the broker refuses the connection: {_words(error)}. Are the "
            "options user and password right?"
        )

    def _no_answer(self, what: str, error: aiomqtt.MqttError) -> LinkError:
        is_late = "timed out" in str(error)
        why = f"in {self._timeout:g} s" if is_late else f"({_words(error)})"
        return NoAnswerError(
            f"{self.who}: the broker has not confirmed {what} {why}. It is not sent "
            "again, for it may arrive yet. Is the broker busy, or stopped?",
            timed_out=is_late,
        )


def _abandon(client: aiomqtt.Client) -> asyncio.Task[None] | None:
    """Close its socket, whatever state it is in; return its task, which ends now.

    aiomqtt itself leaves both when a connection or a farewell is not answered.
    """
    client._client._sock_close()  # noqa: SLF001
    task = client._misc_task  # noqa: SLF001
    if task is not None:
        task.cancel()
    return task


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        await asyncio.wait([task], timeout=_CLOSING)


def _words(error: Exception) -> str:
    """The text of an error of aiomqtt, without its code."""
    text = str(error).rpartition("] ")[2].strip().rstrip(".")
    return text[:1].lower() + text[1:] if text else type(error).__name__


class _Named(ssl.SSLContext):
    """Checks the certificate against the name of the broker.

    The connection is made to its address, which paho would check.
    """

    name: str | None = None

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Wrap it."""
        return super().wrap_socket(*args, **kwargs | {"server_hostname": self.name})


def _context(host: str, options: MqttOptions) -> ssl.SSLContext:
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.name = host
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif options.ca is not None:
        context.load_verify_locations(options.ca)
    else:
        context.load_default_certs()
    return context
