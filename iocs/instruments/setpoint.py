"""The PVs of settable channels: setpoint, read-back, ramp; and of their groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from daqpv.instruments.device.settable import read_back, settable
from daqpv.instruments.device.snapshot import InstrumentSnapshot
from daqpv.instruments.gate import Rules, Setpoint, Staged
from daqpv.instruments.settings import Channel, ChannelType, InstrumentSettings
from daqpv.serve import (
    Declaration,
    ao,
    bi,
    bo,
    button,
    long,
    longout,
    mbbo,
    string,
    waveform,
)

_YES = ("No", "Yes")
_SWITCH = ("Off", "On")
_LONG_REASON = 1000  # [bytes]


def settable_pvs(settings: InstrumentSettings) -> Iterator[Declaration]:
    """The PVs of all settable channels and groups, but for the read-backs."""
    channels = settable(settings)
    for name, channel in channels.items():
        yield from _of_channel(name, channel)
    for name, group in settings.groups.items():
        yield from _of_group(name, {one: channels[one] for one in group.channels})


def read_backs(
    settings: InstrumentSettings, read: Collection[str]
) -> dict[str, tuple[str, Channel]]:
    """What `<channel>_RBV` shows: by channel, the name and settings of the reading.

    Args:
        settings: of the instrument.
        read: keys of the channels that it sends.
    """
    channels = {one.name or key: one for key, one in settings.channels.items()}
    found = {name: read_back(name, settings, read) for name in settable(settings)}
    return {name: (of, channels[of]) for name, of in found.items() if of is not None}


def _of_channel(name: str, channel: Channel) -> Iterator[Declaration]:
    async def put(group: Any, value: Any) -> None:
        await group.device.gates[name].put(value)

    async def set_ramp(group: Any, value: Any) -> None:
        group.device.gates[name].set_ramp(value)

    async def stop(group: Any, value: Any) -> None:
        await group.device.gates[name].stop()

    doc = channel.desc or f"Setpoint of {name}"
    yield _output(name, channel, put, doc=doc, drive=_drive(channel))
    if Rules(name, channel).is_number:
        units = f"{channel.units}/s" if len(channel.units.encode()) < 14 else ""
        ramp = ao(
            f"{name}:Ramp",
            units=units,
            precision=channel.precision,
            put=set_ramp,
            saved=True,
            doc="Rate of change; 0: it jumps",
        )
        yield ramp
    yield bi(f"{name}:Moving", labels=_YES, doc="A put is under way")
    yield button(f"{name}:Stop", put=stop, doc="Stops a ramp where it is")


def _of_group(name: str, members: Mapping[str, Channel]) -> Iterator[Declaration]:
    async def apply(group: Any, value: Any) -> None:
        await group.device.groups[name].apply()

    for member, channel in members.items():
        yield _request(name, member, channel)
    yield button(f"{name}:Apply", put=apply, doc="Sets all that is requested")
    yield bi(f"{name}:Valid", labels=_YES, doc="Apply would be accepted")
    yield long(f"{name}:Reason", size=_LONG_REASON, doc="Why it would not")


def _request(group_name: str, member: str, channel: Channel) -> Declaration:
    async def request(group: Any, value: Any) -> None:
        group.device.groups[group_name].request(member, value)

    signal = f"{group_name}:Request:{member}"
    return _output(signal, channel, request, doc=f"{member} after the next Apply")


def _output(
    signal: str,
    channel: Channel,
    put: Any,
    *,
    doc: str,
    drive: tuple[float, float] = (0.0, 0.0),
) -> Declaration:
    """The PV to which values of a channel are put."""
    number: dict[str, Any] = {"units": channel.units, "drive": drive}
    if channel.display is not None:
        number["display"] = channel.display
    labels = tuple(state.label for state in channel.states)
    common: dict[str, Any] = {"put": put, "doc": doc}
    match channel.type:
        case ChannelType.NUMBER:
            return ao(signal, precision=channel.precision, **number, **common)
        case ChannelType.INTEGER:
            return longout(signal, **number, **common)
        case ChannelType.BOOLEAN:
            return bo(signal, labels=labels or _SWITCH, **common)  # type: ignore[arg-type]
        case ChannelType.ENUM:
            return mbbo(signal, labels, **common)
        case ChannelType.TEXT if channel.length:
            return long(signal, size=channel.length + 1, **common)
        case ChannelType.TEXT:
            return string(signal, **common)
        case ChannelType.ARRAY:
            size = channel.length or 1
            return waveform(signal, size=size, units=channel.units, **common)


def _drive(channel: Channel) -> tuple[float, float]:
    """DRVL and DRVH; a channel with one limit has none: the gate holds it."""
    if channel.min is None or channel.max is None:
        return 0.0, 0.0
    return channel.min, channel.max


class SettablePvs:
    """Shows setpoints and requests in the PVs of a group.

    Args:
        pvs: all PVs of the group, by full name.
        prefix: of them.
    """

    def __init__(self, pvs: Mapping[str, Any], prefix: str) -> None:
        self._pvs = pvs
        self._prefix = prefix
        self._setpoints: dict[str, Setpoint] = {}
        self._staged: dict[str, Staged] = {}

    def show(self, snapshot: InstrumentSnapshot) -> None:
        """Post what has changed."""
        for name, setpoint in snapshot.setpoints.items():
            if self._setpoints.get(name) is not setpoint:
                self._setpoints[name] = setpoint
                self._post(name, setpoint.value, snapshot.time)
                self._post(f"{name}:Ramp", setpoint.ramp, snapshot.time)
                moving = int(setpoint.is_moving)
                self._post(f"{name}:Moving", moving, snapshot.time)
        for name, staged in snapshot.staged.items():
            if self._staged.get(name) is not staged:
                self._staged[name] = staged
                for channel, value in staged.requests:
                    self._post(f"{name}:Request:{channel}", value, snapshot.time)
                self._post(f"{name}:Reason", staged.reason, snapshot.time)
                self._post(f"{name}:Valid", int(staged.is_valid), snapshot.time)

    def _post(self, signal: str, value: Any, time: float) -> None:
        """Post a value, if it is known, and not what the PV has already."""
        channel = self._pvs.get(f"{self._prefix}{signal}")
        if channel is not None and value is not None and not channel.holds(value):
            channel.post(value, time=time)
