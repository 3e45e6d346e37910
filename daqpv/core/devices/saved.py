"""Keeps settings that operators chose, and restores them after a restart.

A device gets them through its constructor, before a client can connect; nothing is put.
An operator's last choice holds until the value in the experiment file itself changes:
then the file wins, and an event says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from daqpv.core.as_json import JsonForm, form_of
from daqpv.core.devices.places import Places
from daqpv.core.devices.snapshot import Snapshot
from daqpv.core.events.bus import Events
from daqpv.core.events.event import EventSeverity, origin
from daqpv.core.names import Names
from daqpv.core.store import Setting
from daqpv.core.timing.utc import utc_text
from daqpv.errors import ServeError, quoted, sentence

S = TypeVar("S", bound=Snapshot)
Key = tuple[str, str]  # device and field, as in Setting

_NAMED = 5  # number of restored settings that are named in the event of the start


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedField:
    """A field of a device's snapshot that survives a restart.

    Attributes:
        field: of the snapshot.
        signal: the PV that operators put, after the device's prefix.
        drive: limits of its values; equal limits: no limit.
        labels: the texts of its states, if it is a switch.
    """

    field: str
    signal: str
    drive: tuple[float, float] = (0.0, 0.0)
    labels: tuple[str, ...] = ()

    def check(self, value: object) -> None:
        """Check a value as a put does.

        Raises:
            ValueError: `value` is outside the drive limits.
        """
        low, high = self.drive
        if low == high or not isinstance(value, int | float):
            return
        if not low <= value <= high:
            raise ValueError(f"it must be within {low:g} to {high:g}")

    def formatted(self, value: Any) -> str:
        """`value`, of JSON, as text."""
        if isinstance(value, bool) and len(self.labels) > value:
            return self.labels[value]
        if value is None or value == "":
            return "nothing"
        return quoted(value) if isinstance(value, str) else str(value)


@dataclass(slots=True)
class _Followed:
    """A saved field of a device of this process."""

    saved: SavedField
    form: JsonForm[Any]
    file: Any  # of the experiment file, as JSON
    value: Any  # of the device now, likewise


class SavedSettings:
    """Keeps and restores what operators chose for the devices of one process.

    Args:
        places: where they are kept.
        events: reports choices that are not valid any more.
        prefix: of all PVs.
    """

    def __init__(self, places: Places, events: Events, *, prefix: str) -> None:
        self._places = places
        self._events = events
        self._prefix = prefix
        self._followed: dict[Key, _Followed] = {}
        self._restored: list[str] = []  # for people

    async def kept(self, *, timeout: float) -> bool:
        """Wait until all places have all choices; False if not in `timeout` [s]."""
        return await self._places.kept(timeout=timeout)

    def restored(self, prefix: str, saved: Iterable[SavedField], snapshot: S) -> S:
        """`snapshot`, made of the experiment file, with the choices of operators.

        Args:
            prefix: of the device's PVs.
            saved: its fields that survive a restart.
            snapshot: for the device's constructor.

        Raises:
            ServeError: there is no such field, or its values cannot be kept.
        """
        device = self._device(prefix)
        kind: type = type(snapshot)
        chosen: dict[str, Any] = {}
        for one in saved:
            try:
                form = form_of(kind, one.field)
                file = form.encode(getattr(snapshot, one.field))
            except (TypeError, ValueError) as error:
                problem = f"{prefix}{one.signal} cannot be saved: {error}"
                raise ServeError(problem) from None
            followed = self._followed[device, one.field] = _Followed(
                one, form, file, file
            )
            kept = self._places.find(Setting, device, one.field)
            if kept is not None and self._holds(followed, kept):
                chosen[one.field] = form.decode(kept.value)
                followed.value = kept.value
                said = f"{prefix}{one.signal} {one.formatted(kept.value)}"
                self._restored.append(said)
        return replace(snapshot, **chosen) if chosen else snapshot

    def _holds(self, followed: _Followed, kept: Setting) -> bool:
        """Whether the choice `kept` differs from the file, and is valid."""
        key = kept.device, kept.field
        self._places.share(kept)
        saved, file = followed.saved, followed.file
        if kept.file != file:
            if kept.value not in (kept.file, file):
                self._events.report(
                    "setting",
                    f"{self._choice(saved, kept)} is dropped, for the experiment file "
                    f"has changed: it said {saved.formatted(kept.file)} and says "
                    f"{saved.formatted(file)}, which holds now.",
                    severity=EventSeverity.WARNING,
                    device=kept.device,
                )
            self._keep(key, followed, since=kept.time)
            return False
        if kept.value == file:
            return False
        try:
            saved.check(followed.form.decode(kept.value))
        except ValueError as error:
            self._events.report(
                "setting",
                f"{self._choice(saved, kept)} does not fit any more: {sentence(error)} "
                f"What the experiment file says holds: {saved.formatted(file)}",
                severity=EventSeverity.WARNING,
                device=kept.device,
            )
            self._keep(key, followed, since=kept.time)
            return False
        return True

    def _choice(self, saved: SavedField, kept: Setting) -> str:
        """The choice, with its time and client, for a sentence."""
        moment = utc_text(kept.time, "minutes")
        by = f" by {kept.origin}" if kept.origin else ""
        return (
            f"{self._prefix}{kept.device}:{saved.signal}: "
            f"{saved.formatted(kept.value)}, chosen{by} at {moment},"
        )

    def report(self) -> None:
        """Report the choices that differ from the file; once, when all are built."""
        if not self._restored:
            return
        named = ", ".join(self._restored[:_NAMED])
        more = len(self._restored) - _NAMED
        others = f" and {more} more" if more > 0 else ""
        self._events.report(
            "setting",
            f"As operators chose, not as the experiment file says: {named}{others}",
        )

    def follow(
        self, prefix: str, saved: Iterable[SavedField]
    ) -> Callable[[Snapshot, Collection[str]], None]:
        """A watcher of a device that keeps each change of its saved fields.

        Args:
            prefix: of the device's PVs.
            saved: its fields that survive a restart. Those that were not given to
                `restored` do not: a warning reports it to the author of the kind.
        """
        device = self._device(prefix)
        own: dict[str, _Followed] = {}
        for one in saved:
            followed = self._followed.get((device, one.field))
            if followed is not None:
                own[one.field] = followed
            else:
                self._events.report(
                    "setting",
                    f"{prefix}{one.signal} is declared as saved, and its kind does not "
                    "ask for what was saved: a choice will not survive a restart.",
                    severity=EventSeverity.WARNING,
                    device=device,
                )

        def watch(snapshot: Snapshot, changed: Collection[str]) -> None:
            for field, followed in own.items():
                if field in changed:
                    self._note((device, field), followed, getattr(snapshot, field))

        return watch

    def _note(self, key: Key, followed: _Followed, value: Any) -> None:
        try:
            encoded = followed.form.encode(value)
        except ValueError as error:
            signal = f"{self._prefix}{key[0]}:{followed.saved.signal}"
            self._events.report(
                "setting",
                f"{signal} will not survive a restart: {error}",
                severity=EventSeverity.WARNING,
                device=key[0],
            )
            return
        if encoded != followed.value:
            followed.value = encoded
            self._keep(key, followed, since=time.time())

    def _keep(self, key: Key, followed: _Followed, *, since: float) -> None:
        """Keep the present value of a field, in place of the one kept before.

        Args:
            key: device and field.
            followed: the field.
            since: the time of the change. A decision at the start is only just newer
                than the choice that it replaces: a place that is away may have a later
                one.
        """
        device, field = key
        last = self._places.find(Setting, device, field)
        self._places.keep(
            Setting(
                time=self._places.after(since, last),
                device=device,
                field=field,
                value=followed.value,
                file=followed.file,
                origin=origin.get(),
            )
        )

    def _device(self, prefix: str) -> str:
        return Names(self._prefix).short(prefix)
