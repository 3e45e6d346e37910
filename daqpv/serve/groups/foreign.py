"""Serves groups that third parties wrote for caproto's own server.

Each ChannelData gets a `Channel` of ours. Every value that the group publishes is
posted there; a put goes through ChannelData.write, so that its checks and its putter
run.

Errors of caproto are corrected here: PVs of a group share no alarm unless they
request it, an alarm written twice is kept, an enum accepts only its states, and a hook
that fails is logged and ends nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import Any

from caproto import ChannelAlarm, ChannelEnum, ChannelNumeric, ChannelType
from caproto.asyncio.utils import AsyncioQueue
from caproto.server import AsyncLibraryLayer

from daqpv.core import Alarm, Severity, Status
from daqpv.serve.pv.channel import Channel
from daqpv.serve.pv.fields import find_field
from daqpv.serve.pv.masks import WRITE_ACCESS
from daqpv.serve.pv.source import Source
from daqpv.serve.values.arrays import LongText, Numbers, Texts
from daqpv.serve.values.elements import RANGE, Element
from daqpv.serve.values.forms import Choice, Form, Integer, Real
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.texts import Text

_log = logging.getLogger(__name__)

_says_alarm: ContextVar[bool] = ContextVar("says_alarm", default=False)
"""Whether the running write sets an alarm of its own."""

_ELEMENTS = {
    ChannelType.STRING: Element.STRING,
    ChannelType.INT: Element.SHORT,
    ChannelType.FLOAT: Element.FLOAT,
    ChannelType.ENUM: Element.ENUM,
    ChannelType.CHAR: Element.CHAR,
    ChannelType.LONG: Element.INTEGER,
    ChannelType.DOUBLE: Element.DOUBLE,
}

_LIMIT_ALARMS = frozenset((Status.HIHI, Status.HIGH, Status.LOLO, Status.LOW))


class AsyncioLayer(AsyncLibraryLayer):
    """The async library that caproto passes to startup hooks: asyncio."""

    name = "asyncio"
    Event = asyncio.Event
    ThreadsafeQueue = AsyncioQueue
    library = asyncio

    async def sleep(self, seconds: float) -> None:
        """Sleep [s]."""
        await asyncio.sleep(seconds)


def form_of(data: Any) -> Form:
    """The form of a ChannelData's values."""
    native, size = _element(data), int(data.max_length)
    if isinstance(data, ChannelEnum):
        return Choice()
    if native is Element.STRING:
        if size > 1:
            return Texts(size)
        return Text(int(getattr(data, "long_string_max_length", 40)) - 1)
    if native is Element.CHAR and not isinstance(data, ChannelNumeric):
        return LongText(size + 1)
    if size > 1:
        return Numbers(native, size)
    return Integer(native) if native in RANGE else Real(native)


def _element(data: Any) -> Element:
    return _ELEMENTS[ChannelType(data.data_type)]


class Foreign(Channel):
    """A PV of a third party's group.

    Attributes:
        data: the ChannelData of the group.
    """

    __slots__ = ("_own_fields", "data")

    def __init__(self, name: str, data: Any) -> None:
        meta, group = meta_of(data), getattr(data, "group", None)
        super().__init__(name, form_of(data), meta, group=group)
        self.data = data
        self.writable = bool(self.rights("", "") & WRITE_ACCESS)
        self.pvspec = getattr(data, "pvspec", None)
        self._own_fields: dict[str, Foreign] = {}
        data.publish = self._publish
        data.write = _remembering(data.write)
        data._collect_alarm = self._collect_alarm  # noqa: SLF001, see below
        self.post_data()

    @property
    def record(self) -> str:
        """The record type."""
        return str(self.data.reported_record_type)

    @property
    def cached(self) -> bool:  # type: ignore[override]
        """Whether a get needs neither a getter nor an access check."""
        return not (self._has_getter or self._checks_access)

    @property
    def _has_getter(self) -> bool:
        return self.pvspec is not None and self.pvspec.get is not None

    @property
    def _checks_access(self) -> bool:
        """Whether the group overrides `check_access`: its answer may change anytime."""
        module: str = self.data.check_access.__module__
        return module.partition(".")[0] != "caproto"

    def rights(self, user: str, host: str) -> int:
        """The result of the group's `check_access`, called for each request."""
        try:
            return int(self.data.check_access(host, user))
        except Exception:  # a third party's: without a result there is no access
            _log.exception("%s: its check_access failed", self.name)
            return 0

    def own_field(self, name: str) -> Source | None:
        """The record's field, if the group defines it itself."""
        base = name.removesuffix("$")
        own = (getattr(self.data, "fields", None) or {}).get(base)
        if own is None:
            return super().own_field(name)
        if base not in self._own_fields:
            self._own_fields[base] = Foreign(f"{self.name}.{base}", own)
        field = self._own_fields[base]
        return field if name == base else find_field(field, "VAL$")

    # -- from the group to clients -----------------------------------------------------

    async def _publish(self, flags: Any = 0) -> None:
        self.post_data()

    def post_data(self) -> None:
        """Post the present value of the ChannelData."""
        data = self.data
        meta = meta_of(data)
        if meta != self.meta:
            self.change_meta(meta)
        alarm = Alarm(
            Severity(int(data.alarm.severity)),
            Status(int(data.alarm.status)),
            str(data.alarm.alarm_string),
        )
        try:
            self.post(_value(data), alarm=alarm, time=data.timestamp)
        except (ValueError, TypeError) as error:
            _log.error("%s: %r is not valid for it: %s", self.name, data.value, error)

    def _judge_by(self, meta: Meta) -> None:
        """Do nothing: caproto has already compared the value with the limits."""

    def _collect_alarm(self) -> dict[str, Any]:
        """Replace ChannelData's method: limits must not clear the alarm of a write.

        caproto's own drops the alarm of every second write of the same alarm.
        """
        data = self.data
        status, severity = data.status, data.severity
        data._clear_cached_alarms()  # noqa: SLF001, as the method that this replaces
        unchanged = (status, severity) == (data.alarm.status, data.alarm.severity)
        if unchanged or (_says_alarm.get() and status not in _LIMIT_ALARMS):
            return {}
        return {"status": status, "severity": severity}

    # -- from clients to the group -----------------------------------------------------

    def put(self, value: Any) -> Coroutine[Any, Any, None]:
        """Write the value through the group's checks and its putter."""
        if isinstance(self.form, Numbers):
            value = value.copy()  # a group may modify its argument
        write: Coroutine[Any, Any, None] = self.data.write(value)
        return write

    def refresh(self) -> Coroutine[Any, Any, None] | None:
        """Call the group's getter, if there is one."""
        return self._get() if self._has_getter else None

    async def _get(self) -> None:
        value = await self.data.getter(self.data)
        if value is not None:
            await self.data.write(value)

    async def write(self, value: Any, **metadata: Any) -> None:
        """Write as the group itself does."""
        await self.data.write(value, **metadata)


