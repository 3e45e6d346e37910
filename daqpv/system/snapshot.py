"""The snapshot of the whole system: the values of its PVs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from daqpv.core import NO_ALARM, Alarm, DeviceSnapshot, Severity, Status, made_from
from daqpv.core.labels import Labelled
from daqpv.ecc import EccState, EccTarget


class SystemState(Labelled):
    """The common state of all ECC servers."""

    BROKEN = EccState.BROKEN
    IDLE = EccState.IDLE
    DESCRIBED = EccState.DESCRIBED
    PREPARED = EccState.PREPARED
    READY = EccState.READY
    RUNNING = EccState.RUNNING
    PAUSED = EccState.PAUSED
    MIXED = 7  # they are in different states


@dataclass(frozen=True, kw_only=True)
class SystemSnapshot(DeviceSnapshot):
    """The values of the whole system.

    Attributes:
        state: the common state of the servers that are enabled and answer.
        target: setpoint of the state; NONE if none was put since the start.
        goal: where the running command ends; NONE if none runs.
        transitioning: whether a server is in a transition, or a command runs.
        step: the present step: "Configure: CoBos, 7 of 10"; else where it halted.
        progress: operations done, of those that the running command takes [%].
        online_count: servers that are enabled and answer.
        enabled_count: servers that take part.
        total: servers.
        disabled: names of those that are disabled.
        troubled: enabled ones that are lost or Broken, each with its condition.
        allowed: bit n: a put of state n by an operator would be accepted now.
        config_name: the configure name that all servers have; "" if not one.
    """

    observed: ClassVar[frozenset[str]] = DeviceSnapshot.observed | {
        "state", "transitioning", "online_count"
    }  # fmt: skip
    judging: ClassVar[frozenset[str]] = DeviceSnapshot.judging | {
        "transitioning", "online_count", "online", "troubled", "state"
    }  # fmt: skip

    judged: ClassVar[frozenset[str]] = frozenset({"online", "state", "result"})

    state: SystemState = SystemState.MIXED
    target: EccTarget = EccTarget.NONE
    goal: EccTarget = EccTarget.NONE
    transitioning: bool = False
    step: str = ""
    progress: float = 0.0
    online_count: int = 0
    enabled_count: int = 0
    total: int = 0
    disabled: tuple[str, ...] = ()
    troubled: tuple[str, ...] = ()
    allowed: int = 0
    config_name: str = ""

    @property
    @made_from("disabled")
    def disabled_names(self) -> str:
        """Names of the disabled servers."""
        return ", ".join(self.disabled)

    def _lost_alarm(self, field: str) -> Alarm:
        """The alarm of a field, once all servers are known."""
        if field == "condition":
            return NO_ALARM  # the alarm is of Online and State
        if field == "online":
            missing = self.online_count < self.enabled_count or not self.enabled_count
            return (
                Alarm(Severity.MAJOR, Status.COMM, self._reason)
                if missing
                else NO_ALARM
            )
        if not self.online_count:
            return Alarm(Severity.INVALID, Status.COMM, self._reason)
        if field == "state":
            return self._state_alarm()
        return NO_ALARM

    def _state_alarm(self) -> Alarm:
        if self.troubled:
            return Alarm(Severity.MAJOR, Status.STATE, self._reason)
        if self.state is SystemState.MIXED and not self.transitioning:
            return Alarm(Severity.MINOR, Status.STATE, "not all in one state")
        return NO_ALARM

    @property
    def _reason(self) -> str:
        if not self.enabled_count:
            return "no server is enabled"
        return ", ".join(self.troubled)
