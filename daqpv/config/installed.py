"""Loads the kinds of device of all installed distributions, daqpv's own and others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

from daqpv.config.kind import VERSION, AnyKind, Kind, called
from daqpv.core.plugins import guarded
from daqpv.errors import INSTALL_AGAIN, ConfigError, KindError

GROUP = "daqpv.iocs"
"""The entry point group in which a distribution names its kinds."""

OWN = ("archive", "ecc", "instruments", "log", "routers", "run", "system")
"""The sections of daqpv's own kinds: without one of them it cannot work."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The installed kinds.

    Attributes:
        kinds: the kinds that can be used, sorted by section.
        faults: why other kinds cannot be used, by section: sentences.
    """

    kinds: tuple[AnyKind, ...]
    faults: dict[str, str]


def installed_kinds() -> Installed:
    """Load every kind that an installed distribution offers.

    Raises:
        ConfigError: one of daqpv's own is missing or cannot be loaded.
    """
    kinds: dict[str, AnyKind] = {}
    faults: dict[str, str] = {}
    for section, points in _sections():
        try:
            kinds[section] = _only(section, points)
        except KindError as error:
            if section in OWN:
                raise
            faults[section] = str(error)
    if missing := [section for section in OWN if section not in kinds]:
        raise ConfigError(f"No kind for {', '.join(missing)}. {INSTALL_AGAIN}")
    return Installed(tuple(kinds[section] for section in sorted(kinds)), faults)


def _sections() -> Iterator[tuple[str, list[EntryPoint]]]:
    points: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=GROUP), key=_owner):
        points.setdefault(point.name, []).append(point)
    yield from points.items()


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _only(section: str, points: Iterable[EntryPoint]) -> AnyKind:
    """Load the kind of `section`.

    Raises:
        KindError: several distributions have one, or it cannot be used.
    """
    first, *others = points
    if others:
        owners = " and ".join(_owner(point) for point in (first, *others))
        raise KindError(f"{owners} both serve the section {section!r}: uninstall one")
    is_own = first.dist is not None and first.dist.name == "daqpv"
    cure = INSTALL_AGAIN if is_own else "Repair or uninstall it"
    what = called(section, _owner(first))
    try:
        with guarded(what):
            kind = _checked(section, first.load())
            if not is_own:  # ours are built when they are used, and can be
                kind.settings.model_rebuild()
            return replace(kind, distribution="" if is_own else _owner(first))
    except KindError as error:
        raise KindError(f"{error}. {cure}") from error


def _checked(section: str, kind: object) -> AnyKind:
    """Refuse an object that is not a Kind, or that this daqpv cannot use."""
    if not isinstance(kind, Kind):
        raise KindError(f"it is a {type(kind).__name__}, not a Kind")
    if kind.section != section:
        raise KindError(
            f"its section is {kind.section!r}, and the entry point must have "
            "the same name"
        )
    if not isinstance(kind.api, int) or kind.api < 1:
        raise KindError(
            f"it does not say for which version of daqpv.api it is written; "
            f"wanted is Kind(api={VERSION}, ...)"
        )
    if kind.api > VERSION:
        raise KindError(
            f"it is written for version {kind.api} of daqpv.api, and this "
            f"daqpv has version {VERSION}: update daqpv"
        )
    if not (kind.build is None or callable(kind.build)):
        raise KindError(f"its build is a {type(kind.build).__name__}")
    return kind
