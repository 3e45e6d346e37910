"""The settings of instruments: the keys of their section, and of descriptions."""

from daqpv.instruments.settings.channel import (
    Bit,
    Channel,
    ChannelType,
    Level,
    State,
    StatusWord,
    Word,
)
from daqpv.instruments.settings.described import library
from daqpv.instruments.settings.files import Columns, Files
from daqpv.instruments.settings.instrument import InstrumentSettings, SetGroup
from daqpv.instruments.settings.simulator import Rule, Simulator
from daqpv.instruments.settings.table import Table
from daqpv.instruments.settings.talk import Acknowledge, Ask, Talk

__all__ = [
    "Acknowledge",
    "Ask",
    "Bit",
    "Channel",
    "ChannelType",
    "Columns",
    "Files",
    "InstrumentSettings",
    "Level",
    "Rule",
    "SetGroup",
    "Simulator",
    "State",
    "StatusWord",
    "Table",
    "Talk",
    "Word",
    "library",
]
