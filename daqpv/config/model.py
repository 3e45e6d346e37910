"""Base classes of the settings of all kinds of device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from daqpv.config.fields import Description
from daqpv.config.units import TIME

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,23}")
"""The pattern of a device's name."""


class Model(BaseModel):
    """Settings: they cannot be changed, and unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,  # a value may be a secret
        use_attribute_docstrings=True,
        defer_build=True,  # most sections are not in a file: their models are not built
    )


class Conflict(NamedTuple):
    """Two settings that are valid alone, but not together.

    Attributes:
        name: the device at which it is reported.
        key: of the value in that device: ``("links", 1, "router")``; () is the device
            itself.
        text: the error, in a sentence without values, which may be secrets.
        other: the device and key with which it conflicts; its place in the file is
            added to the text.
    """

    name: str
    key: tuple[str | int, ...]
    text: str
    other: tuple[str, tuple[str | int, ...]] | None = None


class DeviceSettings(Model):
    """The settings that every named device has; a kind adds its own."""

    desc: Description = ""
    """What the device is: the DESC field of its records, at most 40 bytes."""

    enable: bool = True
    """False: it is not polled, and takes no part in system commands."""

    period: Annotated[float, TIME.within(0.01, 86400)] = 1.0
    """Time between two polls [s]."""

    @classmethod
    def conflicts(cls, devices: Mapping[str, Self]) -> Iterable[Conflict]:
        """Find conflicts between the devices of the section, or inside one."""
        return ()
