"""Settings of a channel of an instrument: how it is read, shown, judged, written."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from daqpv.config import TIME, Description, Model, Seconds, wanted
from daqpv.core import Severity


class ChannelType(StrEnum):
    """What the values of a channel are, and its record type."""

    NUMBER = "number"  # ai, ao
    INTEGER = "integer"  # longin, longout
    TEXT = "text"  # stringin, stringout; long text with `length`
    BOOLEAN = "boolean"  # bi, bo
    ENUM = "enum"  # mbbi, mbbo
    ARRAY = "array"  # waveform of numbers


class Level(StrEnum):
    """The severity of an alarm, as a file has it."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    INVALID = "invalid"

    @property
    def severity(self) -> Severity:
        """The same, as EPICS has it."""
        return Severity(list(Level).index(self))


class Word(Model):
    """What a word or a certain number in place of a value means: "OVER", 9.9E37."""

    severity: Level = Level.INVALID
    """Of the alarm: none, minor, major or invalid."""

    value: float | str | None = None
    """The value to show: a number, or the label of a state. Default: the last value
    stays."""

    text: Annotated[str, Field(max_length=39)] = ""
    """Message of the alarm. Default: the word itself."""


def _word(given: object) -> object:
    """``OVER: major`` is short for ``OVER: {severity: major}``."""
    return {"severity": given} if isinstance(given, str) else given


class StatusWord(Word):
    """What a status before a value means."""

    shown: bool = False
    """Whether the value beside it is shown, with the alarm. Default: the last value
    stays."""


class Bit(Model):
    """What a bit of a status means when it is set."""

    label: Annotated[str, Field(min_length=1, max_length=39)]
    """In the text of the channel, and in the message of the alarm."""

    severity: Level = Level.NONE
    """Of the alarm when it is set."""


def _bit(given: object) -> object:
    """``0: on`` is short for ``0: {label: on}``."""
    return {"label": given} if isinstance(given, str) else given


BitNumber = Annotated[int, Field(ge=0, le=63)]


class Unit(Model):
    """The units in which an instrument may send the numbers of a channel."""

    factors: Annotated[dict[str, float], Field(min_length=1)]
    """By the unit, what makes `units` of a number in it."""

    channel: str | None = None
    """The channel that says which it is now. None: it comes with each number."""


def _no_text(given: object) -> object:
    """``unit: Torr`` is a mistake that many make."""
    if isinstance(given, str):
        raise wanted("`units`, with an s, for a unit that is always the same")
    return given


class State(Model):
    """One state of an enum or boolean channel."""

    label: Annotated[str, Field(min_length=1, max_length=25)]
    """What clients see; Channel Access has 25 bytes for it."""

    raw: str | int | float | None = None
    """What the instrument says for it. Default: the key, or else the position."""

    severity: Level = Level.NONE
    """Of the alarm in this state."""


def _states(given: object) -> object:
    """A list of labels, or a mapping from what the instrument says to a label."""
    if isinstance(given, dict):
        return [_state(raw, state) for raw, state in given.items()]
    if isinstance(given, list):
        return [{"label": one} if isinstance(one, str) else one for one in given]
    return given


def _state(raw: object, state: object) -> object:
    if isinstance(state, str):
        return {"label": state, "raw": raw}
    return {"raw": raw} | state if isinstance(state, dict) else state


def _units(text: str) -> str:
    """Channel Access has 16 bytes for them, with a NUL."""
    if len(text.encode()) > 15:
        raise wanted("at most 15 bytes of units")
    return text


