"""A put, with what the device of its PV says meanwhile: what it does, why it failed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from daqpv.core import parted
from daqpv.errors import (
    NoAnswerError,
    NotConnectedError,
    OperationError,
    RefusedError,
)
from daqpv.links.ca.channel import Channel, Client, Form, Update
from daqpv.links.ca.pv import CONNECTION_TIMEOUT, NOT_FOUND

FIRST_TIMEOUT = 1.0  # [s] for what the device says before the put: it is there already


class DevicePut:
    """One put to a PV of any server.

    The monitors of the device are begun before the put, on the same connection: what
    they bring until its callback belongs to it. Read afterwards, LastError might be
    that of another put, or gone.

    Args:
        name: of the PV.

    Attributes:
        progress: what the device does now, "" if it does not say.
        reason: why the put failed, as the device says; "" if it says nothing.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.progress = ""
        self.reason = ""
        self._device, _ = parted(name)
        self._channels: dict[str, Channel] = {}
        self._values: dict[str, str] = {}
        self._news = asyncio.Event()
        self._connected = asyncio.Event()
        self._is_sent = False

    async def put(self, text: str, timeout: float) -> None:
        """Put `text`, and wait until what it starts has ended.

        The server converts the text: it may be a label, a number, or the text of a
        long string.

        Args:
            text: the value.
            timeout: how long to wait for the end [s].

        Raises:
            NotConnectedError: no such PV.
            RefusedError: this client may not write it, or not such a text; nothing
                was sent.
            OperationError: the server refused the put, or it failed.
            NoAnswerError: it has not ended within `timeout`, or the server is gone;
                what it started goes on.
        """
        client = Client()
        for signal in ("LastError", "ResultCount", "Message", "Step"):
            self._follow(client, signal)
        channel = client.channel(self.name, self._connection)
        try:
            await self._find(channel)
            await self._put(channel, text, timeout)
        finally:
            for one in (channel, *self._channels.values()):
                one.close()

    def _follow(self, client: Client, signal: str) -> None:
        channel = client.channel(f"{self._device}{signal}")
        form = Form.TEXT if signal == "ResultCount" else Form.LONG_TEXT
        channel.follow(form, lambda update: self._receive(signal, update))
        self._channels[signal] = channel

    def _connection(self, up: bool) -> None:
        if up:
            self._connected.set()

    async def _find(self, channel: Channel) -> None:
        """Wait until the PV is there, and its device has said how it is."""
        try:
            async with asyncio.timeout(CONNECTION_TIMEOUT):
                await self._connected.wait()
        except TimeoutError:
            raise NotConnectedError(
                f"{self.name}: no such PV within {CONNECTION_TIMEOUT:g} s. {NOT_FOUND}"
            ) from None
        if not channel.is_writable:
            raise RefusedError(f"{self.name} is read only, at least for you")
        known = {s for s, one in self._channels.items() if one.is_connected}
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_TIMEOUT):
                while not known <= self._values.keys():
                    self._news.clear()
                    await self._news.wait()

    async def _put(self, channel: Channel, text: str, timeout: float) -> None:
        ended: asyncio.Future[Exception | None]
        ended = asyncio.get_running_loop().create_future()
        count = self._values.get("ResultCount")
        self._is_sent = True

        def end(error: Exception | None) -> None:
            if not ended.done():  # else nobody waits any more
                ended.set_result(error)

        channel.put(text, end)
        try:
            async with asyncio.timeout(timeout):
                error = await ended
        except TimeoutError:
            raise NoAnswerError(
                f"{self.name}: not done within {timeout:g} s; it goes on",
                timed_out=True,
            ) from None
        if isinstance(error, NoAnswerError):
            gone = f"{self.name}: the server went away; what it had begun may go on"
            raise NoAnswerError(gone, timed_out=False)
        if error is not None:
            if not self.reason and count != self._values.get("ResultCount"):
                self.reason = self._values.get("LastError", "")  # the same once more
            assert isinstance(error, OperationError)
            raise error

    def _receive(self, signal: str, update: Update) -> None:
        self._values[signal] = str(update.value)
        self._news.set()
        if not self._is_sent:
            return
        if signal == "LastError":
            self.reason = self._values[signal]
        elif signal in ("Message", "Step"):
            self.progress = self._values.get("Step") or self._values.get("Message", "")
