"""Describes a kind of device: its section of the file, and how devices are built."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from daqpv import __version__
from daqpv.config.fixed import FIXED
from daqpv.config.model import DeviceSettings, Model
from daqpv.core.finding import Examination, Finding
from daqpv.core.records.kind import RecordKind
from daqpv.core.site import DevicePvs, RemoteView, Site
from daqpv.core.stage import Simulated, Stage

M = TypeVar("M", bound=Model)
DeviceT = TypeVar("DeviceT")

VERSION = 1
"""Version of `daqpv.api`: a kind states the version for which it is written."""

Build: TypeAlias = Callable[[str, M, Site], tuple[DeviceT, DevicePvs]]
Remote: TypeAlias = Callable[[str, M, Site], RemoteView]
Examine: TypeAlias = Callable[[str, M, Site, Examination], AsyncIterator[Finding]]
Simulate: TypeAlias = Callable[[Mapping[str, M], Stage], Simulated | None]


def _always(settings: Model) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Kind(Generic[M, DeviceT]):
    """A device type, and its section in the experiment file.

    Attributes:
        section: key of the section, a lower case word: ``ecc``. The entry point has
            this name, too.
        api: the version of daqpv.api for which it is written.
        settings: the model of the section, or of each device if it has named devices
            (then a DeviceSettings).
        build: makes a device and its group from ``(name, settings, site)``; None: the
            section has no devices, and other sections refer to its entries.
        is_served: whether a device with these settings is built.
        many: True: the section maps names to settings; False: it is the settings of
            one device.
        follows: the file may leave out this section: the device exists with default
            settings if the section named here has devices; only without `many`.
        always: the file may leave out this section: the device always exists, in the
            process without ``--only``, or whose ``--only`` names it; only without
            `many`.
        after: sections of kinds whose devices are built before (`Site.find`).
        provides: the protocols that its devices fulfil (`Site.find`).
        remote: makes a view of a device that another process serves, from
            ``(name, settings, site)``; None: this process does not follow it.
        known_by: the level of its PV names and a signal that each device has:
            ``("ECC", "State")``. A search for this PV finds other processes that
            serve the device.
        simulate: makes the simulators of its devices, from their settings by name and
            the stage; None, or if it returns None: they are not simulated.
        examine: examines a device without serving it, from ``(name, settings, site,
            examination)``: an async generator of what it finds, step by step. None:
            ``daqpv doctor`` leaves it out.
        commands: further commands of ``daqpv``, by name: the place of each click
            command, ``"lab_gauge.cli:zero"``; it is imported when it is used.
        per_host: whether each computer has its own settings, so that the files of
            processes may differ there.
        records: the records that its devices write to the store (`Site.store`).
        distribution: name and version of the distribution that has it; "" for
            daqpv's own. Set when it is loaded.
    """

    section: str
    settings: type[M]
    _: KW_ONLY
    api: int = 0
    build: Build[M, DeviceT] | None = None
    is_served: Callable[[M], bool] = _always
    many: bool = True
    follows: str = ""
    always: bool = False
    after: tuple[str, ...] = ()
    provides: tuple[type[Any], ...] = ()
    remote: Remote[M] | None = None
    known_by: tuple[str, str] | None = None
    simulate: Simulate[M] | None = None
    examine: Examine[M] | None = None
    commands: Mapping[str, str] = field(default_factory=dict)
    per_host: bool = False
    records: Sequence[RecordKind[Any]] = ()
    distribution: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.section) or self.section in FIXED:
            raise ValueError(f"no kind may have the section {self.section!r}")
        base = DeviceSettings if self.many else Model
        if not (isinstance(self.settings, type) and issubclass(self.settings, base)):
            raise TypeError(f"{self.section}: settings must be a {base.__name__}")
        if (self.follows or self.always) and self.many:
            raise ValueError(f"{self.section}: only the file can give devices names")

    def __str__(self) -> str:
        return called(self.section, self.distribution)


def called(section: str, distribution: str = "") -> str:
    """The name of a kind in messages: "kind `gauges` of lab-gauge 0.1"."""
    return f"kind `{section}` of {distribution or f'daqpv {__version__}'}"


AnyKind: TypeAlias = Kind[Any, Any]
