"""The section ``instruments`` of the experiment file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from daqpv.config import TIME, DeviceSettings, Model
from daqpv.instruments.settings.channel import Channel
from daqpv.instruments.settings.files import Files
from daqpv.instruments.settings.simulator import Simulator
from daqpv.instruments.settings.talk import Talk


class SetGroup(Model):
    """Settable channels that are changed together: staged, checked, then applied."""

    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    """They are written in this order."""

    check: str | None = None
    """A formula over the requested values that must be true: ``V * I < 420``."""

    reason: str = ""
    """What an operator reads when `check` is not true."""


class InstrumentSettings(Files, Talk, DeviceSettings):
    """An instrument: how it is reached, how it speaks, its channels."""

    model: str | None = None
    """A description that daqpv knows: ``daqpv instrument list``. All other keys add to
    it, or replace what it says."""

    connection: str | None = None
    """``tcp://HOST:PORT``, ``serial:///dev/ttyUSB0?baud=9600``, ``udp://``,
    ``modbus-tcp://``, ...: see docs/instruments.md."""

    period: Annotated[float, TIME.within(0.01, 86400)] = 1.0
    """Time between two cycles [s]."""

    stale: Annotated[float, TIME.within(0.01, 31557600)] | None = None
    """Values are INVALID, Status Stale, if none came for so long. Default: three
    periods and the time-out; of a stream or file 10 s, or three periods if longer."""

    channels: dict[str, Channel] = Field(default_factory=dict)
    """By the name that becomes that of the PV."""

    groups: dict[str, SetGroup] = Field(default_factory=dict)
    """Settable channels that are changed together."""

    stopped: bool = False
    """True: it does not acquire after the start, until an operator starts it."""

    simulator: Simulator | None = None
    """How ``daqpv simulate`` plays it."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Further settings of the connection, as after ``?`` in its URL."""
