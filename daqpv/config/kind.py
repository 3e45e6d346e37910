"""Kinds of devices, and how they are found: entry points, ours as well as others'."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from daqpv.config.fixed import FIXED
from daqpv.config.model import DeviceSettings, Model
from daqpv.core.records.kind import RecordKind
from daqpv.errors import INSTALL_AGAIN, ConfigError

M = TypeVar("M", bound=Model)

GROUP = "daqpv.iocs"
"""The entry point group in which a distribution names its kinds."""

OWN = ("archive", "ecc", "log", "routers", "run", "system")
"""The sections of daqpv's own kinds: without one of them it cannot work."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """A device type, and its section in the experiment file.

    Attributes:
        section: key of the section, a lower case word: ``ecc``.
        settings: what the section holds; DeviceSettings if it holds named devices.
        build: makes device and group of ``(name, settings, site)``, or None for one
            that is only referred to; None if the whole section is.
        many: whether the section maps names to settings, or is the one settings.
        follows: a section whose devices make this kind be there with its default
            settings, even if the file has no section for it; only without `many`.
        always: it is there with its default settings whatever the file says, in the
            one process that has no `only` or names it; only without `many`.
        after: sections of kinds whose devices are built before (`Site.local`).
        records: what its devices give to the store (`Site.store`).
    """

    section: str
    settings: type[M]
    build: Callable[..., Any] | None = None
    many: bool = True
    follows: str = ""
    always: bool = False
    after: tuple[str, ...] = ()
    records: Sequence[RecordKind[Any]] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.section) or self.section in FIXED:
            raise ValueError(f"no kind may have the section {self.section!r}")
        base = DeviceSettings if self.many else Model
        if not (isinstance(self.settings, type) and issubclass(self.settings, base)):
            raise TypeError(f"{self.section}: settings must be a {base.__name__}")
        if (self.follows or self.always) and self.many:
            raise ValueError(f"{self.section}: only the file can give devices names")


def installed_kinds() -> tuple[Kind[Any], ...]:
    """Load every kind that an installed distribution offers, sorted by section.

    Raises:
        ConfigError: one cannot be loaded, is no Kind, or takes another one's section;
            one of daqpv's own is missing.
    """
    kinds: dict[str, Kind[Any]] = {}
    owners: dict[str, str] = {}
    for point in _points():
        kind, owner = _load(point), _owner(point)
        if kind.section in kinds:
            raise ConfigError(
                f"{owner} and {owners[kind.section]} both serve the section "
                f"{kind.section!r}: uninstall one"
            )
        kinds[kind.section], owners[kind.section] = kind, owner
    if missing := [section for section in OWN if section not in kinds]:
        raise ConfigError(f"No kind for {', '.join(missing)}. {INSTALL_AGAIN}")
    return tuple(kinds[section] for section in sorted(kinds))


def _points() -> Iterable[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda p: (_owner(p), p.name))


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _load(point: EntryPoint) -> Kind[Any]:
    place = f"{_owner(point)}: the kind {point.name!r} ({point.value})"
    try:
        kind = point.load()
    except Exception as error:  # a plugin's border: whatever its import raises
        reason = f"{type(error).__name__}: {error}"
        own = point.dist is not None and point.dist.name == "daqpv"
        cure = INSTALL_AGAIN if own else "Repair or uninstall it"
        raise ConfigError(f"{place} cannot be loaded: {reason}. {cure}") from error
    if not isinstance(kind, Kind):
        raise ConfigError(f"{place} is a {type(kind).__name__}, not a Kind")
    return kind
