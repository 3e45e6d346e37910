"""A kind of device: its section of the experiment file, and how a device is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from daqpv import __version__
from daqpv.config.fixed import FIXED
from daqpv.config.model import DeviceSettings, Model
from daqpv.core.records.kind import RecordKind
from daqpv.core.site import DevicePvs, RemoteView, Site
from daqpv.core.stage import Simulated, Stage

M = TypeVar("M", bound=Model)
DeviceT = TypeVar("DeviceT")

VERSION = 1
"""Of `daqpv.api`: a kind says for which it is written."""

Build: TypeAlias = Callable[[str, M, Site], tuple[DeviceT, DevicePvs]]
Remote: TypeAlias = Callable[[str, M, Site], RemoteView]
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
        settings: what the section holds; DeviceSettings if it holds named devices.
        build: makes a device and its group of ``(name, settings, site)``; None: the
            entries of the section are only referred to by others.
        is_served: whether a device with these settings is built at all.
        many: whether the section maps names to settings, or is the one settings.
        follows: a section whose devices make this kind be there with its default
            settings, even if the file has no section for it; only without `many`.
        always: it is there with its default settings whatever the file says, in the
            one process that has no `only` or names it; only without `many`.
        after: sections of kinds whose devices are built before (`Site.find`).
        provides: the protocols that its devices fulfil (`Site.find`).
        remote: makes a view of a device that another process serves, of
            ``(name, settings, site)``; None: it is not seen.
        known_by: the level of its PV names and a signal that each device has:
            ``("ECC", "State")``. Other processes that serve them are found by it.
        simulate: makes the simulators of its devices, of their settings by name and
            the stage; None, or if it makes None: nothing of it is simulated.
        commands: of ``daqpv`` itself, by name: where each click command is,
            ``"lab_gauge.cli:zero"``; imported when it is named.
        per_host: whether each computer has its own settings, so that the files of
            processes may differ there.
        records: what its devices give to the store (`Site.store`).
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
    """A kind as sentences name it: "kind `gauges` of lab-gauge 0.1"."""
    return f"kind `{section}` of {distribution or f'daqpv {__version__}'}"


AnyKind: TypeAlias = Kind[Any, Any]
