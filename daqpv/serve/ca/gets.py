"""Gets of one client: packs and sends values."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import Any

from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.client import Act, Client
from daqpv.serve.ca.connected import Connected, Request
from daqpv.serve.ca.slices import TakesLong
from daqpv.serve.ca.wire import NO_CONVERSION, Wire
from daqpv.serve.pv.masks import READ_ACCESS

_log = logging.getLogger(__name__)

_KEPT_GETS = 8  # gets per channel that are answered from the table


class Gets:
    """Answers READ_NOTIFY and, for old clients, READ."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._outgoing = client.outgoing
        self._tasks = client.desk.tasks
        self.acts: dict[int, Act] = {ca.READ: self._read, ca.READ_NOTIFY: self._read}

    def _read(self, request: Request) -> None:
        channel = self._client.channels.get(request.p1)
        if channel is None:
            self._failed(request, ca.GET_FAIL)
            return
        if not self._client.rights(channel) & READ_ACCESS:
            self._failed(request, ca.NO_READ_ACCESS)
            return
        refresh = channel.source.refresh()
        if refresh is None:
            self._answer(request, channel)
        else:
            self._tasks.start(self._read_later(request, channel, refresh))

    async def _read_later(
        self, request: Request, channel: Connected, refresh: Coroutine[Any, Any, None]
    ) -> None:
        try:
            await refresh
        except Exception:  # a third party's getter
            _log.exception("%s: its getter failed", channel.source.name)
            self._failed(request, ca.GET_FAIL)
        else:
            self._answer(request, channel)
        self._outgoing.write_later()

    def _answer(self, request: Request, channel: Connected) -> None:
        try:
            wire = channel.encoder.wire(request.dbr, request.elements)
            body = wire.body or wire.pack()
        except TakesLong:
            self._client.line.wait()
            self._tasks.start(self._answer_slowly(request, channel, wire))
        except NO_CONVERSION:
            self._failed(request, ca.GET_FAIL)
        else:
            self._send(request, channel, wire, body)

    async def _answer_slowly(
        self, request: Request, channel: Connected, wire: Wire
    ) -> None:
        try:
            body = await wire.pack_slowly()
        except NO_CONVERSION:
            self._failed(request, ca.GET_FAIL)
        else:
            self._send(request, channel, wire, body)
        finally:
            self._outgoing.write_later()
            self._client.line.go_on()

    def _send(
        self, request: Request, channel: Connected, wire: Wire, body: bytes
    ) -> None:
        command, ioid = request.command, request.p2
        if len(body) >= ca.LONG and self._client.minor < ca.EXTENDED_MINOR:
            self._failed(request, ca.TOO_LARGE)
            return
        head = wire.get_head
        if command == ca.READ:  # an old client: the channel in place of a status
            _, *middle, _ = ca.REPLY_HEAD.unpack(head)
            head = ca.REPLY_HEAD.pack(ca.READ, *middle, channel.cid)
        self._outgoing.out += (head, ioid.to_bytes(4, "big"), body)
        if command == ca.READ_NOTIFY and channel.source.cached:
            self._keep(request, channel, wire)

    def _keep(self, request: Request, channel: Connected, wire: Wire) -> None:
        """Answer the same get from the table from now on."""
        command, dbr, count, sid, *_ = request
        if count < ca.LONG and len(channel.keys) < _KEPT_GETS:
            key = ca.REPLY_HEAD.pack(command, 0, dbr, count, sid)
            channel.keys.append(key)
            self._client.gets[key] = wire

    def _failed(self, request: Request, status: int) -> None:
        command, dbr, count, _, ioid, _ = request
        if command == ca.READ_NOTIFY:
            self._client.send(ca.message(command, dbr, count, status, ioid))
        else:
            self._client.error(request, status, "it cannot be read")
