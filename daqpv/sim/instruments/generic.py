"""Makes a simulator for an instrument that has none: values within its limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from daqpv.instruments.parsing import Pattern
from daqpv.instruments.settings import (
    Ask,
    Channel,
    ChannelType,
    InstrumentSettings,
    Level,
    Simulator,
)

_PULL = 0.05  # of the way back to the middle, each time
_NOISE = 0.01  # of the range
_INSIDE = 0.05  # of the range: a limit itself is an alarm
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


def generic(settings: InstrumentSettings) -> Simulator:
    """A simulator whose values drift within the limits of their channels.

    It answers the questions of the settings by their patterns, and keeps what is
    written. What a pattern can only read (a regular expression) it does not answer.
    """
    read = {
        name: channel
        for name, channel in settings.channels.items()
        if channel.is_read and _IDENTIFIER.fullmatch(name)
    }
    variables = {name: _first(name, channel) for name, channel in read.items()}
    variables |= {
        f"{name}.status": status
        for name, channel in read.items()
        if (status := _good_status(channel)) is not None
    }
    change = {
        name: _drift(name, channel)
        for name, channel in read.items()
        if channel.type is ChannelType.NUMBER and not channel.write
    }
    return Simulator.model_validate(
        {
            "variables": variables,
            "change": change,
            "rules": list(_rules(settings, read)),
            "stream": _stream(settings, read),
        }
    )


def limits(channel: Channel) -> tuple[float, float]:
    """The range in which a simulated value lies: within all limits, if there are some.

    Returns:
        Low and high [units of the channel].
    """
    low, high = channel.display or (None, None)
    lows = [channel.lolo, channel.low, channel.min, low]
    highs = [channel.hihi, channel.high, channel.max, high]
    below = max((one for one in lows if one is not None), default=None)
    above = min((one for one in highs if one is not None), default=None)
    if below is None:
        below = 0.0 if above is None or above > 0 else 2 * above - 1
    if above is None or above <= below:
        above = below + (abs(below) or 1.0)
    return below, above


def _first(name: str, channel: Channel) -> Any:
    if channel.states:
        state = channel.states[0]
        return 0 if state.raw is None else _number(state.raw)
    if channel.type is ChannelType.TEXT and not channel.bits:
        return channel.desc or name
    if channel.type is not ChannelType.NUMBER:
        return 0
    low, high = limits(channel)
    return (low + high) / 2


def _number(raw: Any) -> Any:
    """A raw state as a number, if it is one."""
    with suppress(ValueError):
        return int(raw)
    return raw


def _good_status(channel: Channel) -> Any:
    for text, word in channel.status.items():
        if word.severity is Level.NONE:
            return _number(text)
    return None


def _drift(name: str, channel: Channel) -> str:
    low, high = limits(channel)
    middle, span = (low + high) / 2, high - low
    step = f"{name} + {_PULL} * ({middle!r} - {name}) + noise({_NOISE * span!r})"
    return f"clip({step}, {low + _INSIDE * span!r}, {high - _INSIDE * span!r})"


def _rules(
    settings: InstrumentSettings, read: dict[str, Channel]
) -> Iterator[dict[str, Any]]:
    """The rules for all questions and commands, in the form of the file."""
    for one in _questions(settings):
        if one.ask is not None and (answer := _written(one.answer, read)) is not None:
            yield {"ask": one.ask, "answer": answer}
    for name, channel in settings.channels.items():
        if channel.ask is not None:
            answer = _written(_named(channel.answer or "{value}", name), read)
            if answer is not None:
                yield {"ask": channel.ask, "answer": answer}
        if isinstance(channel.write, str) and channel.write:
            reply = channel.reply
            answer = None if reply is None else _written(_named(reply, name), read)
            yield {"ask": _named(channel.write, name), "answer": answer}


def _questions(settings: InstrumentSettings) -> Iterator[Ask]:
    yield from settings.read
    if settings.identity is not None:
        yield settings.identity
    yield from (one for one in settings.init if isinstance(one, Ask))


def _named(pattern: str, name: str) -> str:
    """A pattern of a channel's own, in which ``value`` is the channel."""
    pattern = re.sub(r"\{value(?=[.:}])", f"{{{name}", pattern)
    return re.sub(r"%(\W*)\(value\)", rf"%\1({name})", pattern)


def _written(text: str | dict[str, str], read: dict[str, Channel]) -> str | None:
    """An answer that can be written with the channels' values; None: it cannot."""
    if not isinstance(text, str):  # paths into JSON do not tell the whole document
        return None
    if text.startswith("pairs:"):
        return _pairs(text, read)
    try:
        pattern = Pattern(re.sub(r"\{[_-]?(:[^{}]*)?\}", "", text))
        pattern.format(**dict.fromkeys(pattern.names, 0))
    except ValueError:
        return None
    return pattern.text


def _pairs(text: str, read: dict[str, Channel]) -> str | None:
    """``T1={T1:.3f};T2={T2:.3f}``, with the separators of a pattern of pairs."""
    separators = re.findall(r"\"([^\"]+)\"|'([^']+)'|(\S+)", text.partition(":")[2])
    if len(separators) != 2:
        return None
    between, equals = ("".join(one) for one in separators)
    return between.join(
        f"{name}{equals}{{{name}{':.3f' if one.type is ChannelType.NUMBER else ''}}}"
        for name, one in read.items()
    )


def _stream(settings: InstrumentSettings, read: dict[str, Channel]) -> str | None:
    for one in settings.stream:
        if one.ask is None and (line := _written(one.answer, read)) is not None:
            return line
    return None
