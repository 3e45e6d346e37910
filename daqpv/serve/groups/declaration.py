"""Declarations of PVs in the body of a group, and the channels made from them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeAlias, TypedDict, Unpack

from caproto.server import PVSpec, pvproperty

from daqpv.core import NO_ALARM, Alarm, PvInfo
from daqpv.errors import ServeError
from daqpv.serve.pv.channel import Channel
from daqpv.serve.values.elements import LABEL_SIZE, LABELS
from daqpv.serve.values.forms import Form, Real
from daqpv.serve.values.meta import Meta

Put: TypeAlias = Callable[[Any, Any], Coroutine[Any, Any, None]]

_LONGEST_UNITS = 15  # [bytes], EGU
_LONGEST_NAME = 60  # [bytes], a record's name


class Common(TypedDict, total=False):
    """Arguments of every declaration."""

    of: str | None
    put: Put | None
    doc: str
    saved: bool | str
    alarm_tree: bool
    aliases: tuple[str, ...]


class Declaration(pvproperty):
    """A PV in the body of a group.

    Attributes:
        record: the record type, as clients see it.
        form: of the values.
        meta: units, limits, labels.
        writable: whether clients may put.
        of: the attribute of the snapshot, if the declaration names one.
        put: the action of a put; None: the value is stored.
        members: values that `put` receives in place of an index.
        saved: a setting that survives a restart; a text: the snapshot's field that
            holds it.
        alarm_tree: False keeps the PV out of the alarm server's tree.
        is_judged: its device gives it alarms of its own, besides those of its limits.
        aliases: further names of the PV, after the prefix.
    """

    pvspec: Any

    def __init__(
        self,
        name: str,
        record: str,
        form: Form,
        meta: Meta,
        *,
        writable: bool,
        **common: Unpack[Common],
    ) -> None:
        doc = common.get("doc", "")
        super().__init__(name=name, doc=doc, read_only=not writable, dtype=int)
        self.record = record
        self.form = form
        self.meta = replace(meta, desc=doc)
        self.writable = writable
        self.of = common.get("of")
        self.put = common.get("put")
        self.saved = common.get("saved", False)
        self.alarm_tree = common.get("alarm_tree", True)
        self.is_judged = False
        self.aliases = common.get("aliases", ())
        self.pvspec = Spec._make(self.pvspec)._replace(cls_kwargs={"declaration": self})
        if len(meta.units.encode()) > _LONGEST_UNITS:
            raise ValueError(
                f"{name}: the units {meta.units!r} have more than 15 bytes"
            )
        _check_labels(name, meta.labels)

    def create(self, group: Any) -> Declared:
        """The PV of one group."""
        return Declared(self, group)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """The declaration, from the class; the `Channel`, from a group."""
        return self if instance is None else instance.attr_pvdb[self.attr_name]

    def __copy__(self) -> Declaration:
        return self


def _check_labels(name: str, labels: tuple[str, ...]) -> None:
    if len(labels) > LABELS:
        raise ValueError(f"{name}: {len(labels)} states, and Channel Access has 16")
    for label in labels:
        if len(label.encode()) >= LABEL_SIZE:
            raise ValueError(f"{name}: the state {label!r} has more than 25 bytes")


class Spec(PVSpec):
    """caproto's description of a PV, made from a declaration."""

    __slots__ = ()

    def create(self, group: Any = None) -> Declared:
        """The PV of one group."""
        channel: Declared = self.cls_kwargs["declaration"].create(group)
        return channel


class Declared(Channel):
    """The PV of a declaration.

    Attributes:
        aliases: its further names, with the prefix.
        declaration: in the body of the group.
    """

    __slots__ = ("aliases", "declaration")

    def __init__(self, declaration: Declaration, group: Any) -> None:
        spec = declaration.pvspec
        super().__init__(
            *(_full_name(group, spec.name), declaration.form, declaration.meta),
            group=group,
            writable=declaration.writable,
        )
        self.aliases = tuple(_full_name(group, one) for one in declaration.aliases)
        self.declaration = declaration
        self.pvspec = spec

    @property
    def record(self) -> str:
        """The record type."""
        return self.declaration.record

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Begin the declaration's command; without one, store the value."""
        command = self.declaration.put
        if command is None:
            self.post(value)
            return None
        members = getattr(self.form, "members", None)
        return command(self.group, members[value] if members else value)

    @property
    def _has_alarms(self) -> bool:
        """Whether it belongs into the alarm server's tree by itself."""
        of = self.declaration
        return of.alarm_tree and (of.is_judged or self.meta.has_alarms)

    def info(self, *, primary: bool = False) -> PvInfo:
        """The PV's row in the table of PVs; `primary`: it has the device's alarm."""
        meta, form = self.meta, self.form
        device = getattr(self.group, "device", None)
        return PvInfo(
            name=self.name,
            device=getattr(device, "name", ""),
            record=self.record,
            writable=self.writable,
            choices=meta.labels,
            units=meta.units,
            precision=meta.precision if isinstance(form, Real) else None,
            limits=(meta.lopr, meta.hopr) if meta.lopr < meta.hopr else None,
            doc=meta.desc,
            saved=bool(self.declaration.saved),
            alarms=self._has_alarms or (primary and self.declaration.alarm_tree),
            momentary=self.momentary,
            size=form.nelm,
            period=getattr(self.group, "period", 0.0),
        )


def _full_name(group: Any, signal: str) -> str:
    name = f"{group.prefix}{signal}"
    if len(name.encode()) > _LONGEST_NAME:
        raise ServeError(
            f"the PV name {name} has more than {_LONGEST_NAME} bytes: shorten the "
            "prefix or the device's name"
        )
    return name


class Long(Declaration):
    """A long text."""

    def create(self, group: Any) -> Fitted:
        """The PV of one group."""
        return Fitted(self, group)


class Fitted(Declared):
    """The PV of a `Long`: emits an event if it cannot hold the whole text."""

    __slots__ = ()

    def post(
        self, value: Any, *, alarm: Alarm = NO_ALARM, time: float | None = None
    ) -> None:
        """Store and send the text, cut to the size of the PV."""
        super().post(value, alarm=alarm, time=time)
        text = str(value)
        if self.alarm_log is not None and len(text.encode()) >= self.form.nelm:
            self.alarm_log.cut(self, text)


class Button(Declaration):
    """A command PV: writing 1 starts an action; the value is 1 until it has ended."""

    def create(self, group: Any) -> Pressed:
        """The PV of one group."""
        return Pressed(self, group)


class Pressed(Declared):
    """The PV of a `Button`, like a busy record."""

    momentary = True

    __slots__ = ("_running",)

    def __init__(self, declaration: Declaration, group: Any) -> None:
        super().__init__(declaration, group)
        self._running = 0
        self.post(0, alarm=NO_ALARM)

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Start the action; 0 does nothing."""
        command = self.declaration.put
        if not value or command is None:
            return None
        return self._act(command)

    async def _act(self, command: Put) -> None:
        self._running += 1
        self.post(1)
        try:
            await command(self.group, True)
        finally:
            self._running -= 1
            self.post(int(self._running > 0))
