"""Kinds that no distribution installs: config knows no kind by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from daqpv.config import (
    TIME,
    AnyKind,
    Bytes,
    Conflict,
    DeviceSettings,
    Experiment,
    Http,
    IPv4,
    Kind,
    LocalPath,
    Matching,
    Model,
    Port,
    Ref,
)


class Gas(StrEnum):
    HELIUM = "helium"
    ARGON = "argon"


class Limits(Model):
    low: float = 0.0
    high: float = 10.0

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self


class Belt(Model):
    type: Literal["belt"]
    length: float


class Gear(Model):
    type: Literal["gear"]
    teeth: int = Field(default=20, alias="cogs")


class Line(Model):
    tank: Annotated[str, Ref("tanks")]
    valve: int


class PumpSettings(DeviceSettings):
    """A pump."""

    url: Annotated[str, Http(8000)]
    gas: Gas = Gas.HELIUM
    lines: tuple[Line, ...] = ()
    limits: Limits = Limits()
    fill: Bytes = 0.0
    file: LocalPath | None = None
    code: Annotated[str, Matching("[a-z]+", "lower case letters")] = "a"
    level: float | Gas = 0.0
    spare: Annotated[str, Ref("tanks")] | None = None
    drive: Annotated[Belt | Gear, Field(discriminator="type")] | None = None
    period: Annotated[float, TIME.within(0.2, 60)] = 1.0

    @classmethod
    def conflicts(cls, devices: Mapping[str, Self]) -> Iterable[Conflict]:
        first: dict[str, str] = {}
        for name, settings in devices.items():
            other = first.setdefault(settings.url, name)
            if other != name:
                yield Conflict(name, ("url",), "is taken", (other, ("url",)))
            for i, line in enumerate(settings.lines):
                if line.valve < 0:
                    yield Conflict(name, ("lines", i, "valve"), "has no such valve")


class TankSettings(DeviceSettings):
    """A tank."""

    address: IPv4 = "10.0.0.1"
    port: Port = 502

    @classmethod
    def conflicts(cls, devices: Mapping[str, Self]) -> Iterable[Conflict]:
        for name, settings in devices.items():
            if settings.port == 13 and not settings.desc:
                yield Conflict(name, ("desc",), "port 13 wants a description")


class PlantSettings(Model):
    """What is there once."""

    owner: str


PUMPS: Kind[PumpSettings, Any] = Kind("pumps", PumpSettings)
TANKS: Kind[TankSettings, Any] = Kind("tanks", TankSettings)
PLANT: Kind[PlantSettings, Any] = Kind("plant", PlantSettings, many=False)
Kinds = tuple[AnyKind, ...]
KINDS: Kinds = (PUMPS, TANKS, PLANT)

HEAD = "experiment: e1\nprefix: 'AT:'\n"


Write = Callable[..., Path]
Load = Callable[..., Experiment]
Wrong = Callable[..., list[str]]
