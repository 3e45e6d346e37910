"""The section ``routers`` of the experiment file."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, model_validator

from daqpv.config import (
    TIME,
    Conflict,
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


_ABSOLUTE = Matching(r"(/|~(/|$)).*", "an absolute path, or one that begins with ~/")


class Watch(Model):
    """How daqpv polls a router: by ssh, page, page and ssh, or directory."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["ssh"], "not": {"required": ["directory"]}},
                {"required": ["page"], "not": {"required": ["directory"]}},
                {"required": ["directory"], "maxProperties": 1},
            ]
        }
    )

    ssh: SshTarget | None = None
    """Log in to its computer: host, user@host or user@host:port, as ssh takes it. It
    has to work without a password, and with a host key that is known."""

    page: Annotated[str, Http()] | None = None
    """Read the surveyor's page: http://host[:port]/path. Files are moved over ssh, if
    that is given as well."""

    directory: Annotated[str, _ABSOLUTE] | None = None
    """Read a directory of this computer: an absolute path."""

    staging: Annotated[str, _ABSOLUTE] | None = None
    """With ssh alone: where the router writes, on its computer. Default: the working
    directory of its dataRouter process."""

    def place(self, port: int) -> tuple[object, ...]:
        """The polled place of a router with this `port`; equal for the same files."""
        if self.page:
            return ("page", self.page)
        if self.ssh:
            if self.staging:
                return ("ssh", self.ssh, posixpath.normpath(self.staging))
            return ("ssh", self.ssh, port)
        return ("directory", posixpath.normpath(self.directory or ""))

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in ("ssh", "page", "directory") if getattr(self, name)]
        if ways not in (["ssh"], ["page"], ["ssh", "page"], ["directory"]):
            found = " and ".join(ways) or "nothing"
            raise wanted(f"one of ssh, page, page and ssh, directory, not {found}")
        if self.staging and ways != ["ssh"]:
            raise wanted("staging beside ssh alone: the others say it themselves")
        return self


class RouterSettings(DeviceSettings):
    """A data router: its address for the boards, and how daqpv polls it."""

    address: IPv4
    """IPv4 address: the boards take no name."""

    port: Port = 46005
    """TCP port for data."""

    type: RouterType = RouterType.TCP
    """How boards send to it: ICE, TCP, ZBUF or FDT."""

    watch: Watch | None = None
    """How daqpv polls its files and disk: ssh, page or directory. Without it the router
    is only the end of data links."""

    period: Annotated[float, TIME.within(0.2, 3600)] = 2.0
    """Time between two polls."""

    log_path: str = ""
    """The log file of dataRouter, on its computer: ReadLog and ``daqpv log FILE
    --remote NAME`` read its end over the watch's ssh."""

    timeout: Annotated[float, TIME.within(0.5, 600)] = 10.0
    """Longest time of a poll."""

    @classmethod
    def conflicts(cls, devices: Mapping[str, Self]) -> Iterable[Conflict]:
        """Find routers with the same files, which would be counted twice."""
        first: dict[tuple[object, ...], str] = {}
        for name, settings in devices.items():
            if settings.watch is None:
                continue
            other = first.setdefault(settings.watch.place(settings.port), name)
            if other != name:
                text = "polls the same files as another one"
                yield Conflict(name, ("watch",), text, (other, ("watch",)))
