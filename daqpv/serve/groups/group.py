"""Groups: the PVs of one device, updated from its snapshots."""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeAlias, TypeVar

from caproto.server import PVGroup

from daqpv.core import (
    NO_ALARM,
    UNDEFINED,
    Alarm,
    PvInfo,
    SavedField,
    Severity,
    Shown,
    Snapshot,
    Status,
    sources,
)
from daqpv.errors import RefusedError, ServeError
from daqpv.serve.groups.declaration import Declaration, Declared, Pressed
from daqpv.serve.pv.channel import Channel
from daqpv.serve.values.forms import Choice

_log = logging.getLogger(__name__)

D = TypeVar("D", bound=Shown[Any])

_NO_VALUE = (ValueError, TypeError, OverflowError)
_BAD_ALARM = Alarm(Severity.INVALID, Status.SOFT, "the device cannot judge it")
_BAD_VALUE = Alarm(Severity.INVALID, Status.SOFT, "the device has no such value")


class _ShownField(NamedTuple):
    """A PV, the attribute of the snapshot that it displays, and the sources of that."""

    channel: Declared
    field: str
    sources: frozenset[str] | None  # None: not known, may be any

    def follows(self, changed: Collection[str]) -> bool:
        """Whether the value may have changed with the fields in `changed`."""
        if self.sources is None:
            return bool(changed)
        return not self.sources.isdisjoint(changed)


_Touched: TypeAlias = tuple[_ShownField, bool, bool]
"""A PV; whether its value may have changed; whether it was seen again."""

_REMEMBERED = 200  # sets of fields that change together; devices have a few dozen


def literal(prefix: str) -> str:
    """Escape `prefix` for a group of caproto, which takes ``{name}`` for a macro."""
    return prefix.replace("{", "{{").replace("}", "}}")


