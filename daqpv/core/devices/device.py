"""The base class of devices that can be lost, enabled and disabled."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, Unpack

from daqpv.core.devices.commanded import Commanded
from daqpv.core.devices.shown import Surroundings
from daqpv.core.devices.snapshot import Condition, DeviceSnapshot
from daqpv.core.events.event import EventSeverity
from daqpv.core.timing.utc import utc_text

_SEEN_PERIOD = 10.0  # [s] least distance of two changes of `last_seen`

D = TypeVar("D", bound=DeviceSnapshot)


class Device(Commanded[D]):
    """A device: online or lost, enabled or disabled; arguments as `Shown`."""

    def __init__(self, name: str, snapshot: D, **more: Unpack[Surroundings]) -> None:
        super().__init__(name, snapshot, **more)
        self._seen = -_SEEN_PERIOD

    async def enable(self, enabled: bool) -> None:
        """Follow and command the device, or do neither.

        Raises:
            BusyError: a command runs.
        """
        with self.command("enable" if enabled else "disable"):
            now = replace(self.snapshot, enabled=enabled)
            if enabled == self.snapshot.enabled:
                return
            if enabled:  # not known until it has answered
                self.change(replace(now, known=False, condition=Condition.OFFLINE))
            else:
                self.change(replace(now, condition=Condition.DISABLED))
            self.enabled_changed()

    def enabled_changed(self) -> None:
        """Hook: the device was just enabled or disabled."""

    def seen(self) -> str:
        """`last_seen`, because the device answered now."""
        now = self.clock.monotonic()
        if now - self._seen < _SEEN_PERIOD:
            return self.snapshot.last_seen
        self._seen = now
        return utc_text(self.clock.time())

    def lost(self, condition: Condition, reason: str) -> None:
        """Show that the device is lost, with an event.

        Args:
            condition: of the device from now on.
            reason: a sentence.
        """
        text = f"{condition.label}: {reason}"
        lost = replace(
            self.without_readings(),
            known=True,
            online=condition is Condition.ERROR,
            condition=condition,
            errors=self.snapshot.errors + 1,
            message=text,
        )
        self.change(lost)
        self.emit("lost", text, severity=EventSeverity.ERROR, condition=condition.label)

    def without_readings(self) -> D:
        """Hook: the snapshot, without values that are not valid after a loss."""
        return self.snapshot

    def crashed(self, text: str) -> None:
        """Show that its own code has failed."""
        lost = replace(self.snapshot, known=True, online=False, message=text)
        self.change(replace(lost, condition=Condition.ERROR))
