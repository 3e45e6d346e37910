"""The drivers that are installed: daqpv's own, and those of other distributions."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from daqpv.config.problems import unknown
from daqpv.core import Site
from daqpv.core.plugins import guarded
from daqpv.errors import ConfigError, KindError
from daqpv.instruments.driver import Driver, DriverKind
from daqpv.instruments.driver.absent import NoDriver
from daqpv.instruments.driver.connection import Connection
from daqpv.instruments.settings.instrument import InstrumentSettings

GROUP = "daqpv.drivers"
"""The entry point group in which a distribution names its drivers, by scheme."""

FILE = "file"
"""The scheme of instruments that have the key `file`, and no connection."""


def scheme_of(settings: InstrumentSettings) -> str | None:
    """The scheme of an instrument's driver; None: all of its channels are formulas.

    Raises:
        ValueError: the connection is not a URL.
    """
    if settings.file is not None:
        return FILE
    if settings.connection is None:
        return None
    return Connection.of(settings.connection).scheme


@cache
def schemes() -> tuple[str, ...]:
    """All schemes that are installed."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


@cache
def driver_kind(scheme: str) -> DriverKind:
    """The sort of driver for a scheme.

    Raises:
        ConfigError: there is none, or its code cannot be loaded.
    """
    points: list[EntryPoint] = list(entry_points(group=GROUP, name=scheme))
    if not points:
        near = difflib.get_close_matches(scheme, schemes(), n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(schemes())}"
        raise ConfigError(f"no driver for {scheme}:. {hint}")
    with guarded(_called(scheme)):
        kind = points[0].load()
        if not isinstance(kind, DriverKind):
            raise KindError(f"it is a {type(kind).__name__}, not a DriverKind")
    return kind


@cache  # to look at all distributions takes 10 ms, and many instruments have one scheme
def _called(scheme: str) -> str:
    """A driver with its distribution: "driver 'can' of lab-can 0.1"."""
    point, *_ = entry_points(group=GROUP, name=scheme)
    dist = point.dist
    owner = point.value if dist is None else f"{dist.name} {dist.version}"
    return f"driver {scheme!r} of {owner}"


def driver_of(name: str, settings: InstrumentSettings, site: Site) -> Driver:
    """The driver of an instrument, not open.

    Raises:
        ConfigError: a setting cannot be used, there is no such driver, or its extra is
            not installed.
        KindError: the driver's code has failed otherwise.
    """
    try:
        scheme = scheme_of(settings)
        if scheme is None:
            return NoDriver(name)
        return _made(driver_kind(scheme), name, settings, site)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _made(
    kind: DriverKind, name: str, settings: InstrumentSettings, site: Site
) -> Driver:
    """The driver of a kind; ValueError and ConfigError are sentences about a setting.

    Raises:
        KindError: its code has failed otherwise.
    """
    with guarded(f"{_called(kind.scheme)}: make of {name!r}"):
        try:
            return kind.make(name, settings, site)
        except (ValueError, ConfigError) as error:
            problem = error
    raise problem


def missing(kind: DriverKind) -> str | None:
    """What to install before a driver can be used; None: nothing."""
    if not kind.library or find_spec(kind.library) is not None:
        return None
    return (
        f"{kind.scheme}: needs {kind.library}: pip install 'daqpv[{kind.extra}]' in "
        "daqpv's virtual environment"
    )


def place_of(kind: DriverKind, at: object) -> Any:
    """A channel's `at`, as its driver's model.

    Raises:
        ValueError: it is not valid; a sentence.
    """
    if kind.at is None:
        if at is not None:
            raise ValueError(f"channels of {kind.scheme}: have no `at`")
        return None
    try:
        return TypeAdapter(kind.at).validate_python(at)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"] if isinstance(part, str))
        if problem["type"] == "extra_forbidden":
            raise ValueError(f"{key}: {unknown(key, _keys(kind.at))}") from None
        raise ValueError(
            f"{key}: {problem['msg']}" if key else problem["msg"]
        ) from None


def _keys(at: Any) -> list[str]:
    """The keys of a type of places, if it is a model, maybe an annotated one."""
    if isinstance(at, type) and issubclass(at, BaseModel):
        return list(at.model_fields)
    return [key for part in get_args(at) for key in _keys(part)]
