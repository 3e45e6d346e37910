"""What the settings of every kind are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from daqpv.config.fields import Description
from daqpv.config.units import TIME

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,23}")
"""What a device may be called."""


class Model(BaseModel):
    """Settings: never changed, and what they do not know is refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,  # a value may be a secret
        use_attribute_docstrings=True,
    )


class Conflict(NamedTuple):
    """Two settings that are good by themselves, and not together.

    Attributes:
        name: the device at which it is reported.
        key: the way to the value from there: ``("links", 1, "router")``; () is the
            device itself.
        text: what is wrong, in a sentence; it shows no value, for that may be a secret.
        other: the device, and the key there, which it collides with; its place in the
            file is added to the text.
    """

    name: str
    key: tuple[str | int, ...]
    text: str
    other: tuple[str, tuple[str | int, ...]] | None = None


class DeviceSettings(Model):
    """What every named device has; a kind adds its own."""

    desc: Description = ""
    """What it is, for people: the DESC field of its records, at most 40 bytes."""

    enable: bool = True
    """False: it is not polled, and takes no part in system commands."""

    period: Annotated[float, TIME.within(0.01, 86400)] = 1.0
    """Time between two looks at it [s]."""

    @classmethod
    def conflicts(cls, devices: Mapping[str, Self]) -> Iterable[Conflict]:
        """Find what is wrong between the devices of the section, or inside one."""
        return ()
