"""The labels of the numbers of an enumeration, for channels that are texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaStatusCodeError

_BUILT_IN = 25  # numbers of the data types that have no labels

Labels = Mapping[int, str]


async def labels_of(
    client: Client, nodes: Mapping[str, ua.NodeId]
) -> dict[str, Labels]:
    """The labels of all channels whose node is an enumeration.

    Args:
        client: with an active session.
        nodes: by the channel's key.
    """
    found: dict[str, Labels] = {}
    by_type: dict[ua.NodeId, Labels] = {}
    for name, node in nodes.items():
        try:
            kind = await client.get_node(node).read_data_type()
        except UaStatusCodeError:
            continue  # the node does not exist; its subscription says so
        number = kind.Identifier
        if not kind.NamespaceIndex and isinstance(number, int) and number <= _BUILT_IN:
            continue
        if kind not in by_type:
            by_type[kind] = await _of_type(client, kind)
        if by_type[kind]:
            found[name] = by_type[kind]
    return found


async def _of_type(client: Client, kind: ua.NodeId) -> Labels:
    """From its definition, as servers since OPC UA 1.04 have it, or a property."""
    node = client.get_node(kind)
    with suppress(UaStatusCodeError):
        definition = await node.read_data_type_definition()
        if isinstance(definition, ua.EnumDefinition):
            return {int(one.Value): one.Name or "" for one in definition.Fields or ()}
    for name, read in (("0:EnumStrings", _strings), ("0:EnumValues", _values)):
        with suppress(UaStatusCodeError):  # it has the other one, or none
            member = await node.get_child([name])
            return read(await member.read_value())
    return {}


def _strings(texts: Iterable[ua.LocalizedText] | None) -> Labels:
    return {number: text.Text or "" for number, text in enumerate(texts or ())}


def _values(values: Iterable[Any] | None) -> Labels:
    return {int(one.Value): one.DisplayName.Text or "" for one in values or ()}
