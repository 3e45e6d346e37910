"""Follows and writes the nodes of an OPC UA server: the `Driver` of ``opc.tcp://``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    RefusedError,
)
from daqpv.instruments.driver import Frame, Listener, Raw, Request, Write
from daqpv.instruments.settings import ChannelType
from daqpv.links.opcua.failures import fault_of, words_of
from daqpv.links.opcua.labels import Labels, labels_of
from daqpv.links.opcua.options import OpcUaOptions
from daqpv.links.opcua.session import Server, end
from daqpv.links.opcua.subscription import Batch, Watch
from daqpv.links.opcua.values import VT, raw_of, time_of, variant_of

RETRY = 10.0  # [s] until a node that the server refuses is tried again


@dataclass(frozen=True, slots=True)
class Points:
    """The channels of an instrument.

    Attributes:
        nodes: where each of them is, by its key.
        types: what their values are, by the same.
        period: between two messages [s].
    """

    nodes: Mapping[str, str]
    types: Mapping[str, ChannelType]
    period: float


class OpcUaDriver:
    """One server (daqpv.instruments.driver.Driver).

    The server sends what has changed. As long as it also says that nothing else has,
    each cycle confirms the values that it sent last, with their own times.

    Args:
        server: how it is reached.
        points: the channels.
        options: of the connection.
    """

    polls = False

    def __init__(self, server: Server, points: Points, options: OpcUaOptions) -> None:
        self.who = server.who
        self._server, self._points, self._options = server, points, options
        self._client: Client | None = None
        self._watch: Watch | None = None
        self._loss: LinkError | None = None
        self._listener: Listener | None = None
        self._ids: dict[str, ua.NodeId] = {}
        self._labels: Mapping[str, Labels] = {}
        self._last: dict[str, ua.DataValue] = {}
        self._refused: dict[str, ua.StatusCode] = {}
        self._retry_at = 0.0

    @property
    def longest_cycle(self) -> float:
        """An opening or exchange that takes longer has failed [s]."""
        return 3 * self._server.timeout

    @property
    def is_open(self) -> bool:
        """Whether `exchange` can be called."""
        return self._watch is not None and self._loss is None

    async def open(self) -> None:
        """Connect, with a new client, and subscribe to all nodes."""
        self._loss = None
        self._last.clear()
        self._client = client = await self._server.connect(self._lost)
        try:
            self._ids = await self._identified(client)
            texts = {k: v for k, v in self._ids.items() if self._is_text(k)}
            self._labels = await labels_of(client, texts)
            batch = Batch(self._came)
            watch = Watch(
                client,
                news=batch.add,
                ended=self._ended,
                period=self._points.period,
                sampling=self._options.sampling or self._points.period,
            )
            await watch.begin()
            await self._follow(watch, self._ids)
        except Exception as error:
            raise self._server.error(error) from error
        self._watch = watch

    async def close(self) -> None:
        """Close the session, so that the server does not keep it."""
        client, self._client, self._watch = self._client, None, None
        if client is not None:
            await end(client)

    def listen(self, listener: Listener) -> None:
        """Give `listener` all values, and the loss of the connection."""
        self._listener = listener

    async def exchange(self, request: Request) -> Frame:
        """Confirm the values, or write one."""
        if self._client is None or self._watch is None:
            raise NotConnectedError(f"{self.who}: not connected")
        if self._loss is not None:
            raise self._loss
        try:
            if isinstance(request, Write):
                await self._write(self._client, request)
            elif request.channels is not None:
                await self._read(self._client, request.channels)
            else:
                await self._confirm(self._watch)
        except (TimeoutError, OSError, UaError) as error:
            raise self._server.error(error) from error
        return Frame(good=0)

    # -- subscribing

    def _is_text(self, name: str) -> bool:
        return self._points.types[name] is ChannelType.TEXT

    async def _identified(self, client: Client) -> dict[str, ua.NodeId]:
        """The ids of the nodes, with the present numbers of their namespaces."""
        nodes = {k: ua.NodeId.from_string(v) for k, v in self._points.nodes.items()}
        if not any(isinstance(one, ua.ExpandedNodeId) for one in nodes.values()):
            return nodes
        uris = await client.get_namespace_array()
        numbers = {uri: number for number, uri in enumerate(uris)}
        return {name: _numbered(node, numbers) for name, node in nodes.items()}

    async def _follow(self, watch: Watch, nodes: Mapping[str, ua.NodeId]) -> None:
        refused = await watch.add(nodes, self._options.requests)
        self._retry_at = time.monotonic() + RETRY
        for name in nodes:
            self._refused.pop(name, None)
        self._refused |= refused
        self._tell_refused()

    def _tell_refused(self) -> None:
        if self._refused:
            values = {name: fault_of(one) for name, one in self._refused.items()}
            self._hear(Frame(values=values, good=0))

    # -- what comes

    def _hear(self, frame: Frame) -> None:
        if self._listener is not None and self._loss is None:
            self._listener.heard(frame)

    def _came(self, news: Sequence[tuple[str, ua.DataValue]]) -> None:
        self._last.update(news)
        self._show(news, is_new=True)

    def _show(
        self, news: Iterable[tuple[str, ua.DataValue]], *, is_new: bool = False
    ) -> None:
        """Give values to the listener: those of one time in one frame."""
        frames: list[tuple[float | None, dict[str, Raw]]] = []
        for name, data in news:
            at = time_of(data, self._options.time)
            if not frames or frames[-1][0] != at or name in frames[-1][1]:
                frames.append((at, {}))
            raw = raw_of(data, self._points.types[name])
            if name in self._labels and isinstance(raw, int):
                raw = self._labels[name].get(raw, str(raw))
            frames[-1][1][name] = raw
        for at, values in frames:
            self._hear(Frame(values=values, time=at, good=int(is_new)))

    async def _confirm(self, watch: Watch) -> None:
        """See that the subscription lives: what has not come has not changed."""
        if not watch.is_alive(self._server.timeout):
            self._loss = NoAnswerError(
                f"{self.who} sends nothing any more, not even that nothing has "
                "changed. Does it hang?",
                timed_out=True,
            )
            raise self._loss
        if self._refused and time.monotonic() > self._retry_at:
            await self._follow(watch, {one: self._ids[one] for one in self._refused})
        else:
            self._tell_refused()
        by_time = sorted(
            self._last.items(), key=lambda one: time_of(one[1], "source") or 0.0
        )
        self._show(by_time)

    async def _read(self, client: Client, names: Iterable[str]) -> None:
        names = [name for name in names if name in self._ids]
        parameters = ua.ReadParameters()
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        for name in names:
            wanted = ua.ReadValueId()
            wanted.NodeId, wanted.AttributeId = self._ids[name], AttributeIds.Value
            parameters.NodesToRead.append(wanted)
        found = await client.uaclient.session.read(parameters)
        self._came(list(zip(names, found, strict=True)))

    # -- the end

    async def _lost(self, error: Exception) -> None:
        self._over(self._server.error(error))

    def _ended(self, reason: str) -> None:
        self._over(
            NoAnswerError(
                f"{self.who} has ended the subscription: {reason}", timed_out=False
            )
        )

    def _over(self, error: LinkError) -> None:
        if self._loss is None and self._client is not None:
            self._loss = error
            if self._listener is not None:
                self._listener.broken(error)

    # -- writing

    async def _write(self, client: Client, request: Write) -> None:
        name = request.channel
        node = client.get_node(self._ids[name])
        try:
            kind, is_array = await self._type(node, name)
            variant = variant_of(request.value, kind, is_array=is_array)
            # without times: a PLC refuses a write that has one
            await node.write_attribute(AttributeIds.Value, ua.DataValue(variant))
        except ValueError as error:
            raise RefusedError(f"{self.who}: {name} {error}") from error
        except UaStatusCodeError as error:
            words = words_of(ua.StatusCode(error.code))
            raise OperationError(f"{self.who} refuses {name}: {words}") from error

    async def _type(self, node: Node, name: str) -> tuple[ua.VariantType, bool]:
        """Type of a node's values: of the last one, or else what the node says."""
        last = self._last.get(name)
        variant = last.Value if last is not None else None
        if variant is not None and variant.VariantType not in (None, VT.Null):
            return variant.VariantType, bool(variant.is_array)
        kind = await node.read_data_type_as_variant_type()
        rank = await node.read_value_rank()
        return kind, int(rank) >= 0


def _numbered(node: ua.NodeId, numbers: Mapping[str, int]) -> ua.NodeId:
    """`node`, whose namespace may be given by its name, with its number."""
    if not isinstance(node, ua.ExpandedNodeId) or node.NamespaceUri is None:
        return node
    # an unknown namespace is that of no node: the server says so
    number = numbers.get(node.NamespaceUri, 65535)
    return ua.NodeId(node.Identifier, ua.Int16(number), node.NodeIdType)