Write = Callable[..., Coroutine[Any, Any, None]]


def _remembering(write: Write) -> Write:
    async def remembered(value: Any, **metadata: Any) -> None:
        token = _says_alarm.set(bool(metadata.keys() & {"status", "severity"}))
        try:
            await write(value, **metadata)
        finally:
            _says_alarm.reset(token)

    return remembered


def _value(data: Any) -> Any:
    value = data.value
    if isinstance(data, ChannelEnum):
        if isinstance(value, str):
            return data.enum_strings.index(value)
        if not 0 <= int(value) < len(data.enum_strings):
            raise ValueError("no such state")
        return int(value)
    element = _element(data)
    if element in (Element.STRING, Element.CHAR) and isinstance(
        value, bytes | bytearray
    ):
        if isinstance(data, ChannelNumeric):
            return list(value)
        return bytes(value).decode(data.string_encoding or "latin-1", "replace")
    if element is Element.STRING and isinstance(value, list | tuple):
        texts = [v.decode("latin-1") if isinstance(v, bytes) else v for v in value]
        return texts if data.max_length > 1 else (texts or [""])[0]
    return value


def meta_of(data: Any) -> Meta:
    """Units, limits and labels of a ChannelData."""

    def limit(name: str) -> float:
        return float(getattr(data, name, 0) or 0)

    alarms = limit("upper_alarm_limit") != limit("lower_alarm_limit")
    warnings = limit("upper_warning_limit") != limit("lower_warning_limit")
    return Meta(
        desc=(getattr(data, "__doc__", "") or "") if hasattr(data, "pvspec") else "",
        units=str(getattr(data, "units", "") or ""),
        precision=int(getattr(data, "precision", 0) or 0),
        hopr=limit("upper_disp_limit"),
        lopr=limit("lower_disp_limit"),
        drvh=limit("upper_ctrl_limit"),
        drvl=limit("lower_ctrl_limit"),
        hihi=limit("upper_alarm_limit"),
        lolo=limit("lower_alarm_limit"),
        high=limit("upper_warning_limit"),
        low=limit("lower_warning_limit"),
        mdel=-1.0,  # caproto sends every write to monitors
        adel=-1.0,
        labels=tuple(data.enum_strings) if _element(data) is Element.ENUM else (),
        hhsv=Severity.MAJOR if alarms else Severity.NO_ALARM,
        llsv=Severity.MAJOR if alarms else Severity.NO_ALARM,
        hsv=Severity.MINOR if warnings else Severity.NO_ALARM,
        lsv=Severity.MINOR if warnings else Severity.NO_ALARM,
    )


def adopt(name: str, data: Any) -> Foreign:
    """Serve a PV of a third party; it has its own alarm unless it names a group."""
    spec = getattr(data, "pvspec", None)
    if spec is None or spec.alarm_group is None:
        data.alarm = ChannelAlarm()
    return Foreign(name, data)


def hooks_of(
    data: Any, layer: AsyncLibraryLayer
) -> Iterator[Coroutine[Any, Any, None]]:
    """The startup hooks of a third party's PV."""
    for each in (data, *(getattr(data, "fields", None) or {}).values()):
        for name in ("server_startup", "server_scan"):
            hook = getattr(each, name, None)
            if hook is not None:
                yield _supervised(each, name, hook(layer))


async def _supervised(data: Any, name: str, hook: Coroutine[Any, Any, None]) -> None:
    try:
        await hook
    except Exception:  # a failed hook of a third party ends nothing else
        _log.exception("%s: its %s failed", getattr(data, "pvname", data), name)


async def shut_down(data: Any, layer: AsyncLibraryLayer) -> None:
    """Run the shutdown hook of a PV, if it has one."""
    for each in (data, *(getattr(data, "fields", None) or {}).values()):
        hook = getattr(each, "server_shutdown", None)
        if hook is not None:
            await _supervised(each, "server_shutdown", hook(layer))
