"""The section ``ecc`` of the experiment file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema

from daqpv.config import (
    TIME,
    Conflict,
    DeviceSettings,
    Http,
    Matching,
    Model,
    Ref,
    SshTarget,
    read_by,
)
from daqpv.ecc.codes import Operation
from daqpv.ecc.link import ConfigId
from daqpv.ecc.sending import Deadlines

PORT = 8083
"""Default port of getEccSoapServer."""


class Role(StrEnum):
    """Type of the boards of a server: decides their order in each transition."""

    MUTANT = "mutant"
    MUTANT_SLAVE = "mutant-slave"
    COBO = "cobo"
    ALL = "all"


_PART = r"[!#-%(-.0-;=?-~]{1,120}"  # it goes into file names, and raw into XML
_CONFIG = rf"{_PART}/{_PART}/{_PART}"


def _config(value: Any) -> ConfigId:
    if isinstance(value, ConfigId):
        return value
    if not isinstance(value, str) or not re.fullmatch(_CONFIG, value):
        raise ValueError(value)
    return ConfigId.parse(value)


Config = Annotated[
    ConfigId,
    BeforeValidator(
        read_by(
            _config,
            "describe/prepare/configure: three ASCII names without blanks and quotes, "
            "as in cobo0/e20009/e20009",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_CONFIG}$"}),
]
Sender = Annotated[
    str,
    Matching(
        r"[A-Za-z][A-Za-z0-9]*\[[A-Za-z0-9_.-]+\]",
        "TYPE[INSTANCE], as in CoBo[0] or Mutant[master]",
    ),
]
Timeout = Annotated[float, TIME.within(0.01, 86400)]


class LinkSettings(Model):
    """The data link of one sender."""

    sender: Sender
    """The instance of the describe file: "CoBo[0]", "Mutant[master]"."""

    router: Annotated[str, Ref("routers")]
    """Name of a data router of this file."""


class Timeouts(Model):
    """How long daqpv waits for the end of each operation."""

    describe: Timeout = 60.0
    prepare: Timeout = 180.0
    configure: Timeout = 180.0
    start: Timeout = 30.0
    stop: Timeout = 15.0
    pause: Timeout = 60.0
    resume: Timeout = 60.0
    breakup: Timeout = 60.0
    undo: Timeout = 60.0
    get_state: Timeout = 3.0
    get_configs: Timeout = 10.0
    special: Timeout = 60.0

    def deadlines(self) -> Deadlines:
        """The deadlines of the ECC device."""
        return Deadlines(
            operations={op: getattr(self, op.name.lower()) for op in Operation},
            state=self.get_state,
            configs=self.get_configs,
        )


class EccSettings(DeviceSettings):
    """A GET ECC server, and the boards that it configures."""

    url: Annotated[str, Http(PORT)]
    """Where it listens: http://host[:port]/, port 8083 if none is given."""

    role: Role = Role.ALL
    """Type of its boards: mutant, mutant-slave, cobo, or all. It decides the order of
    the servers."""

    config: Config | None = None
    """The configuration: describe/prepare/configure. It can be chosen later, too."""

    links: tuple[LinkSettings, ...] = ()
    """Where the data of its boards go. A sender may have several routers."""

    timeout: Timeouts = Timeouts()
    """How long daqpv waits for the end of each operation."""

    period: Annotated[float, TIME.within(0.2, 60)] = 1.0
    """Time between two polls of its state."""

    log_path: str = ""
    """The log file of the server process, on its computer: ReadLog and ``daqpv log FILE
    --remote NAME`` read its end over ssh."""

    config_dir: Annotated[
        str,
        Matching(r"((/|~(/|$)).*)?", "an absolute path, or one that begins with ~/"),
    ] = ""
    """Where its configuration files lie: the chosen ones are kept with each run."""

    ssh: SshTarget | None = None
    """Its computer: host, user@host or user@host:port, as ssh takes it. Its log is read
    there, and so are its configuration files, else on this one. The login has to work
    without a password."""

    def deadlines(self) -> Deadlines:
        """The deadlines of its exchanges."""
        return self.timeout.deadlines()

    @classmethod
    def conflicts(cls, devices: Mapping[str, Self]) -> Iterable[Conflict]:
        """Find servers at one address, links given twice, and too many MuTAnTs."""
        first: dict[str, str] = {}
        yield from _too_many(devices, Role.MUTANT, 1)
        yield from _too_many(devices, Role.MUTANT_SLAVE, 2)
        for name, settings in devices.items():
            other = first.setdefault(urlsplit(settings.url).netloc.casefold(), name)
            if other != name:
                text = "is the same server as another one"
                yield Conflict(name, ("url",), text, (other, ("url",)))
            yield from _same_links(name, settings.links)


def _too_many(
    devices: Mapping[str, EccSettings], role: Role, most: int
) -> Iterator[Conflict]:
    """Find servers of a role beyond the `most` that the GET software takes.

    Source: GET software (GetBench), src/get/rc/SystemManager.cpp: one master, at most
    two slaves.
    """
    names = [name for name, settings in devices.items() if settings.role is role]
    for name in names[most:]:
        text = f"is one {role} too many: an experiment has at most {most}"
        yield Conflict(name, ("role",), text, (names[most - 1], ("role",)))


def _same_links(name: str, links: tuple[LinkSettings, ...]) -> Iterator[Conflict]:
    for i, link in enumerate(links):
        if (first := links.index(link)) != i:
            text = "is the same link as another one"
            yield Conflict(name, ("links", i), text, (name, ("links", first)))
