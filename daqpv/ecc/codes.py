"""The states, transitions and operations of the ECC protocol.

Source: GET software (GetBench), src/get/rc/SM.h and BackEnd.cpp `createEngine`.
"""

from __future__ import annotations

from enum import Enum

from daqpv.core.labels import Labelled


class EccState(Labelled):
    """State of an ECC server, as GetState counts them."""

    BROKEN = 0  # the server calls it OFF: unusable after a failure
    IDLE = 1
    DESCRIBED = 2
    PREPARED = 3
    READY = 4
    RUNNING = 5
    PAUSED = 6


class Transition(Labelled):
    """Transition of an ECC server, as GetState counts them."""

    NONE = 0
    DESCRIBING = 1
    PREPARING = 2
    CONFIGURING = 3
    STARTING = 4
    STOPPING = 5
    PAUSING = 6
    RESUMING = 7
    BREAKING_UP = 8
    RESETTING = 9


class Operation(Enum):
    """Operation of an ECC server; the value is its name in requests."""

    DESCRIBE = "Describe"
    PREPARE = "Prepare"
    CONFIGURE = "Configure"
    START = "Start"
    STOP = "Stop"
    PAUSE = "Pause"
    RESUME = "Resume"
    BREAKUP = "Breakup"
    UNDO = "Undo"

    @property
    def label(self) -> str:
        """The text of the Command PV."""
        return self.value

    @property
    def transition(self) -> Transition:
        """The transition during the operation; also the ErrorCode if it fails."""
        return _TRANSITION[self]

    @classmethod
    def of(cls, transition: Transition) -> Operation | None:
        """The operation that the server is doing; None for Transition.NONE."""
        return _OPERATION.get(transition)


_TRANSITION = dict(
    zip(Operation, [t for t in Transition if t is not Transition.NONE], strict=True)
)
_OPERATION: dict[Transition, Operation] = {
    transition: operation for operation, transition in _TRANSITION.items()
}

LEGAL: dict[tuple[EccState, Operation], EccState] = {
    (EccState.IDLE, Operation.DESCRIBE): EccState.DESCRIBED,
    (EccState.DESCRIBED, Operation.PREPARE): EccState.PREPARED,
    (EccState.DESCRIBED, Operation.UNDO): EccState.IDLE,
    (EccState.PREPARED, Operation.CONFIGURE): EccState.READY,
    (EccState.PREPARED, Operation.UNDO): EccState.DESCRIBED,
    (EccState.READY, Operation.START): EccState.RUNNING,
    (EccState.READY, Operation.BREAKUP): EccState.PREPARED,
    (EccState.RUNNING, Operation.STOP): EccState.READY,
    (EccState.RUNNING, Operation.PAUSE): EccState.PAUSED,
    (EccState.RUNNING, Operation.BREAKUP): EccState.PREPARED,
    (EccState.PAUSED, Operation.RESUME): EccState.RUNNING,
    (EccState.PAUSED, Operation.STOP): EccState.READY,
    (EccState.PAUSED, Operation.BREAKUP): EccState.PREPARED,
}
"""State after an operation, by state and operation. The server ignores all others, with
the answer "success"."""