class Group(PVGroup, Generic[D]):
    """The PVs of a device.

    It does not register itself: ``device.watch(group.show)`` connects it to the device.

    Args:
        prefix: of all PV names.
        device: executes the commands of the PVs; the group displays its snapshots.

    Raises:
        ServeError: a PV name is too long, or the snapshot's attribute of a PV does not
            exist, or its value is not valid for the PV.
    """

    limits_reported: ClassVar[bool] = True
    """Whether alarms by limits are reported to operators; if not, they are only stored:
    some values exceed limits many times a day, and require no action."""

    period: ClassVar[float] = 0.0
    """Least time between two changes of any of its PVs [s]; 0: no minimum."""

    durable: ClassVar[tuple[str, ...]] = ()
    """Fields of the snapshot that the device needs after a restart, in addition to the
    experiment file: its state, which operators do not choose."""

    device: D

    def __init__(self, prefix: str, device: D, **options: Any) -> None:
        self.device = device
        if not options.get("macros"):  # with macros {name} in the prefix is one of them
            prefix = literal(prefix)
        super().__init__(prefix, **options)
        snapshot = type(device.snapshot)
        self._shown = tuple(self._find_shown(snapshot))
        self._touched: dict[frozenset[str], Sequence[_Touched]] = {}
        self._reads_states = any(
            isinstance(shown.channel.form, Choice) and shown.field in snapshot.observed
            for shown in self._shown
        )

    def _find_shown(self, snapshot: type[Snapshot]) -> list[_ShownField]:
        found = []
        for attribute, channel in self.attr_pvdb.items():
            if not isinstance(channel, Declared) or channel.group is not self:
                continue
            if isinstance(channel, Pressed):
                continue
            wanted = channel.declaration.of
            field = wanted or attribute
            if hasattr(snapshot, field):
                self._check(channel, field)
                found.append(_ShownField(channel, field, sources(snapshot, field)))
            elif wanted:
                raise ServeError(
                    f"{channel.name} shows {wanted!r}, "
                    f"which {snapshot.__name__} does not have"
                )
        return found

    def _check(self, channel: Declared, field: str) -> None:
        value = getattr(self.device.snapshot, field)
        try:
            if value is not None:
                channel.form.coerce(value)
        except _NO_VALUE as error:
            raise ServeError(
                f"{channel.name} shows the field {field!r}, and {value!r} is not "
                f"valid for it: {error}. Rename one of them, or name the field with of="
            ) from None

    @property
    def awaits_states(self) -> bool:
        """Whether a displayed state has not been read from the device yet."""
        return self._reads_states and self.device.snapshot.is_awaited

    def show(self, snapshot: Snapshot, changed: Collection[str]) -> None:
        """Post the fields that have changed, in the order of the declarations.

        Args:
            snapshot: the present snapshot of the device.
            changed: the fields that changed; empty: the device was read unchanged, and
                only the time stamps of observed fields are updated.
        """
        now = snapshot.time or clock.time()
        kind = type(snapshot)
        touched = self._touched_by(kind, changed)
        judged = not kind.judging.isdisjoint(changed)
        for shown, is_new, is_seen in touched:
            channel, field, _ = shown
            if is_new:
                self._post(channel, snapshot, field, now)
                continue
            moved = _alarm(snapshot, field) if judged else None
            if is_seen:
                channel.stamp(now, moved)
            elif moved is not None:
                channel.rejudge(moved, now)

    def _touched_by(
        self, kind: type[Snapshot], changed: Collection[str]
    ) -> Sequence[_Touched]:
        """The PVs to which something happens; the same sets of fields come again."""
        fields = frozenset(changed)
        touched = self._touched.get(fields)
        if touched is None:
            if len(self._touched) > _REMEMBERED:
                self._touched.clear()
            touched = self._touched[fields] = tuple(self._find_touched(kind, fields))
        return touched

    def _find_touched(
        self, kind: type[Snapshot], changed: frozenset[str]
    ) -> Iterator[_Touched]:
        seen = not changed or not kind.observed.isdisjoint(changed)
        judged = not kind.judging.isdisjoint(changed)
        for shown in self._shown:
            is_seen = seen and shown.field in kind.observed
            is_new = shown.follows(changed)
            if is_new or is_seen or judged:
                yield shown, is_new, is_seen

    def _post(
        self, channel: Declared, snapshot: Snapshot, field: str, now: float
    ) -> None:
        try:
            value, alarm = getattr(snapshot, field), _alarm(snapshot, field)
        except Exception:  # code of the device, likewise
            _log.exception("%s: its value cannot be computed", channel.name)
            channel.rejudge(_BAD_VALUE, now)
            return
        try:
            if value is None:
                channel.rejudge(alarm, now)
            elif not channel.holds(value):
                channel.post(value, alarm=alarm, time=now)
            elif field in type(snapshot).observed:
                channel.stamp(now, alarm)
            else:
                channel.rejudge(alarm, now)
        except _NO_VALUE as error:  # a bug of the device: other PVs go on
            _log.error("%s: %r is not valid for it: %s", channel.name, value, error)
            channel.rejudge(_BAD_VALUE, now)

    @classmethod
    def saved(cls, snapshot: type[Snapshot]) -> list[SavedField]:
        """The settings that operators choose in a `snapshot`, as declared.

        Raises:
            ServeError: a PV is declared as saved, and no field holds its value.
        """
        found = []
        for attribute, declaration in cls._pvs_.items():
            if not isinstance(declaration, Declaration) or not declaration.saved:
                continue
            name = declaration.pvspec.name
            wanted = declaration.saved
            if wanted is True:
                wanted = declaration.of or attribute
            if wanted not in snapshot.__dataclass_fields__:
                raise ServeError(
                    f"{name} is declared as saved, and {snapshot.__name__} has no "
                    f"field {wanted!r} that holds it: saved='field'"
                )
            if wanted in cls.durable:
                continue
            meta = declaration.meta
            found.append(
                SavedField(
                    field=wanted,
                    signal=name,
                    drive=(meta.drvl, meta.drvh),
                    labels=meta.labels,
                )
            )
        return found

    def declared_names(self) -> list[str]:
        """The names of the PVs of `infos()`."""
        return [channel.name for channel in self._declared()]

    def _declared(self) -> list[Declared]:
        return [c for c in self.pvdb.values() if isinstance(c, Declared)]

    def infos(self) -> list[PvInfo]:
        """A row for each PV."""
        names = self.primary_alarms()
        return [one.info(primary=one.name in names) for one in self._declared()]

    def primary_alarms(self) -> frozenset[str]:
        """The PVs that carry the device's alarms: for each alarm the first one."""
        judged = type(self.device.snapshot).judged
        primary = {f: c.name for c, f, _ in reversed(self._shown) if f in judged}
        return frozenset(primary.values())

    def put_ended(
        self, channel: Channel, began: float, error: Exception | None
    ) -> None:
        """A put to `channel` has ended; its client is answered after this.

        Override it to display that in PVs; `daqpv.core.origin` gives the user and host.

        Args:
            channel: of this group.
            began: when the put arrived, monotonic [s].
            error: why it failed; None if it did not.
        """

    def refused(self, channel: Channel, error: RefusedError) -> None:
        """The server refused a put before it became a command of the device.

        Override it to inform the operator in PVs; `daqpv.core.origin` gives user and
        host. An event is emitted in any case.
        """


def _alarm(snapshot: Snapshot, field: str) -> Alarm:
    """The alarm of the device; a value of None is unknown."""
    try:
        alarm = snapshot.alarm(field)
        if not isinstance(alarm, Alarm):
            raise TypeError(f"alarm() returns {alarm!r}")
        if alarm == NO_ALARM and getattr(snapshot, field) is None:
            return UNDEFINED
    except Exception:  # code of the device, which must not affect other PVs
        _log.exception("%s: no alarm of %r", type(snapshot).__name__, field)
        return _BAD_ALARM
    return alarm
