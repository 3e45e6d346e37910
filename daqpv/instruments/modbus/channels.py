"""The channels of a Modbus instrument: where each stands, and what cannot be so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from daqpv.instruments.modbus.place import DataType, Order, Place, first_problem
from daqpv.instruments.settings import Channel, ChannelType, InstrumentSettings

MOST_WRITTEN = 123  # registers in a frame
MOST_BITS_WRITTEN = 1968


def places(
    settings: InstrumentSettings, order: Order = Order.BIG
) -> Mapping[str, Place]:
    """Where the channels of an instrument stand, by their keys.

    Args:
        settings: of the instrument.
        order: of bytes and registers, where a channel does not say it.

    Raises:
        ValueError: a channel has no place, or one that does not go with its other
            settings; a sentence for each.
    """
    found, problems = {}, []
    for name, channel in settings.channels.items():
        if not channel.is_read:
            continue
        try:
            found[name] = place_of(channel, order)
        except ValueError as error:
            problems.append(f"channels.{name}: {error}")
    if problems:
        raise ValueError("\n".join(problems))
    return found


def place_of(channel: Channel, order: Order = Order.BIG) -> Place:
    """Where a channel stands, its order and count given.

    Raises:
        ValueError: it has no place, or one that does not go with its other settings.
    """
    if channel.at is None:
        raise ValueError("at is missing: where it stands, such as at: {holding: 0}")
    try:
        place = Place.model_validate(channel.at)
    except ValidationError as error:
        raise ValueError(first_problem("at", error)) from error
    change: dict[str, object] = {}
    if channel.type is ChannelType.ARRAY and place.count is None:
        change["count"] = channel.length
    if not place.table.is_bits and place.order is None:
        change["order"] = order
    try:  # model_copy does not check
        place = Place.model_validate(place.model_dump(exclude_none=True) | change)
    except ValidationError as error:
        raise ValueError(first_problem("at", error)) from error
    for problem in _problems(channel, place):
        raise ValueError(problem)
    return place


def _problems(channel: Channel, place: Place) -> Iterator[str]:
    is_array = channel.type is ChannelType.ARRAY
    if place.count and not is_array:
        yield "type: array is needed for at with a count"
    if is_array and (place.count or 0) > (channel.length or 0):
        yield "length must not be below the count of at"
    if place.type is DataType.TEXT and channel.type not in (
        ChannelType.TEXT,
        ChannelType.ENUM,
        ChannelType.BOOLEAN,
    ):
        yield "type: text is needed for at with type: text"
    if channel.write:
        yield from _not_writable(channel, place)


def _not_writable(channel: Channel, place: Place) -> Iterator[str]:
    most = MOST_BITS_WRITTEN if place.table.is_bits else MOST_WRITTEN
    if channel.write is not True:
        yield "write: true is how a Modbus channel is written; it takes no command"
    if not place.table.is_writable:
        yield (
            f"write: {place} can only be read. Registers that can be written are "
            "holding registers and coils"
        )
    elif place.field and place.modify is None:
        yield (
            "write: one bit of a register can only be written with at: {..., modify: "
            "mask} (function 22), or modify: read (what others write meanwhile is lost)"
        )
    elif place.size > most:
        yield f"write: more than {most} at once do not fit into a frame"
