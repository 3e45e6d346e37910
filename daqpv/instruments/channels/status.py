"""What a status says of a value: words before a number, bits of a word of status.

Status first, number second: an instrument may send a plausible number beside a status
that says that there is none, such as ``5,2.0000E-2`` of a gauge that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from daqpv.core import Severity, Status
from daqpv.instruments.driver import Fault, Raw
from daqpv.instruments.settings.channel import Channel, ChannelType

SUFFIX = ".status"
"""``Gauge1.status`` is the status of ``Gauge1`` in patterns and frames."""


def judged(
    values: Mapping[str, Raw], channels: Mapping[str, Channel]
) -> dict[str, Raw]:
    """The values of a frame, after their status and their bits were read.

    Args:
        values: as a driver gives them; ``NAME.status`` beside ``NAME``.
        channels: of the instrument, by name.

    Returns:
        The values without those of status. A value whose status is not ``none`` in the
        settings is a Fault. So is one with bits that are an alarm; its value is that of
        the channel: labels, or the number.
    """
    found: dict[str, Raw] = {}
    for name, value in values.items():
        channel = channels.get(name)
        if channel is None:
            if not _is_status(name, channels):
                found[name] = value
        elif channel.bits:
            found[name] = _bits(value, channel)
        elif channel.status:
            found[name] = _status(value, values.get(name + SUFFIX), channel)
        else:
            found[name] = value
    for name in values:
        of = name.removesuffix(SUFFIX)
        if of not in values and _is_status(name, channels):  # the status came alone
            fault = _fault(values[name], channels[of])
            if fault is not None:
                found[of] = fault
    return found


def _is_status(name: str, channels: Mapping[str, Channel]) -> bool:
    return name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in channels


def _status(value: Raw, status: Raw | None, channel: Channel) -> Raw:
    """The value, or what its status says in its place."""
    if status is None:
        return value if isinstance(value, Fault) else Fault("no status came with it")
    fault = _fault(status, channel)
    if fault is None or isinstance(value, Fault):
        return value
    word = channel.status.get(_text(status))
    if word and word.shown and isinstance(value, int | float | str):
        return replace(fault, value=value, in_units=False)
    return fault


def _fault(status: Raw, channel: Channel) -> Fault | None:
    """What a status means; None: the value beside it is good."""
    if isinstance(status, Fault):
        return status
    text = _text(status)
    word = channel.status.get(text)
    if word is None:
        return Fault(f"status {text}"[:39])
    severity = word.severity.severity
    if severity is Severity.NO_ALARM:
        return None
    words = word.text or f"status {text}"
    return Fault(words, severity, value=word.value, in_units=word.value is not None)


def _text(status: Raw) -> str:
    """A status as text: 5 and 5.0 are "5"."""
    if isinstance(status, bytes):
        return status.decode("latin-1")
    if isinstance(status, float) and status.is_integer():
        return str(int(status))
    return str(int(status)) if isinstance(status, bool) else str(status).strip()


def _bits(value: Raw, channel: Channel) -> Raw:
    """The labels of the bits that are set, with the worst of their severities."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        return value if isinstance(value, Fault) else Fault("its bits are no integer")
    number = int(value)
    bits = [channel.bits[n] for n in sorted(channel.bits) if number >> n & 1]
    shown: int | str = number
    if channel.type is ChannelType.TEXT:
        shown = ", ".join(bit.label for bit in bits)
    worst = max((bit.severity.severity for bit in bits), default=Severity.NO_ALARM)
    if worst is Severity.NO_ALARM:
        return shown
    words = ", ".join(bit.label for bit in bits if bit.severity.severity)
    return Fault(words, worst, Status.STATE, shown)
