"""Checks the settings of instruments that are valid alone, and not together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from daqpv.config import Conflict
from daqpv.errors import ConfigError, KindError
from daqpv.instruments.driver import DriverKind
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.driver.installed import driver_kind, missing, place_of, scheme_of
from daqpv.instruments.formula.circles import formula_conflicts
from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.formula import Formula
from daqpv.instruments.section.put_checks import put_conflicts
from daqpv.instruments.settings.channel import Channel
from daqpv.instruments.settings.instrument import InstrumentSettings

RESERVED = frozenset(
    {
        *("Online", "Condition", "Enable", "Message", "ResultCount", "LastError"),
        *("ResultCode", "LastBy", "LastSeen", "Errors", "Result", "State", "Status"),
        *("Period", "Read", "LinesOK", "LinesBad", "LastBad", "LateAnswers", "Rate"),
        *("Sequence", "Reparse", "BadLines", "History"),
    }
)
"""The signals that every instrument has; no channel may have such a name."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_ESCAPE = re.compile(r"\\[rnt0xu]")
_LONGEST = 24  # characters of a channel's name, as of a device's

Key = tuple[str | int, ...]


def conflicts(devices: Mapping[str, InstrumentSettings]) -> Iterable[Conflict]:
    """Find what cannot be together in each instrument, and between them."""
    for name, settings in devices.items():
        for key, text in _of_one(settings):
            yield Conflict(name, key, text)
    yield from _formulas(devices)


def _formulas(devices: Mapping[str, InstrumentSettings]) -> Iterator[Conflict]:
    """Calculated channels: wrong ones, and circles, also between instruments."""
    keys = {
        device: {one.name or key: key for key, one in settings.channels.items()}
        for device, settings in devices.items()
    }
    calcs = {
        device: {name: devices[device].channels[key].calc for name, key in own.items()}
        for device, own in keys.items()
    }
    for found in formula_conflicts(calcs):
        own = keys[found.name]
        where = (*found.key[:1], own[str(found.key[1])], *found.key[2:])
        yield found._replace(key=where)


def _of_one(settings: InstrumentSettings) -> Iterator[tuple[Key, str]]:
    yield from _names(settings.channels)
    yield from _terminators(settings)
    yield from _links(settings)
    yield from _scales(settings.channels)
    yield from _units(settings.channels)
    yield from _groups(settings)
    yield from put_conflicts(settings)


def _terminators(settings: InstrumentSettings) -> Iterator[tuple[Key, str]]:
    """Escapes that YAML has left as they are: only double quotes have them."""
    for key in ("terminator", "send_terminator", "receive_terminator", "wake"):
        text = getattr(settings, key) or ""
        if _ESCAPE.search(text):
            yield (
                (key,),
                f'a backslash and a letter: write it in double quotes, "{text}"',
            )


def _scales(channels: Mapping[str, Channel]) -> Iterator[tuple[Key, str]]:
    for key, channel in channels.items():
        for name in ("scale", "unscale"):
            text = getattr(channel, name)
            if text is not None and (why := _wrong(text, ("value",))):
                yield ("channels", key, name), why


def _units(channels: Mapping[str, Channel]) -> Iterator[tuple[Key, str]]:
    for key, channel in channels.items():
        if channel.unit is None:
            continue
        if channel.unit.channel is not None and channel.unit.channel not in channels:
            hint = near(channel.unit.channel, channels)
            yield ("channels", key, "unit", "channel"), f"no such channel{hint}"
        if channel.write:
            yield (
                ("channels", key, "unit"),
                "a settable channel has one unit: take `scale`, or read it by another "
                "channel",
            )


def _wrong(text: str, names: Iterable[str]) -> str:
    """Why a formula cannot be used; "" if it can."""
    try:
        Formula(text, names=tuple(names), foreign=False)
    except FormulaError as error:
        return str(error)
    return ""


def _names(channels: Mapping[str, Channel]) -> Iterator[tuple[Key, str]]:
    reserved = {name.lower(): name for name in RESERVED}
    taken: dict[str, str] = {}
    for key, channel in channels.items():
        name = channel.name or key
        where: Key = ("channels", key, "name") if channel.name else ("channels", key)
        if not _NAME.fullmatch(name) or len(name) > _LONGEST:
            yield (
                where,
                "it becomes part of a PV name: wanted is a letter, and then at most "
                f"{_LONGEST - 1} letters, digits, '_' or '-'",
            )
        elif name.lower() in reserved:
            signal = reserved[name.lower()]
            yield where, f"every instrument has a PV {signal}: take another name"
        elif name.upper().endswith("_RBV"):
            yield where, "_RBV is the read-back of a settable channel"
        elif name.lower() in taken:
            yield where, f"it is the name of the channel {taken[name.lower()]}, too"
        taken.setdefault(name.lower(), key)


def _links(settings: InstrumentSettings) -> Iterator[tuple[Key, str]]:
    """What the driver cannot do."""
    if settings.connection is not None and settings.file is not None:
        yield ("file",), "it has a connection as well: wanted is one of the two"
        return
    where: Key = ("file",) if settings.file is not None else ("connection",)
    try:
        scheme = scheme_of(settings)
        if scheme is None:
            yield from _without_driver(settings)
            return
        kind = driver_kind(scheme)
        if settings.connection is not None:
            url = settings.connection
            if kind.has_query:
                url = url.partition("?")[0]
            connection = Connection.of(url, settings.options)
            if kind.options is not None:
                connection.read(kind.options)
    except KindError:  # it is told when it is built, and the others are served
        return
    except (ValueError, ConfigError) as error:
        yield where, str(error)
        return
    if text := missing(kind):
        yield where, text
    yield from _places(settings, kind)


def _without_driver(settings: InstrumentSettings) -> Iterator[tuple[Key, str]]:
    for key, channel in settings.channels.items():
        if channel.is_read:
            yield (
                ("channels", key),
                "the instrument has no connection, no file and no model, so each "
                "channel needs a `calc`",
            )
    if not settings.channels:
        yield (), "it has no connection and no channels"


def _places(
    settings: InstrumentSettings, kind: DriverKind
) -> Iterator[tuple[Key, str]]:
    for key, channel in settings.channels.items():
        if not channel.is_read:
            continue
        if channel.at is not None or kind.at is not None:
            try:
                place_of(kind, channel.at)
            except ValueError as error:
                yield ("channels", key, "at"), str(error)
        if channel.write is True and not kind.writes:
            yield (
                ("channels", key, "write"),
                f"{kind.scheme}: needs the text of a command: write: 'SP {{value:g}}'",
            )
        if isinstance(channel.write, str) and not kind.speaks_lines:
            yield (
                ("channels", key, "write"),
                f"{kind.scheme}: does not speak in lines: wanted is write: true",
            )


def _groups(settings: InstrumentSettings) -> Iterator[tuple[Key, str]]:
    settable = {
        channel.name or key: key
        for key, channel in settings.channels.items()
        if channel.is_settable
    }
    for name, group in settings.groups.items():
        for i, channel in enumerate(group.channels):
            if channel not in settable:
                yield (
                    ("groups", name, "channels", i),
                    f"no settable channel has this name{near(channel, settable)}",
                )
        known = [one.name or key for key, one in settings.channels.items()]
        if group.check is not None and (why := _wrong(group.check, known)):
            yield ("groups", name, "check"), why


def near(name: str, known: Iterable[str]) -> str:
    """A hint, after a name that does not exist."""
    known = list(known)
    found = difflib.get_close_matches(name, known, n=1)
    if found:
        return f". Did you mean {found[0]}?"
    return f" (it has: {', '.join(known)})" if known else ""
