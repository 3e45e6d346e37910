"""The unit of the numbers that an instrument sends, where that can change.

Units come with each number (``1.1E-3A``), or are a setting of the instrument, which
somebody may change at its front panel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from daqpv.core.numbers import number
from daqpv.errors import quoted
from daqpv.instruments.driver import Fault, Raw
from daqpv.instruments.settings.channel import Channel, Unit

SUFFIX = ".unit"
"""``p.unit`` is the unit of ``p`` in patterns and frames."""

UnitOf = Callable[[str], str | None]


def in_units(
    values: Mapping[str, Raw], channels: Mapping[str, Channel], unit_of: UnitOf
) -> dict[str, Raw]:
    """The values of a frame, in the units of their channels.

    Args:
        values: as a driver gives them; ``NAME.unit`` beside ``NAME``.
        channels: those with a `unit`, by key.
        unit_of: the present unit that a channel of units says; None: not known.

    Returns:
        The values without the units beside them. A number whose unit is not known, or
        not described, is a Fault: it would be wrong by a factor.
    """
    found: dict[str, Raw] = {}
    for name, value in values.items():
        if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in channels:
            continue
        channel = channels.get(name)
        if channel is None or channel.unit is None:
            found[name] = value
            continue
        beside = values.get(name + SUFFIX)
        text = _text(beside) if channel.unit.channel is None else None
        if channel.unit.channel is not None:
            text = unit_of(channel.unit.channel)
        found[name] = _scaled(value, text, channel.unit)
    return found


def _text(raw: Raw | None) -> str | None:
    if raw is None or isinstance(raw, Fault):
        return None
    text = raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)
    return text.strip()


def _scaled(value: Raw, text: str | None, unit: Unit) -> Raw:
    """The number in the units of the channel; words stay what they are."""
    if isinstance(value, Fault):
        if value.in_units or not isinstance(value.value, int | float):
            return value
        scaled = _scaled(value.value, text, unit)
        if not isinstance(scaled, int | float):
            return scaled
        return replace(value, value=scaled)
    try:
        plain = number(value) if isinstance(value, str) else value
    except ValueError:
        return value
    if not isinstance(plain, int | float):
        return value
    if text is None:
        return Fault("its unit is not known yet")
    factor = unit.factors.get(text)
    if factor is None:
        return Fault(f"in {quoted(text)}: no factor for it"[:39])
    return plain * factor
