"""Writes a first section ``instruments``, with comments, to go on from by hand."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from daqpv.instruments.descriptions import Description, Library
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.driver.installed import FILE, driver_kind
from daqpv.instruments.settings import Channel, ChannelType, InstrumentSettings

FORM = "NAME=MODEL@CONNECTION"
_WIDTH = 84  # characters of a line
_MOST_DANGERS = 3

_HEAD = """
# Instruments: their values are PVs {prefix}Inst:NAME:CHANNEL. The name is a letter,
# then at most 23 letters, digits, '_' or '-'. Each takes
#   model       a description that daqpv knows: daqpv instrument list
#   connection  tcp://HOST:PORT, serial:///dev/ttyUSB0?baud=9600, modbus-tcp://HOST, ...
#   period      seconds between two readings; default 1
#   channels    by name: what is read, or what differs from the description
#   leave_out   channels of the description that are not served
#   desc        description of the instrument: at most 40 characters
#   enable      false: not read
# and each of its channels
#   units, precision, desc  as clients show it
#   low, high               MINOR alarm at this value and beyond; lolo, hihi: MAJOR
#   write                   makes it settable; min and max: other values are refused
#   scale                   a formula of what the instrument sends: value * 1000
#   words                   what it sends in place of a number: {{OVER: major}}
#
#     daqpv instrument try FILE NAME    shows what is sent, what comes, what it becomes
#     daqpv doctor FILE                 examines all of them, and says what to do
instruments:
"""

_LINES = """\
# What it is asked in each cycle, and what it answers: NAME in {NAME:g} is a channel.
# All forms of answers: docs/instruments/patterns.md
# terminator: "\\r\\n"
# timeout: 1 s
# read: [{ask: "PR?", answer: "{pressure:g},{temperature:g}"}]
# If it sends lines by itself, in place of `read`, or besides:
# stream: [{answer: "P={pressure:g} T={temperature:g}"}]
# channels:
#   pressure: {units: mbar, precision: 2, low: 10, high: 900, hihi: 1000}
#   temperature: {units: degC, desc: Of the gas}
#   setpoint: {write: "SP {value:.2f}", reply: OK, units: mbar, min: 0, max: 500}
"""

_PLACES = """\
# Where it has each channel (at): docs/instruments/connections.md
# channels:
#   pressure: {at: AT, units: mbar, low: 10, high: 900, hihi: 1000}
#   setpoint: {at: AT, write: true, units: mbar, min: 0, max: 500}
"""

_FILES = """\
# How its lines are read: docs/instruments/text-files.md
# columns:
#   {separator: ",", header: 1, time: "%Y-%m-%d %H:%M:%S", names: [pressure, hall]}
# channels:
#   pressure: {units: mbar, low: 10, high: 900, hihi: 1000}
#   hall: {units: degC, desc: Temperature of the hall}
"""

_AT = {
    "modbus-tcp": "{holding: 0, type: float32}",
    "modbus-rtu": "{holding: 0, type: float32}",
    "modbus-rtu-tcp": "{holding: 0, type: float32}",
    "snmp": '"1.3.6.1.2.1.1.3.0"',
    "http": '"$.gauge.pressure"',
    "https": '"$.gauge.pressure"',
    "mqtt": '"lab/gas/pressure"',
    "mqtts": '"lab/gas/pressure"',
    "opc.tcp": '"ns=2;s=Gas.Pressure"',
    "pv": '"OTHER:Gas:Pressure"',
    "ca": '"OTHER:Gas:Pressure"',
}
"""Examples of places, by scheme."""

_NOT_STRINGS = frozenset({"null", "true", "false", "yes", "no", "on", "off"})


class FirstInstrument(NamedTuple):
    """An instrument, as ``daqpv init`` is told it.

    Attributes:
        name: of it.
        model: of its description; "": no description fits.
        connection: a URL; ``file:PATH`` for text files.
    """

    name: str
    model: str
    connection: str

    @classmethod
    def of(cls, text: str) -> FirstInstrument:
        """Take ``NAME=MODEL@CONNECTION`` apart.

        Raises:
            ValueError: it is not of that form.
        """
        name, equals, rest = text.partition("=")
        model, at, connection = rest.partition("@")
        if not (equals and at and name.strip() and connection.strip()):
            raise ValueError(
                f"wanted is {FORM}, such as vacuum=pfeiffer-tpg36x@tcp://HOST:8000, or "
                "NAME=@CONNECTION if no description fits"
            )
        return cls(name.strip(), model.strip(), connection.strip())

    def settings(self) -> dict[str, str]:
        """The keys of its settings."""
        found = {"model": self.model} if self.model else {}
        if self.connection.startswith(f"{FILE}:"):
            return found | {"file": self.path}
        return found | {"connection": self.connection}

    @property
    def path(self) -> str:
        """Of text files."""
        path = self.connection.removeprefix(f"{FILE}:")
        return path.removeprefix("//")


def first_section(
    instruments: Sequence[FirstInstrument], *, prefix: str, library: Library
) -> str:
    """The section ``instruments``; the answers have been checked.

    Args:
        instruments: as they were told.
        prefix: of all PV names.
        library: the descriptions.
    """
    parts = [_HEAD.format(prefix=prefix)]
    for one in instruments:
        lines = _lines(one, library)
        parts.append("".join(f"    {line}".rstrip() + "\n" for line in lines))
        parts[-1] = f"  {_key(one.name)}:\n{parts[-1]}"
    return "\n".join(parts).replace("instruments:\n\n", "instruments:\n", 1)


def _key(name: str) -> str:
    return json.dumps(name) if name.lower() in _NOT_STRINGS else name


def _lines(one: FirstInstrument, library: Library) -> Iterator[str]:
    """The lines of an instrument."""
    found = library.find(one.model) if one.model else None
    if found is not None:
        yield from _facts(found)
    for key, value in one.settings().items():
        yield f"{key}: {value if key == 'model' else json.dumps(value)}"
    yield "# desc: What it measures"
    if found is None:
        yield "# period: 1 s"
        yield from _examples(one)
    else:
        yield from _additions(found)


def _facts(found: Description) -> Iterator[str]:
    """What is to be known before it is connected."""
    facts = found.facts
    yield from _comment(f"{facts.title} ({facts.vendor}).")
    yield from _comment(f"All of it: daqpv instrument show {found.name}")
    for text in facts.wiring.front_panel:
        yield from _comment(f"At the instrument: {text}")
    for text in facts.dangers[:_MOST_DANGERS]:
        yield from _comment(f"Danger: {text}")


def _additions(found: Description) -> Iterator[str]:
    """Examples of what may be added to a description."""
    channels = _channels(found)
    numbers = [
        key
        for key, one in channels.items()
        if one.type is ChannelType.NUMBER and not one.is_settable
    ]
    settable = [key for key, one in channels.items() if one.is_settable]
    yield "# What stands here adds to the description, or replaces what it says:"
    if numbers:
        yield f"# leave_out: [{numbers[-1]}]"
    yield "# channels:"
    for key in numbers[:1]:
        units = json.dumps(channels[key].units)
        yield f"#   {key}: {{desc: Where it is, units: {units}, high: 10, hihi: 100}}"
    for key in [one for one in settable if channels[one].type is ChannelType.NUMBER][
        :1
    ]:
        yield f"#   {key}: {{min: 0, max: 10}}"
    if not channels:
        yield "#   NAME: {units: mbar, low: 10, high: 900, hihi: 1000}"


def _channels(found: Description) -> dict[str, Channel]:
    """The channels of a description by key; {} if it is wrong."""
    given = {"connection": found.facts.wiring.connections[0], **found.settings}
    try:
        return InstrumentSettings.model_validate(given).channels
    except ValueError:
        return {}


def _examples(one: FirstInstrument) -> Iterable[str]:
    """How channels are read that no description has."""
    settings = one.settings()
    if "file" in settings:
        return _FILES.splitlines()
    scheme = Connection.of(one.connection).scheme
    if driver_kind(scheme).speaks_lines:
        return _LINES.splitlines()
    return _PLACES.replace("AT", _AT.get(scheme, "...")).splitlines()


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(" ".join(text.split()), _WIDTH - 6):
        yield f"# {line}"
