"""A put to any PV, with the progress and the error that its device reports."""

from __future__ import annotations

import asyncio
import re
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

_INSTRUMENT = re.compile(r"(.*:)?Inst:[^:]+:(?=.*:)")

FIRST_TIMEOUT = 1.0  # [s] for the device's PVs before the put; usually at once


class DevicePut:
    """One put to a PV of any server.

    The device's PVs are monitored from before the put, on the same connection: events
    until the callback belong to the put. Read later, LastError could be that of another
    put, or empty.

    Args:
        name: of the PV.

    Attributes:
        progress: the present action of the device, "" if unknown.
        reason: the error that the device reports; "" if none.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.progress = ""
        self.reason = ""
        self._device = reporting(name)
        self._channels: dict[str, Channel] = {}
        self._values: dict[str, str] = {}
        self._news = asyncio.Event()
        self._connected = asyncio.Event()
        self._is_sent = False

    async def put(self, text: str, timeout: float) -> None:
        """Put `text`, and wait for the completion of the put.

        The server converts the text: a label, a number, or a long string.

        Args:
            text: the value.
            timeout: for the completion [s].

        Raises:
            NotConnectedError: no such PV.
            RefusedError: no write access, or the text is too long for the PV; nothing
                was sent.
            OperationError: the server refused the put, or it failed.
            NoAnswerError: not completed within `timeout`, or the server disconnected;
                its action goes on.
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
        """Wait until the PV is connected, and its device has reported its state."""
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
            if not ended.done():  # otherwise no caller waits any more
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
                self.reason = self._values.get("LastError", "")  # unchanged
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


def reporting(pv: str) -> str:
    """Prefix of the PVs that tell how a put has ended.

    The channels of an instrument have PVs of their own, ``AT:Inst:gas:p:Ramp``; the
    instrument ``AT:Inst:gas:`` reports for them.
    """
    found = _INSTRUMENT.match(pv)
    return found.group() if found else parted(pv)[0]
