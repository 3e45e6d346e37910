"""A subscription to nodes: their values come when they change."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.subscription import DataChangeNotif, Subscription
from asyncua.ua.attribute_ids import AttributeIds

ALIVE = 1.0  # [s] after which a server says that it is there, if nothing has changed
LIFETIME = 30.0  # [s] after which a server forgets a subscription, at least
QUEUE = 1000  # samples of a node, at most


class Watch:
    """Values of nodes, as a server sends them.

    It is made without `Client.create_subscription`: asyncua would make one that is
    late anew by itself, and drop nodes for which that fails without a word.

    Args:
        client: with an active session.
        news: is called with a channel and its value.
        ended: is called when the server has ended it, with the reason.
        period: between two messages [s].
        sampling: between two samples of a node [s].
    """

    def __init__(
        self,
        client: Client,
        *,
        news: Callable[[str, ua.DataValue], None],
        ended: Callable[[str], None],
        period: float,
        sampling: float,
    ) -> None:
        self._news, self._ended = news, ended
        self._sampling = sampling
        self._queue = min(QUEUE, max(1, math.ceil(period / sampling)))
        self._channels: dict[int, str] = {}
        self._longest = 0.0
        keep_alive = max(1, math.ceil(ALIVE / period))
        parameters = ua.CreateSubscriptionParameters()
        parameters.RequestedPublishingInterval = 1000 * period
        parameters.RequestedMaxKeepAliveCount = keep_alive
        parameters.RequestedLifetimeCount = max(
            3 * keep_alive, math.ceil(LIFETIME / period)
        )
        parameters.MaxNotificationsPerPublish = 10_000
        parameters.PublishingEnabled = True
        parameters.Priority = 0
        self._subscription = Subscription(client.uaclient.session, parameters, self)

    async def begin(self) -> None:
        """Make the subscription."""
        given = await self._subscription.init()
        interval = given.RevisedPublishingInterval / 1000
        self._longest = interval * max(1, given.RevisedMaxKeepAliveCount)
        self._subscription.last_publish_at = time.monotonic()

    def is_alive(self, patience: float) -> bool:
        """Whether the server has sent something lately, if only that nothing is new.

        Args:
            patience: so much later than agreed may it come [s].
        """
        last = self._subscription.last_publish_at or 0.0
        return time.monotonic() - last < 2 * self._longest + patience

    async def add(
        self, nodes: Mapping[str, ua.NodeId], most: int
    ) -> Mapping[str, ua.StatusCode]:
        """Follow the nodes of some channels.

        Args:
            nodes: by the channel's key.
            most: of one request.

        Returns:
            The channels that the server refuses, with its reason.
        """
        refused: dict[str, ua.StatusCode] = {}
        for part in _parts([*nodes], most):
            items = [self._item(name, nodes[name]) for name in part]
            results = await self._subscription.create_monitored_items(items)
            for name, result in zip(part, results, strict=True):
                if isinstance(result, ua.StatusCode):
                    refused[name] = result
        return refused

    def _item(self, name: str, node: ua.NodeId) -> ua.MonitoredItemCreateRequest:
        handle = len(self._channels) + 1
        self._channels[handle] = name
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor = ua.ReadValueId()
        item.ItemToMonitor.NodeId = node
        item.ItemToMonitor.AttributeId = AttributeIds.Value
        item.MonitoringMode = ua.MonitoringMode.Reporting
        parameters = ua.MonitoringParameters()
        parameters.ClientHandle = handle
        parameters.SamplingInterval = 1000 * self._sampling
        parameters.QueueSize = self._queue
        parameters.DiscardOldest = True
        item.RequestedParameters = parameters
        return item

    # -- called by asyncua

    def datachange_notification(
        self, node: object, value: object, data: DataChangeNotif
    ) -> None:
        """A value has come."""
        item = data.monitored_item
        name = self._channels.get(item.ClientHandle)
        if name is not None and item.Value is not None:
            self._news(name, item.Value)

    def status_change_notification(self, status: ua.StatusChangeNotification) -> None:
        """The server has ended the subscription."""
        self._ended(str(status.Status.name))


def _parts(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(names), most):
        yield names[first : first + most]


class Batch:
    """Gathers what comes in one turn of the event loop.

    Args:
        full: is called with all of it, in order.
    """

    def __init__(
        self, full: Callable[[Sequence[tuple[str, ua.DataValue]]], None]
    ) -> None:
        self._full = full
        self._news: list[tuple[str, ua.DataValue]] = []

    def add(self, name: str, data: ua.DataValue) -> None:
        """A value has come."""
        if not self._news:
            asyncio.get_running_loop().call_soon(self._flush)
        self._news.append((name, data))

    def _flush(self) -> None:
        news, self._news = self._news, []
        self._full(news)
