"""What the experiment file says of a data router."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, model_validator

from daqpv.config import (
    TIME,
    DeviceSettings,
    Http,
    IPv4,
    Matching,
    Model,
    Port,
    SshTarget,
    wanted,
)


class RouterType(StrEnum):
    """How boards send to a router; the ECC server knows exactly these spellings.

    Source: GET software (GetBench), src/get/daq/DaqCtrlNodeI.cpp.
    """

    ICE = "ICE"
    TCP = "TCP"
    ZBUF = "ZBUF"  # TCP with zero copy
    FDT = "FDT"  # with heart beats, for Narval


class Watch(Model):
    """How daqpv looks at what a router does: exactly one of these."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    ssh: SshTarget | None = None
    """Log in to its computer: user@host or user@host:port."""

    page: Annotated[str, Http()] | None = None
    """Read the surveyor's page: http://host[:port]/path."""

    directory: Annotated[str, Matching("/.*", "an absolute path")] | None = None
    """Look into a directory of this computer: an absolute path."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        ways = [name for name in type(self).model_fields if getattr(self, name)]
        if len(ways) != 1:
            found = " and ".join(ways) or "nothing"
            raise wanted(f"one of ssh, page, directory, not {found}")
        return self


class RouterSettings(DeviceSettings):
    """A data router, as the boards reach it, and how daqpv looks at it."""

    address: IPv4
    """IPv4 address: the boards take no name."""

    port: Port = 46005
    """TCP port for data."""

    type: RouterType = RouterType.TCP
    """How boards send to it: ICE, TCP, ZBUF or FDT."""

    watch: Watch | None = None
    """How daqpv looks at its files and disk: ssh, page or directory."""

    period: Annotated[float, TIME.within(0.2, 3600)] = 2.0
    """Time between two looks at it."""
