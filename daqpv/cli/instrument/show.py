"""``daqpv instrument show``: all that a description says."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from daqpv.cli.common import printing
from daqpv.cli.instrument.catalogue import (
    BESIDE,
    channels,
    confirmed,
    description,
    indexes,
)
from daqpv.cli.instrument.tables import show_table
from daqpv.instruments.descriptions import Description
from daqpv.instruments.settings import Channel, ChannelType, Level


@click.command()
@click.argument("model")
@BESIDE
def show(model: str, file: Path | None) -> None:
    """Show the description of MODEL.

    \b
        daqpv instrument show pfeiffer-tpg362
        daqpv instrument show our-gauge --file lab.yaml

    What it is, how it is connected, what must be set at its front panel, what is
    dangerous; its channels with units, limits and what may be set; and the lines for
    the experiment file.
    """
    one = description(model, file)
    with printing():
        for line in _head(one):
            click.echo(line)
        click.echo("\nChannels")
        rows = [_row(name, channel) for name, channel in channels(one)]
        show_table(("Name", "Type", "Units", "Set", "Alarms", "What it is"), rows)
        for line in _end(one):
            click.echo(line)


def _head(one: Description) -> Iterator[str]:
    facts, wiring = one.facts, one.facts.wiring
    yield f"{one.name}: {facts.title}"
    yield f"  vendor: {facts.vendor}"
    if facts.models:
        yield f"  also: {', '.join(facts.models)}"
    for manual in facts.manual:
        page = f", page {manual.page}" if manual.page else ""
        yield f"  manual: {manual.document}{page}"
    yield f"  confirmed: {confirmed(one) or 'no: never used with a true instrument'}"
    yield from _part("Connection", wiring.connections)
    yield from _part("Connector", wiring.connector)
    yield from _part("At the instrument", wiring.front_panel)
    yield from _part("Dangers", facts.dangers)


def _part(title: str, texts: Iterable[str]) -> Iterator[str]:
    for n, text in enumerate(texts):
        if n == 0:
            yield f"\n{title}"
        yield textwrap.fill(
            text,
            width=88,
            initial_indent="  - ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _row(name: str, channel: Channel) -> tuple[str, ...]:
    return (
        name,
        _type(channel),
        channel.units,
        _settable(channel),
        "; ".join(_alarms(channel)),
        channel.desc,
    )


def _type(channel: Channel) -> str:
    labels = ", ".join(state.label for state in channel.states)
    is_number = channel.type is ChannelType.NUMBER
    return labels or ("" if is_number else channel.type.value)


def _settable(channel: Channel) -> str:
    """The range in which it may be set, in words; "" if it can only be read."""
    if not channel.is_settable:
        return ""
    low, high = channel.min, channel.max
    words = "yes"
    if low is not None and high is not None:
        words = f"{low:g} to {high:g}"
    elif low is not None:
        words = f"from {low:g}"
    elif high is not None:
        words = f"up to {high:g}"
    if not channel.hazard:
        return words
    if isinstance(channel.hazard, bool):
        return f"{words}, put twice"
    return f"{words}; {', '.join(map(str, channel.hazard))}: put twice"


def _alarms(channel: Channel) -> Iterator[str]:
    for limit in ("lolo", "low", "high", "hihi"):
        value = getattr(channel, limit)
        if value is not None:
            yield f"{limit} {value:g}"
    words = {**channel.words, **channel.status}
    for text, word in words.items():
        if word.severity is not Level.NONE:
            yield f"{word.text or text}: {word.severity.value}"
    for state in channel.states:
        if state.severity is not Level.NONE:
            yield f"{state.label}: {state.severity.value}"
    for bit in channel.bits.values():
        if bit.severity is not Level.NONE:
            yield f"{bit.label}: {bit.severity.value}"


def _end(one: Description) -> Iterator[str]:
    for table, index in indexes(one).items():
        shown = ", ".join(map(str, index[:8])) + (", ..." if len(index) > 8 else "")
        yield f"\n<n> is {shown}; others: tables: {{{table}: {{index: [...]}}}}"
    yield "\nIn the experiment file"
    yield "  instruments:"
    yield "    NAME:"
    yield f"      model: {one.name}"
    yield f"      connection: {one.facts.wiring.connections[0]}"
    yield "\nThen: daqpv instrument try FILE NAME"