class Shown(Model):
    """How the values of a channel are shown and judged."""

    name: str = ""
    """The channel's name in PVs. Default: its key."""

    desc: Description = ""
    """What the channel is: the DESC field of its record, at most 40 bytes."""

    type: ChannelType = ChannelType.NUMBER
    """number, integer, text, boolean, enum or array."""

    units: Annotated[str, AfterValidator(_units)] = ""
    """Of the value: at most 15 bytes."""

    precision: Annotated[int, Field(ge=0, le=15)] = 3
    """Digits after the point that clients show."""

    display: tuple[float, float] | None = None
    """Range on a screen: LOPR and HOPR."""

    lolo: float | None = None
    """MAJOR alarm at this value and below."""

    low: float | None = None
    """MINOR alarm at this value and below."""

    high: float | None = None
    """MINOR alarm at this value and above."""

    hihi: float | None = None
    """MAJOR alarm at this value and above."""

    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    """So far must a value go back before a limit alarm ends."""

    dead_band: Annotated[float, Field(ge=0)] = 0.0
    """Changes up to this are not sent to clients (MDEL)."""

    archive_dead_band: Annotated[float, Field(ge=0)] | None = None
    """Changes up to this are not archived (ADEL). Default: as `dead_band`."""

    smooth: Seconds = 0.0
    """Time constant of a low-pass filter. 0: none."""

    states: Annotated[
        tuple[State, ...],
        BeforeValidator(
            _states,
            json_schema_input_type=tuple[str | State, ...] | dict[str, str | State],
        ),
    ] = ()
    """Of an enum or boolean: labels, ``[Off, On]``, or by what the instrument says,
    ``{"0": Off, "1": On, "2": {label: Tripped, severity: major}}``."""

    length: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Of an array: the most elements. Of a text: the most bytes, if above 39."""

    stale: Annotated[float, TIME.within(0.01, 31557600)] | None = None
    """INVALID if no value came for so long. Default: that of the instrument."""


class Channel(Shown):
    """A channel of an instrument: it becomes a PV of that name."""

    # -- where its values come from

    at: Any = None
    """Where the driver finds it: a register, OID, node, JSON path, topic, PV."""

    ask: str | None = None
    """A question of its own, for instruments that speak in lines."""

    answer: str | None = None
    """The pattern of the answer to `ask`, such as ``{value:g}``."""

    every: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """It is asked in every so many cycles."""

    calc: str | None = None
    """A formula over other channels, in place of an instrument's value."""

    scale: str | None = None
    """A formula that makes the value in `units` of ``value``, what the instrument
    sends: ``value / 1000``."""

    words: dict[
        str,
        Annotated[Word, BeforeValidator(_word, json_schema_input_type=Level | Word)],
    ] = Field(default_factory=dict)
    """What words and certain numbers in place of a value mean, by text:
    ``{OVER: major, "9.91E37": {severity: invalid, text: no number}}``."""

    status: dict[
        str,
        Annotated[
            StatusWord,
            BeforeValidator(_word, json_schema_input_type=Level | StatusWord),
        ],
    ] = Field(default_factory=dict)
    """What the status means that comes with each value, by text; patterns have it as
    ``{NAME.status:d},{NAME:g}``: ``{"0": none, "5": {text: no sensor}}``. The value
    counts only if its status is ``none`` here; a status that is not here is INVALID."""

    unit: Annotated[Unit, BeforeValidator(_no_text)] | None = None
    """The unit of the numbers that it sends, if that can change: ``{factors: {V: 1, kV:
    1000}}`` with ``{NAME:g}{NAME.unit:s}`` in the pattern, or of another channel:
    ``{channel: Unit, factors: {mbar: 1, Torr: 1.33322}}``. A number in a unit that is
    not here is INVALID."""

    bits: dict[
        BitNumber,
        Annotated[Bit, BeforeValidator(_bit, json_schema_input_type=str | Bit)],
    ] = Field(default_factory=dict)
    """What each bit means, of an integer or text channel; a text has the labels of
    those that are set: ``{0: on, 5: {label: trip, severity: major}}``. Bit 0 is the
    least significant."""

    # -- how it is written

    write: str | bool = False
    """The command that writes it, ``SP {value:.2f}``; true: to `at`. Without it the
    channel can only be read."""

    reply: str | None = None
    """The answer to `write`, as a pattern; None: the instrument does not answer."""

    unscale: str | None = None
    """A formula that undoes `scale` for `write`; needed if it is not linear."""

    min: float | None = None
    """Puts below this are refused (DRVL)."""

    max: float | None = None
    """Puts above this are refused (DRVH)."""

    step: Annotated[float, Field(gt=0)] | None = None
    """Puts that change the value by more than this are refused."""

    ramp: Annotated[float, Field(ge=0)] | None = None
    """Rate of change [units/s]; the put ends when the ramp has. 0: it jumps, and an
    operator may set a rate."""

    ramp_step: Annotated[float, TIME.within(0.05, 60)] = 0.5
    """Time between two steps of a ramp."""

    hazard: bool | tuple[float | str, ...] = False
    """A put has to be repeated within 10 s before it is sent; a list: only a put of one
    of these values, ``[On]``, so that Off acts at once."""

    only: tuple[float | str, ...] = ()
    """The only values that may be put. Default: all between `min` and `max`."""

    read_back: str | None = None
    """The channel that shows what the instrument has; the put ends when it agrees.
    Default: the channel itself, if it is read as well."""

    tolerance: Annotated[float, Field(ge=0)] | None = None
    """So close must `read_back` come. Default: half a digit of `precision`."""

    settle: Annotated[float, TIME.within(0, 86400)] = 5.0
    """Longest time for `read_back` to come that close, after the last command."""

    @property
    def is_settable(self) -> bool:
        """Whether clients may put it."""
        return bool(self.write)

    @property
    def has_words(self) -> bool:
        """Whether the settings know words or a status in place of values."""
        return bool(self.words or self.status or self.bits)

    @property
    def is_read(self) -> bool:
        """Whether its values come from the instrument."""
        return self.calc is None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.calc is not None and (self.write or self.ask or self.at is not None):
            raise wanted("calc alone: it cannot be read or written besides")
        if self.type is ChannelType.ENUM and not 1 <= len(self.states) <= 16:
            raise wanted("states for an enum: 1 to 16 of them")
        if self.type is ChannelType.BOOLEAN and len(self.states) not in (0, 2):
            raise wanted("two states for a boolean: [Off, On]")
        if self.type is ChannelType.ARRAY and self.length is None:
            raise wanted("length for an array: the most elements")
        if self.bits and self.type not in (ChannelType.INTEGER, ChannelType.TEXT):
            raise wanted("the type integer or text for a channel with bits")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise wanted("min below max")
        limits = (self.lolo, self.low, self.high, self.hihi)
        given = [one for one in limits if one is not None]
        if given != sorted(given):
            raise wanted("limits in this order: lolo, low, high, hihi")
        return self
