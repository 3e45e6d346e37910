"""Keeps the state of devices, and restores it after a restart.

Operators choose settings (daqpv.core.devices.saved), and the file may overrule them.
The state of a device is independent of the file: an open run, files yet to be moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from daqpv.core.as_json import form_of
from daqpv.core.devices.places import Places
from daqpv.core.devices.snapshot import Snapshot
from daqpv.core.events.bus import Events
from daqpv.core.events.event import EventSeverity
from daqpv.core.names import Names
from daqpv.core.store import DeviceState, Setting
from daqpv.errors import ServeError, sentence

S = TypeVar("S", bound=Snapshot)

Key = tuple[str, str]  # device and field


class Durable:
    """Keeps and restores the state of the devices of one process.

    Args:
        places: where it is kept.
        events: reports values that cannot be kept or restored.
        prefix: of all PVs.
    """

    def __init__(self, places: Places, events: Events, *, prefix: str) -> None:
        self._places = places
        self._events = events
        self._prefix = prefix
        self._values: dict[Key, Any] = {}  # the kept values, as JSON

    def restored(self, prefix: str, fields: Sequence[str], snapshot: S) -> S:
        """`snapshot` with the state that the device had.

        Args:
            prefix: of the device's PVs.
            fields: of the snapshot, that are kept.
            snapshot: for the device's constructor.

        Raises:
            ServeError: there is no such field, or its values cannot be kept.
        """
        device = self._device(prefix)
        kind: type = type(snapshot)
        known: dict[str, Any] = {}
        for field in fields:
            try:
                form = form_of(kind, field)
                self._values[device, field] = form.encode(getattr(snapshot, field))
            except (KeyError, AttributeError, TypeError, ValueError) as error:
                problem = f"{prefix}{field} cannot be kept: {error}"
                raise ServeError(problem) from None
            state = self._find(device, field)
            if state is None:
                continue
            try:
                known[field] = form.decode(state.value)
            except ValueError as error:
                text = f"{prefix}{field} is lost, for it does not fit any more: "
                self._warn(device, text + sentence(str(error)))
            else:
                self._values[device, field] = state.value
        return replace(snapshot, **known) if known else snapshot

    def _find(self, device: str, field: str) -> DeviceState | None:
        """The kept value of a field. Before version 0005 it was kept as a setting."""
        state = self._places.find(DeviceState, device, field)
        before = self._places.find(Setting, device, field)
        if before is not None and (state is None or before.time > state.time):
            state = DeviceState(
                time=before.time, device=device, field=field, value=before.value
            )
            self._places.keep(state)
        elif state is not None:
            self._places.share(state)
        return state

    def follow(
        self, prefix: str, fields: Sequence[str]
    ) -> Callable[[Snapshot, Collection[str]], None]:
        """A watcher of a device that keeps each change of its state."""
        device = self._device(prefix)

        def watch(snapshot: Snapshot, changed: Collection[str]) -> None:
            for field in fields:
                if field in changed:
                    self._note(device, field, snapshot)

        return watch

    def _note(self, device: str, field: str, snapshot: Snapshot) -> None:
        kind: type = type(snapshot)
        try:
            encoded = form_of(kind, field).encode(getattr(snapshot, field))
        except ValueError as error:
            signal = f"{self._prefix}{device}:{field}"
            text = f"{signal} will not survive a restart: {error}"
            self._warn(device, text)
            return
        if encoded == self._values.get((device, field)):
            return
        self._values[device, field] = encoded
        last = self._places.find(DeviceState, device, field)
        self._places.keep(
            DeviceState(
                time=self._places.after(time.time(), last),
                device=device,
                field=field,
                value=encoded,
            )
        )

    def _device(self, prefix: str) -> str:
        return Names(self._prefix).short(prefix)

    def _warn(self, device: str, text: str) -> None:
        warning = EventSeverity.WARNING
        self._events.report("setting", text, severity=warning, device=device)
