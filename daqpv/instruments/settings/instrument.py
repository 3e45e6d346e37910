"""The section ``instruments`` of the experiment file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from daqpv.config import TIME, DeviceSettings, Model, wanted
from daqpv.instruments.descriptions import completed
from daqpv.instruments.descriptions.merge import Unmatched
from daqpv.instruments.settings.channel import Channel
from daqpv.instruments.settings.described import check_model, with_description
from daqpv.instruments.settings.files import Files
from daqpv.instruments.settings.simulator import Simulator
from daqpv.instruments.settings.table import Table, is_usable
from daqpv.instruments.settings.talk import Talk

_CONNECTING = 6.0  # [s]; that of drivers is 5 s, unless their options say otherwise
_RESTS = 0.1  # [s] after what is not answered


class SetGroup(Model):
    """Settable channels that are changed together: staged, checked, then applied."""

    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    """They are written in this order."""

    check: str | None = None
    """A formula over the requested values that must be true: ``V * I < 420``."""

    reason: str = ""
    """What an operator reads when `check` is not true."""


def _fitting(pattern: object) -> object:
    """Refuse a pattern for which no channel was found."""
    if isinstance(pattern, Unmatched):
        raise wanted("the name of a channel of the description; * fits any letters")
    return pattern


class InstrumentSettings(Files, Talk, DeviceSettings):
    """An instrument: how it is reached, how it speaks, its channels."""

    model: str | None = None
    """A description that daqpv knows (``daqpv instrument list``), or a file
    ``descriptions/MODEL.yaml`` beside the experiment file. All other keys add to it, or
    replace what it says; mappings are merged key by key."""

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

    tables: dict[str, Table] = Field(default_factory=dict)
    """Templates that make many like channels."""

    leave_out: tuple[Annotated[str, BeforeValidator(_fitting)], ...] = ()
    """Channels of the description or of tables that are not served, with ``*`` and
    ``?``: ``[Gauge2, "*Filament"]``."""

    groups: dict[str, SetGroup] = Field(default_factory=dict)
    """Settable channels that are changed together."""

    stopped: bool = False
    """True: it does not acquire after the start, until an operator starts it."""

    simulator: Simulator | None = None
    """How ``daqpv simulate`` plays it."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Further settings of the connection, as after ``?`` in its URL."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any, info: ValidationInfo) -> Any:
        """Take from the description what the file does not say."""
        if not isinstance(given, dict):
            return given
        return completed(with_description(given, info.context, cls), is_usable)

    @field_validator("model")
    @classmethod
    def _is_known(cls, model: str | None, info: ValidationInfo) -> str | None:
        if model is not None:
            check_model(model, info.context, cls)
        return model

    @property
    def questions(self) -> int:
        """The number of questions in a cycle, at most."""
        own = {one.ask for one in self.channels.values() if one.ask is not None}
        return max(1, len(self.read) + len(own))

    @property
    def longest_cycle(self) -> float:
        """A cycle that takes longer has failed [s]."""
        return self.timeout * (1 + self.retries) * self.questions + self.gap

    @property
    def longest_opening(self) -> float:
        """A connection with all of its beginning is given up then [s]."""
        asks = len(self.init) + len(self.stream) + (self.identity is not None)
        each = self.timeout + self.gap + _RESTS
        return _CONNECTING + self.settle_time + each * (asks + 1)
