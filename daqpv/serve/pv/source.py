"""Sources: what a client can connect to, whatever its protocol."""

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
        followers: what receives its events.
        outbox: where its changes are marked; None: nobody follows it.
    """

    __slots__ = (
        *("alarm", "followers", "form", "meta", "name", "outbox", "packed", "time"),
        "value",
    )

    cached = True  # the value stands ready: nobody is asked before a get
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
        """Of the PVs of the device that it belongs to; "" if to none."""
        return ""

    @property
    def target(self) -> Source:
        """What puts go to."""
        return self

    def view(self, mask: int) -> Source:
        """What one get (`mask` 0) or one subscription sees of it: mostly itself."""
        return self

    def rights(self, user: str, host: str) -> int:
        """What a client may do: READ_ACCESS and WRITE_ACCESS."""
        return READ_ACCESS

    def check_enabled(self) -> None:
        """Hold a put against the record's DISP.

        Raises:
            RefusedError: puts are disabled.
        """

    def put(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Act on a put of `value`: at once, or in the coroutine that comes back.

        Raises:
            RefusedError: the put is not possible now.
        """
        raise RefusedError(f"{self.name} is read only")

    def refused(self, error: RefusedError, by: Origin) -> None:
        """A put was refused before it became a command."""

    def put_ended(self, began: float, error: Exception | None) -> None:
        """A put that arrived at `began` (monotonic [s]) has ended, well or not."""

    def refresh(self) -> Coroutine[Any, Any, None] | None:
        """Before a get: bring the value up to date; mostly there is nothing to do."""
        return None

    def refresh_now(self) -> None:
        """Before the first event: bring up to date what can be without waiting."""

    def repost(self) -> None:
        """Send the value once more to those who follow it."""

    def acknowledge(self, severity: int) -> None:
        """Acknowledge the alarm up to `severity` (DBR_PUT_ACKS).

        Raises:
            RefusedError: it has no alarm of its own.
        """
        raise RefusedError(f"{self.name} has no alarm to acknowledge")

    def acknowledge_transient(self, *, required: bool) -> None:
        """Say whether alarms that have ended must be acknowledged (DBR_PUT_ACKT).

        Raises:
            RefusedError: it has no alarm of its own.
        """
        raise RefusedError(f"{self.name} has no alarm to acknowledge")

    def acknowledgement(self) -> tuple[int, int]:
        """ACKT, whether transient alarms must be acknowledged; ACKS, what waits."""
        return 0, 0

    def follow(self, follower: Follower, outbox: Outbox) -> None:
        """Hand further events to `follower`, when `outbox` is drained."""
        self.followers = (*self.followers, follower)
        self.outbox = outbox

    def unfollow(self, follower: Follower) -> None:
        """Hand it no more; mark no changes while nobody follows."""
        self.followers = tuple(one for one in self.followers if one is not follower)
        if not self.followers:
            self.outbox = None

    def stale(self) -> None:
        """The value has changed: what was packed is worth nothing."""
        for packed in self.packed:
            packed.body = None
