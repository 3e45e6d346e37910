"""Reads the section ``log`` of the experiment file."""

from __future__ import annotations

from typing import Annotated

from daqpv.config import TIME, LocalPath, Model

_DAY, _YEAR = 86_400.0, 31_557_600.0  # [s]


class LogSettings(Model):
    """The log of daqpv."""

    file: LocalPath | None = None
    """The plain file. A relative path starts at the folder of the experiment file.
    Default: EXPERIMENT.log in the folder of the experiment file."""

    keep: Annotated[float, TIME.within(_DAY, 100 * _YEAR)] = 2 * _YEAR
    """Age at which events are deleted from the store."""
