"""The base class of everything with PVs: its snapshot, watchers and events."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any, Generic, NamedTuple, Required, TypedDict, TypeVar

from daqpv.core.devices.snapshot import Snapshot
from daqpv.core.events.bus import Events
from daqpv.core.events.event import (
    STORM,
    Event,
    EventSeverity,
    Folding,
    Origin,
    caller,
    origin,
    reported,
)
from daqpv.core.timing.clock import CLOCK, Clock, stamp_after

_log = logging.getLogger(__name__)

_PLAIN = frozenset((int, bool, str))

S = TypeVar("S", bound=Snapshot)
Show = Callable[[S, Collection[str]], None]


class Surroundings(TypedDict, total=False):
    """The keyword arguments of `Shown`, which classes derived from it pass on."""

    events: Required[Events]
    prefix: str
    clock: Clock


class _Watcher(NamedTuple, Generic[S]):
    """Who is shown changes, and of which fields; None: of all."""

    show: Show[S]
    only: frozenset[str] | None


class Shown(Generic[S]):
    """Anything with PVs of its own: its present snapshot, and its events.

    Args:
        name: unique among its kind.
        snapshot: the initial one.
        events: where events go.
        prefix: of its PVs, for its events, and for the cures in its sentences.
        clock: gives all its times.

    Attributes:
        name: as above.
        prefix: as above.
        snapshot: the present one.
        clock: as above.
    """

    def __init__(
        self,
        name: str,
        snapshot: S,
        *,
        events: Events,
        prefix: str = "",
        clock: Clock = CLOCK,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.clock = clock
        self.snapshot = (
            snapshot if snapshot.time else replace(snapshot, time=clock.time())
        )
        self._field_names = tuple(field.name for field in fields(snapshot))
        self._has_slots = vars(snapshot).keys() != set(self._field_names)
        self._events = events
        self._watchers: list[_Watcher[S]] = []

    def watch(self, show: Show[S], *, only: Collection[str] | None = None) -> None:
        """Call `show(snapshot, fields)` now with all fields, and then per change.

        An observation that changed nothing calls it with no fields: only the time
        of the snapshot has moved. A watcher that raises is logged and dropped.

        Args:
            show: the watcher.
            only: fields; it is called when one of them has changed. Default: at each
                change and observation.
        """
        wanted = None if only is None else frozenset(only)
        self._watchers.append(_Watcher(show, wanted))
        self._show(self._watchers[-1], frozenset(self.snapshot.__dataclass_fields__))

    def change(self, snapshot: S, *, at: float | None = None) -> None:
        """Replace the snapshot, and show the new one to all watchers.

        ::

            self.change(replace(self.snapshot, speed=3.0))

        Fields that are equal drop out. If none is left, nothing happens, unless `at`
        says that the device was observed: then the snapshot's time moves.

        Time stamps rise, and are never more than a second ahead of our clock, not
        even by `at`, which may come from another computer, whose clock is wrong.

        Args:
            snapshot: the new one; its time does not count.
            at: when the device was observed, UTC [s since 1970]. Default: now; so it is
                if `at` is before the last stamp, or far ahead.
        """
        self._become(self._changed(snapshot), at)

    def update(self, changes: Mapping[str, object], *, at: float | None = None) -> None:
        """The same as `change`, for what changes a thousand times per second.

        It takes a fifth of the time, and mypy does not check the fields.

        Args:
            changes: the new values of some fields.
            at: as of `change`.
        """
        old, moved = self.snapshot, {}
        for name, now in changes.items():
            before = getattr(old, name)
            if before is not now and not _same(before, now):
                moved[name] = now
        self._become(moved, at)

    def _become(self, fields: dict[str, object], at: float | None) -> None:
        """Show the snapshot with `fields`, which differ."""
        if not fields and at is None:
            return
        stamp = stamp_after(self.snapshot.time, at, now=self.clock.time())
        self.snapshot = self._with({**fields, "time": stamp})
        names = fields.keys()
        for watcher in tuple(self._watchers):
            if watcher.only is None or not watcher.only.isdisjoint(names):
                self._show(watcher, names)

    def _changed(self, new: S) -> dict[str, object]:
        """The fields of `new` that differ from what is known, but for the time."""
        old, changed = self.snapshot, {}
        for name in self._field_names:
            before, now = getattr(old, name), getattr(new, name)
            if before is not now and name != "time" and not _same(before, now):
                changed[name] = now
        return changed

    def _with(self, changes: dict[str, Any]) -> S:
        """The snapshot with `changes`, as `replace` makes it, in a tenth of the time.

        Only where the fields are all that it has: slots are set one by one, and what a
        snapshot has computed of its fields must not go over to the next one.
        """
        old = self.snapshot
        known = vars(old)
        if self._has_slots or len(known) != len(self._field_names):
            return replace(old, **changes)
        new = object.__new__(type(old))
        object.__setattr__(new, "__dict__", known | changes)  # it is frozen
        return new

    def _show(self, watcher: _Watcher[S], fields: Collection[str]) -> None:
        if watcher not in self._watchers:  # dropped by a change made by a watcher
            return
        try:
            watcher.show(self.snapshot, fields)
        except Exception:  # a watcher is a plugin: only this one is dropped
            _log.exception("%s: a watcher failed and is dropped", self.name)
            with suppress(ValueError):
                self._watchers.remove(watcher)

    def emit(
        self,
        name: str,
        text: str,
        *,
        severity: EventSeverity = EventSeverity.INFORMATION,
        by: Origin | None = None,
        folding: Folding = STORM,
        **facts: object,
    ) -> None:
        """Emit an event of this device, on behalf of `by`, else of the running put."""
        names = reported.get()
        if names is not None:
            names.add(name)
        event = Event(
            time=self.clock.time(),
            severity=severity,
            name=name,
            text=text,
            device=self.prefix or self.name,
            fields=facts,
            origin=by or origin.get(),
            function=caller(),
        )
        self._events.emit(event, folding)

    def crashed(self, text: str) -> None:
        """Show that its own code has failed.

        Args:
            text: a sentence.
        """
        self.change(replace(self.snapshot, message=text))

    async def run(self) -> None:
        """Follow the source of the snapshot until cancelled."""
        raise NotImplementedError


def _same(old: object, new: object) -> bool:
    if type(old) is type(new) and type(new) in _PLAIN:  # the fastest test
        return old == new
    numpy = sys.modules.get("numpy")  # its import is slow; arrays have loaded it
    if numpy and (isinstance(old, numpy.ndarray) or isinstance(new, numpy.ndarray)):
        return _same_array(old, new)
    if isinstance(old, float) and isinstance(new, float) and math.isnan(new):
        return math.isnan(old)
    return bool(old == new)


def _same_array(old: object, new: object) -> bool:
    import numpy as np  # noqa: PLC0415 - loaded already, see above

    if not (isinstance(old, np.ndarray) and isinstance(new, np.ndarray)):
        return False
    numbers = old.dtype.kind in "fc" and new.dtype.kind in "fc"
    return old.dtype == new.dtype and np.array_equal(old, new, equal_nan=numbers)
