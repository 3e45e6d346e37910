"""The driver of instruments whose values are topics of an MQTT broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from daqpv.core import Status
from daqpv.errors import LinkError, NotConnectedError, OperationError
from daqpv.instruments.driver import Fault, Frame, Listener, Request, Write
from daqpv.instruments.settings import InstrumentSettings
from daqpv.links.mqtt.broker import Broker
from daqpv.links.mqtt.settings import MqttAt, MqttOptions
from daqpv.links.mqtt.topics import Topics, too_long
from daqpv.links.templates import filled, filled_json


class MqttDriver:
    """Subscribes to the topics of channels, and publishes what is written.

    Args:
        broker: of the topics.
        options: of the connection.
        settings: of the instrument.
        places: the topics of its channels.

    Raises:
        ValueError: a JSONPath cannot be used.
    """

    polls = False

    def __init__(
        self,
        broker: Broker,
        options: MqttOptions,
        settings: InstrumentSettings,
        places: Mapping[str, MqttAt],
    ) -> None:
        self.who = broker.who
        self.is_open = False
        self._broker = broker
        self._options = options
        self._places = places
        self._topics = Topics(settings, places)
        self._listener: Listener | None = None
        self._loss: LinkError | None = None
        self._receiving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, and subscribe."""
        self._loss = None
        await self._broker.open()
        self._receiving = asyncio.create_task(self._receive())
        filters = self._topics.filters
        if self._options.alive and self._options.alive not in filters:
            filters.append(self._options.alive)
        if filters:
            await self._broker.subscribe(filters)
        self.is_open = True

    async def exchange(self, request: Request) -> Frame:
        """Publish, or say whether the connection is up."""
        if self._loss is not None:
            raise NotConnectedError(str(self._loss)) from self._loss
        if not self.is_open:
            raise NotConnectedError(f"{self.who}: not open. It is opened again soon")
        if isinstance(request, Write):
            await self._publish(request)
        return Frame(good=0)

    def listen(self, listener: Listener) -> None:
        """Give `listener` all values."""
        self._listener = listener

    async def close(self) -> None:
        """Leave the broker."""
        self.is_open = False
        receiving, self._receiving = self._receiving, None
        if receiving is not None:
            receiving.cancel()
            await asyncio.wait([receiving])
        await self._broker.close()

    async def _publish(self, request: Write) -> None:
        at = self._places[request.channel]
        if not at.set:
            raise OperationError(
                f"{self.who}: {request.channel} cannot be written: its `at` has no "
                "topic `set`"
            )
        is_json = at.payload.lstrip()[:1] in ("{", "[") and at.payload[1:6] != "value"
        fill = filled_json if is_json else filled
        try:
            payload = fill(at.payload, request.value)
        except (ValueError, TypeError) as error:
            raise OperationError(
                f"{self.who}: {request.channel} was not sent: {error}. Correct the "
                "value, or `payload` of its `at`"
            ) from error
        try:
            await self._broker.publish(at.set, payload, retain=at.retain)
        except BaseException:  # also cancelled: the client would send it later
            self.is_open = False
            raise

    async def _receive(self) -> None:
        try:
            async for message in self._broker.messages():
                if isinstance(message.payload, bytes):
                    self._heard(str(message.topic), message.payload)
        except LinkError as error:
            self._loss = error
            self.is_open = False
            if self._listener is not None:
                self._listener.broken(error)
        finally:
            self.is_open = False  # also after an error of ours: it is opened again

    def _heard(self, topic: str, payload: bytes) -> None:
        if self._listener is None:
            return
        most = int(self._options.most)
        if len(payload) > most:
            self._listener.heard(too_long(topic, len(payload), most))
            return
        if topic == self._options.alive:
            self._alive(payload)
        for frame in self._topics.frames(topic, payload):
            self._listener.heard(frame)

    def _alive(self, payload: bytes) -> None:
        """All values are INVALID when the instrument says that it goes."""
        said = payload.decode("utf-8", "replace").strip()
        if said != self._options.online and self._listener is not None:
            words = f"{self._options.alive} says {said[:20]!r}"
            why = Fault(words, status=Status.COMM)
            values = dict.fromkeys(self._topics.names, why)
            self._listener.heard(Frame(values=values))
