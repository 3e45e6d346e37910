"""Sources: the values that clients connect to, independent of the protocol."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from daqpv.core import Alarm, Origin
from daqpv.errors import RefusedError
from daqpv.serve.pv.follower import Follower, Packed
from daqpv.serve.pv.masks import READ_ACCESS
from daqpv.serve.pv.outbox import Outbox
from daqpv.serve.values.forms import Form
from daqpv.serve.values.meta import Meta


class Source:
    """A value with its alarm, time and meta data.

    Attributes:
        name: as clients know it.
        form: what its values are.
        value: the present one, as the form keeps it.
        alarm: of the present value.
        time: of the present value, UTC [s since 1970].
        meta: units, limits, labels.
        packed: the value as protocols have packed it.
        followers: receive its events.
        outbox: where its changes are marked; None: it has no followers.
    """

    __slots__ = (
        *("alarm", "followers", "form", "meta", "name", "outbox", "packed", "time"),
        "value",
    )

    cached = True  # the value is current: nothing is read before a get
    momentary = False  # a command that reads 1 while it acts, else 0

    def __init__(  # noqa: PLR0917, a value object
        self, name: str, form: Form, meta: Meta, value: Any, alarm: Alarm, time: float
    ) -> None:
        self.name = name
        self.form = form
        self.meta = meta
        self.value = value
        self.alarm = alarm
        self.time = time
        self.packed: list[Packed] = []
        self.followers: tuple[Follower, ...] = ()
        self.outbox: Outbox | None = None

    @property
    def record(self) -> str:
        """The record type."""
        return ""

    @property
    def prefix(self) -> str:
        """Prefix of the PVs of its device; "" if it belongs to no device."""
        return ""

    @property
    def target(self) -> Source:
        """The source that receives puts."""
        return self

    def view(self, mask: int) -> Source:
        """Return the source for one get (`mask` 0) or subscription: usually `self`."""
        return self

    def rights(self, user: str, host: str) -> int:
        """Access rights of a client: READ_ACCESS and WRITE_ACCESS."""
        return READ_ACCESS

    def check_enabled(self) -> None:
        """Check the record's DISP before a put.

        Raises:
            RefusedError: puts are disabled.
        """

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Act on a put of `value`, at once or in the returned coroutine.

        Raises:
            RefusedError: the put is not possible now.
        """
        raise RefusedError(f"{self.name} is read only")

    def refused(self, error: RefusedError, by: Origin) -> None:
        """A put was refused before it became a command."""

    def put_ended(self, began: float, error: Exception | None) -> None:
        """A put that arrived at `began` (monotonic [s]) has ended, possibly failed."""

    def refresh(self) -> Coroutine[Any, Any, None] | None:
        """Update the value before a get, if it is not current."""
        return None

    def refresh_now(self) -> None:
        """Update the value before the first event, as far as it needs no waiting."""

    def repost(self) -> None:
        """Send the value to all followers again."""

    def acknowledge(self, severity: int) -> None:
        """Acknowledge the alarm up to `severity` (DBR_PUT_ACKS).

        Raises:
            RefusedError: it has no alarm of its own.
        """
        raise RefusedError(f"{self.name} has no alarm to acknowledge")

    def acknowledge_transient(self, *, required: bool) -> None:
        """Set whether alarms that have ended must be acknowledged (DBR_PUT_ACKT).

        Raises:
            RefusedError: it has no alarm of its own.
        """
        raise RefusedError(f"{self.name} has no alarm to acknowledge")

    def acknowledgement(self) -> tuple[int, int]:
        """Return ACKT and ACKS (the severity that waits for acknowledgement)."""
        return 0, 0

    def follow(self, follower: Follower, outbox: Outbox) -> None:
        """Send further events to `follower`, when `outbox` is drained."""
        self.followers = (*self.followers, follower)
        self.outbox = outbox

    def unfollow(self, follower: Follower) -> None:
        """Send no more events to `follower`; mark no changes if no follower is left."""
        self.followers = tuple(one for one in self.followers if one is not follower)
        if not self.followers:
            self.outbox = None

    def stale(self) -> None:
        """The value has changed: discard the packed values."""
        for packed in self.packed:
            packed.body = None
