"""The snapshot of an ECC server: the values of its PVs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from daqpv.core import (
    NO_ALARM,
    Alarm,
    Condition,
    DeviceSnapshot,
    Severity,
    Status,
    made_from,
)
from daqpv.core.labels import Labelled
from daqpv.ecc.codes import EccState, Operation, Transition
from daqpv.ecc.link import Config, ConfigId, DataLink
from daqpv.ecc.path import is_below, leads_to, path

NEEDS_CONFIG = frozenset({Operation.DESCRIBE, Operation.PREPARE, Operation.CONFIGURE})
"""The operations that need a configuration."""


class EccTarget(Labelled):
    """Target state of an ECC server."""

    NONE = 0
    IDLE = EccState.IDLE
    DESCRIBED = EccState.DESCRIBED
    PREPARED = EccState.PREPARED
    READY = EccState.READY
    RUNNING = EccState.RUNNING
    PAUSED = EccState.PAUSED


class EccCommand(Labelled):
    """The choices of the Command PV."""

    NONE = Transition.NONE
    DESCRIBE = Transition.DESCRIBING
    PREPARE = Transition.PREPARING
    CONFIGURE = Transition.CONFIGURING
    START = Transition.STARTING
    STOP = Transition.STOPPING
    PAUSE = Transition.PAUSING
    RESUME = Transition.RESUMING
    BREAKUP = Transition.BREAKING_UP
    UNDO = Transition.RESETTING

    @property
    def operation(self) -> Operation | None:
        """The operation; None for NONE."""
        return Operation.of(Transition(self))


@dataclass(frozen=True, kw_only=True)
class EccSnapshot(DeviceSnapshot):
    """The values of an ECC server.

    Attributes:
        state: as last read.
        transition: as last read, also if another client has asked for it.
        asked: our operation, from its request until the outcome is read back.
        target: setpoint of the state; NONE if none was put since the start.
        goal: where the running command ends; NONE if none runs.
        barred: bit n: the order of the servers forbids the way to state n, as of the
            last poll.
        error_code: of the last operation; 0 = none failed.
        step_time: how long the present, else the last transition has taken [s].
        response_time: of the last GetState [s].
        poll_period: distance of two GetState [s].
        config: the chosen configuration.
        configs: the configurations that the server lists.
        config_filter: words that each line of `config_list` has.
        links: where its data go.
        role: mutant, mutant-slave, cobo or all.
        url: of its SOAP service.
        log_path: log file of the server process, on its computer; "" if not known.
        served: whether a process serves its PVs; else it cannot be commanded.
    """

    observed: ClassVar[frozenset[str]] = DeviceSnapshot.observed | {
        "state", "transition", "transitioning", "error_code", "response_time"
    }  # fmt: skip

    judged: ClassVar[frozenset[str]] = DeviceSnapshot.judged | {"state"}

    state: EccState = EccState.BROKEN
    transition: Transition = Transition.NONE
    asked: Transition = Transition.NONE
    target: EccTarget = EccTarget.NONE
    goal: EccTarget = EccTarget.NONE
    barred: int = 0
    error_code: int = 0
    step_time: float = 0.0
    response_time: float = 0.0
    poll_period: float = 1.0
    config: Config | None = None
    configs: tuple[ConfigId, ...] = ()
    config_filter: str = ""
    links: tuple[DataLink, ...] = ()
    role: str = "all"
    url: str = ""
    log_path: str = ""
    served: bool = True

    @property
    @made_from("transition")
    def transitioning(self) -> bool:
        """Whether the server is between two states."""
        return self.transition is not Transition.NONE

    @property
    @made_from("transition")
    def command(self) -> EccCommand:
        """The operation of the present transition, also of another client."""
        return EccCommand(self.transition)

    @property
    def doing(self) -> Transition:
        """The present transition, or our operation that is not answered yet.

        A request without an answer may still be done: it goes on while `asked`.
        """
        return self.transition or self.asked

    @property
    def heading(self) -> EccState:
        """The state, or the end of the transition, if that is higher."""
        operation = Operation.of(self.doing)
        after = leads_to(self.state, operation) if operation else None
        return EccState(max(self.state, after or self.state, self.goal))

    @property
    @made_from(
        "state",
        "transition",
        "asked",
        "goal",
        "busy",
        "known",
        "condition",
        "enabled",
        "config",
        "configs",
        "barred",
    )
    def allowed(self) -> int:
        """Bit n: a put of state n would be accepted now."""
        return sum(1 << target for target in EccTarget if self._allows(target))

    def _allows(self, target: EccTarget) -> bool:
        if target is EccTarget.NONE or not self.known or self.is_lost:
            return False
        state = EccState(target)
        if NEEDS_CONFIG.intersection(path(self.state, state)):
            listed = self.config in self.configs
        else:
            listed = True
        if self.goal:  # the same joins, a lower one takes over
            free = target is self.goal or is_below(state, EccState(self.goal))
        else:
            moving = self.doing or self.busy
            at_rest = self.enabled and not moving
            free = at_rest or is_below(state, self.heading)
        is_open = target is self.goal or not self.barred >> target & 1
        return free and listed and is_open

    def alarm(self, field: str) -> Alarm:
        """Broken is an alarm of State alone: one fault, one alarm."""
        alarm = super().alarm(field)
        if (
            alarm == NO_ALARM
            and field == "state"
            and self.condition is Condition.BROKEN
        ):
            return Alarm(Severity.MAJOR, Status.STATE, "broken after a failure")
        return alarm

    @property
    @made_from("config")
    def config_text(self) -> str:
        """The chosen configuration as describe/prepare/configure; "" if none."""
        return str(self.config or "")

    @property
    @made_from("config")
    def config_describe(self) -> str:
        """The describe part of the chosen configuration."""
        return self.config.describe if self.config else ""

    @property
    @made_from("config")
    def config_prepare(self) -> str:
        """The prepare part of the chosen configuration."""
        return self.config.prepare if self.config else ""

    @property
    @made_from("config")
    def config_configure(self) -> str:
        """The configure part of the chosen configuration."""
        return self.config.configure if self.config else ""

    @property
    @made_from("configs", "config_filter")
    def config_list(self) -> str:
        """The listed configurations that pass the filter, one per line.

        The last line says how many do not.
        """
        words = self.config_filter.lower().split()
        found = [
            name
            for name in map(str, self.configs)
            if all(word in name.lower() for word in words)
        ]
        if left := len(self.configs) - len(found):
            found.append(f"... {left:,} do not match ConfigFilter")
        return "\n".join(found)

    @property
    @made_from("links")
    def data_links(self) -> str:
        """The data links, one per line."""
        return "\n".join(
            f"{link.sender} -> {link.router} {link.address}:{link.port} {link.type}"
            for link in self.links
        )
