"""Builds devices by their kinds, and checks those of third parties."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeAlias

from daqpv.app.site import ExperimentSite
from daqpv.config import AnyKind
from daqpv.core import (
    Commanded,
    CommandSnapshot,
    Device,
    DeviceSnapshot,
    Shown,
    Snapshot,
)
from daqpv.core.plugins import guarded
from daqpv.errors import KindError
from daqpv.serve import Group

Made: TypeAlias = tuple[Shown[Any], Group[Any]]


@contextmanager
def building(kind: AnyKind, name: str) -> Iterator[None]:
    """Turn any exception of a third party's code into a KindError.

    Raises:
        KindError: its text names kind, distribution and device.
    """
    what = f"{kind}: build of {name!r}" if name else f"{kind}: build"
    with guarded(what) if kind.distribution else nullcontext():
        yield


def packages(kinds: Iterable[AnyKind]) -> dict[str, str]:
    """The top-level packages of third parties, and their kinds."""
    return {
        str(module).partition(".")[0]: str(kind)
        for kind in kinds
        if kind.distribution
        for part in (kind.settings, kind.build)
        if (module := getattr(part, "__module__", "daqpv"))
        if not str(module).startswith("daqpv.")
    }


def build(kind: AnyKind, name: str, settings: Any, site: ExperimentSite) -> list[Made]:
    """Build a device and the further devices that its kind adds; the device is first.

    Raises:
        ServeError: it cannot be served with the settings of the file.
        KindError: the kind returned no device, or one that cannot be served.
    """
    assert kind.build is not None
    site.also.clear()
    made = kind.build(name, settings, site)
    return [_checked(one) for one in (made, *site.also)]


def _checked(made: object) -> Made:
    if not isinstance(made, tuple) or len(made) != 2:
        raise KindError(f"it returns {_a(made)}; wanted is a device and its group")
    device, group = made
    if wrong := _wrong_device(device) or _wrong_group(device, group):
        raise KindError(wrong)
    return device, group


def _wrong_device(device: object) -> str:
    if not isinstance(device, Shown):
        return f"it returns {_a(device)}; wanted is a Device"
    if not hasattr(device, "snapshot"):
        return f"{_a(device)} has no snapshot: does its __init__ call super().__init__?"
    run = type(device).run
    if run is Shown.run or not inspect.iscoroutinefunction(run):
        return f"{_a(device)} has no `async def run(self)`"
    return _wrong_snapshot(device.snapshot, _wanted(device))


def _wanted(device: Shown[Any]) -> type[Snapshot]:
    """The class that its snapshot must have."""
    if isinstance(device, Device):
        return DeviceSnapshot
    return CommandSnapshot if isinstance(device, Commanded) else Snapshot


def _wrong_snapshot(snapshot: object, base: type[Snapshot]) -> str:
    kind = type(snapshot)
    if not isinstance(snapshot, base):
        return f"the snapshot is {_a(snapshot)}, not a {base.__name__}"
    if "__dataclass_fields__" not in vars(kind):
        wrong = "is no dataclass"
    elif not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined] # not public
        wrong = "can be changed"
    else:
        return ""
    wanted = "@dataclass(frozen=True, slots=True, kw_only=True)"
    return f"the snapshot {kind.__name__} {wrong}; wanted is {wanted}"


def _wrong_group(device: object, group: object) -> str:
    if not isinstance(group, Group):
        return f"it returns {_a(group)} beside the device; wanted is a Group"
    if group.device is not device:
        return f"{_a(group)} is the group of another device"
    return ""


def _a(thing: object) -> str:
    return "None" if thing is None else f"a {type(thing).__name__}"
