"""The section ``instruments`` of the experiment file, with all of its checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

from daqpv.config import Conflict
from daqpv.instruments.section.checks import conflicts
from daqpv.instruments.settings.instrument import InstrumentSettings

LEVEL = "Inst"
"""The level of instruments in PV names."""


class InstrumentSection(InstrumentSettings):
    """An instrument of the file: how it is reached, how it speaks, its channels."""

    @classmethod
    def conflicts(cls, devices: Mapping[str, Self]) -> Iterable[Conflict]:
        """Find what cannot be together in each instrument, and between them."""
        return conflicts(devices)
