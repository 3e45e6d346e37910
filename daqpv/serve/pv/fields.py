"""Record fields (X.DESC, X.HIHI, X.SEVR ...), created on the first request."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from daqpv.serve.pv.behaviour import Behaviour, behaviour
from daqpv.serve.pv.channel import Channel
from daqpv.serve.pv.masks import ALL_ACCESS, DBE_LOG, DBE_VALUE, READ_ACCESS
from daqpv.serve.pv.source import Source


class Field(Source):
    """A field of a record, which reads from and writes to its channel."""

    __slots__ = ("_channel", "_get", "_put")

    cached = False  # brought up to date before each get

    def __init__(self, channel: Channel, name: str, behaviour: Behaviour) -> None:
        form, meta, self._get, self._put = behaviour
        value = form.coerce(self._get(channel))
        full = f"{channel.name}.{name}"
        super().__init__(full, form, meta, value, channel.alarm, channel.time)
        self._channel = channel

    @property
    def record(self) -> str:
        """The record type."""
        return self._channel.record

    @property
    def prefix(self) -> str:
        """Prefix of the PVs of its device."""
        return self._channel.prefix

    def rights(self, user: str, host: str) -> int:
        """A client may write if the field is writable and the PV allows it."""
        return ALL_ACCESS if self._put else READ_ACCESS

    def refresh(self) -> None:
        """Read the value from the channel."""
        self.follow_record()

    def refresh_now(self) -> None:
        """Read the value from the channel."""
        self.follow_record()

    def follow_record(self) -> None:
        """Read the value from the channel; send it if it has changed."""
        channel = self._channel
        value = self.form.coerce(self._get(channel))
        moved = not self.form.same(self.value, value)
        if moved and self.outbox is not None and self.outbox.due(self):
            self.outbox.drain()
        self.value, self.alarm, self.time = value, channel.alarm, channel.time
        self.stale()
        if moved and self.outbox is not None:
            self.outbox.mark(self, DBE_VALUE | DBE_LOG)

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Act on a put, if the field is writable."""
        if self._put is None:
            return super().put(value)
        work = self._put(self._channel, value)
        self.follow_record()
        return work

    def acknowledge(self, severity: int) -> None:
        """Acknowledge the record's alarm, through any of its fields."""
        self._channel.acknowledge(severity)
        self.follow_record()

    def acknowledge_transient(self, *, required: bool) -> None:
        """Set ACKT of the record."""
        self._channel.acknowledge_transient(required=required)
        self.follow_record()

    def acknowledgement(self) -> tuple[int, int]:
        """ACKT and ACKS of the record."""
        return self._channel.acknowledgement()

    def repost(self) -> None:
        """Send the value to all followers again."""
        self.follow_record()
        if self.outbox is not None:
            self.outbox.mark(self, DBE_VALUE)


class FieldTable:
    """The fields of one channel that clients have requested."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._fields: dict[str, Field] = {}

    def find(self, name: str) -> Source | None:
        """The field `name`; None: the record type has none."""
        own = self._channel.own_field(name)
        if own is not None:
            return own
        found = self._fields.get(name)
        if found is None and (what := behaviour(self._channel, name)) is not None:
            found = self._fields[name] = Field(self._channel, name, what)
        return found

    def refresh(self) -> None:
        """The channel has changed: send the fields that are followed."""
        for field in tuple(self._fields.values()):
            if field.outbox is not None:
                field.follow_record()


def find_field(channel: Channel, name: str) -> Source | None:
    """The field `name` of `channel`; None: it has none."""
    if channel.fields is None:
        channel.fields = FieldTable(channel)
    return channel.fields.find(name)
