"""Monitors of one client: begins and cancels its subscriptions."""

from __future__ import annotations

from daqpv.serve.ca import protocol as ca
from daqpv.serve.ca.client import Act, Client
from daqpv.serve.ca.connected import Connected, Request
from daqpv.serve.ca.wire import NO_CONVERSION, Wire
from daqpv.serve.pv.masks import READ_ACCESS


class Monitors:
    """Begins and cancels subscriptions."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._outgoing = client.outgoing
        self._outbox = client.desk.outbox
        self.acts: dict[int, Act] = {
            ca.EVENT_ADD: self._add,
            ca.EVENT_CANCEL: self._cancel,
            ca.EVENTS_OFF: lambda _: self._outgoing.silence(),
            ca.EVENTS_ON: lambda _: self._outgoing.speak(),
        }

    def _add(self, request: Request) -> None:
        channel = self._client.channels.get(request.p1)
        if channel is None:
            return
        mask = int.from_bytes(request.payload[12:14], "big")
        try:
            wire = channel.encoder.wire(request.dbr, request.elements, mask)
        except NO_CONVERSION as error:
            self._client.error(request, ca.GET_FAIL, str(error))
            return
        if self._client.rights(channel) & READ_ACCESS:
            self._subscribe(channel, wire, mask, request.p2)
        else:
            head = *request[:3], ca.NO_READ_ACCESS, request.p2
            self._client.send(ca.message(*head, wire.blank()))

    def _subscribe(self, channel: Connected, wire: Wire, mask: int, subid: int) -> None:
        self._outbox.drain()  # the first event is the present value, not an earlier one
        channel.source.refresh_now()
        before = channel.subscriptions.pop(subid, None)
        if before is not None:  # CAJ repeats its subscriptions after a long silence
            self._outgoing.forget(before)
        key = subid.to_bytes(4, "big")
        subscription = wire.subscribe(self._outgoing, mask, key, self._outbox)
        channel.subscriptions[subid] = subscription
        self._outgoing.send_present(subscription)

    def _cancel(self, request: Request) -> None:
        _, dbr, count, sid, subid, _ = request
        channel = self._client.channels.get(sid)
        if channel is None:
            return
        subscription = channel.subscriptions.pop(subid, None)
        if subscription is not None:
            self._outbox.drain()  # no event may follow the confirmation
            self._outgoing.forget(subscription)
        self._client.send(ca.message(ca.EVENT_ADD, dbr, count, channel.cid, subid))
