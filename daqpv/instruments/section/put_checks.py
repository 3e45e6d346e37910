"""Checks the settings of settable channels and their groups."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from daqpv.errors import RefusedError
from daqpv.instruments.channels.outward import Outward
from daqpv.instruments.formula import FormulaError
from daqpv.instruments.gate import Rules
from daqpv.instruments.settings import Channel, InstrumentSettings

Key = tuple[str | int, ...]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_LONGEST = 24  # characters of a group's name, as of a channel's
_OF_PUTS = ("reply", "unscale", "step", "ramp", "hazard", "only", "read_back")
_OF_NUMBERS = ("step", "ramp")


def put_conflicts(settings: InstrumentSettings) -> Iterator[tuple[Key, str]]:
    """Find what cannot be together: each with its key, and a sentence."""
    for key, channel in settings.channels.items():
        for name, text in _of_channel(channel, settings):
            yield ("channels", key, name), text
    for name, group in settings.groups.items():
        if not _NAME.fullmatch(name) or len(name) > _LONGEST:
            yield (
                ("groups", name),
                "it becomes part of a PV name: wanted is a letter, and then at most "
                f"{_LONGEST - 1} letters, digits, '_' or '-'",
            )
        if len(set(group.channels)) < len(group.channels):
            yield ("groups", name, "channels"), "a channel is in it twice"


def _of_channel(
    channel: Channel, settings: InstrumentSettings
) -> Iterator[tuple[str, str]]:
    if not channel.is_settable:
        for name in _OF_PUTS:
            if getattr(channel, name):
                yield name, "the channel cannot be set: it has no `write`"
        return
    rules = Rules("it", channel)
    for name in _OF_NUMBERS:
        if getattr(channel, name) and not rules.is_number:
            yield name, f"a channel of type {channel.type} takes no {name}"
    hazards = () if isinstance(channel.hazard, bool) else channel.hazard
    for name, values in (("only", channel.only), ("hazard", hazards)):
        for one in values:
            try:
                rules.formed(one)
            except RefusedError as error:
                yield name, str(error).rstrip(".")
    try:
        Outward("it", channel)
    except FormulaError:
        pass  # reported with the formula
    except ValueError as error:
        yield "scale", str(error)
    yield from _read_back(channel, settings)


def _read_back(
    channel: Channel, settings: InstrumentSettings
) -> Iterator[tuple[str, str]]:
    wanted = channel.read_back
    names = {one.name or key: one for key, one in settings.channels.items()}
    if wanted is None:
        return
    found = names.get(wanted)
    if found is None:
        near = difflib.get_close_matches(wanted, names, n=1)
        hint = f". Did you mean {near[0]}?" if near else ""
        yield "read_back", f"no channel has this name{hint}"
    elif Rules("", found).is_number is not Rules("", channel).is_number:
        yield "read_back", f"it is of type {found.type}, not of {channel.type}"
