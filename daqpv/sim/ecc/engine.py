"""The state machine of an ECC server, with the sub-states behind its behaviour.

The server runs two machines, one inside the other: the outer one knows Idle, Described,
Prepared, Active and Error; the inner one lives in Active and knows Ready, Running and
Paused. GetState answers the inner state while the outer one is Active. State 0, which
the protocol calls OFF, is the answer without a state: Active with the inner machine off
after a failed Breakup, or Error after a failed Undo.

Source: GET software (GetBench), src/get/rc/BackEnd.cpp `createEngine`, and the engine
of its StateMachine library.
"""

from __future__ import annotations

from enum import Enum, auto

from daqpv.ecc.codes import EccState, Operation


class Outer(Enum):
    """State of the outer machine."""

    IDLE = auto()
    DESCRIBED = auto()
    PREPARED = auto()
    ACTIVE = auto()
    ERROR = auto()  # no event leads out of it: the process must be restarted


class Inner(Enum):
    """State of the machine inside ACTIVE."""

    OFF = auto()
    READY = auto()
    RUNNING = auto()
    PAUSED = auto()


_OUTER: dict[tuple[Outer, Operation], Outer] = {
    (Outer.IDLE, Operation.DESCRIBE): Outer.DESCRIBED,
    (Outer.DESCRIBED, Operation.PREPARE): Outer.PREPARED,
    (Outer.DESCRIBED, Operation.UNDO): Outer.IDLE,
    (Outer.PREPARED, Operation.CONFIGURE): Outer.ACTIVE,
    (Outer.PREPARED, Operation.UNDO): Outer.DESCRIBED,
    (Outer.ACTIVE, Operation.BREAKUP): Outer.PREPARED,
}
_INNER: dict[tuple[Inner, Operation], Inner] = {
    (Inner.READY, Operation.START): Inner.RUNNING,
    (Inner.RUNNING, Operation.STOP): Inner.READY,
    (Inner.RUNNING, Operation.PAUSE): Inner.PAUSED,
    (Inner.PAUSED, Operation.RESUME): Inner.RUNNING,
    (Inner.PAUSED, Operation.STOP): Inner.READY,
}
_SHOWN = {
    (Outer.IDLE, Inner.OFF): EccState.IDLE,
    (Outer.DESCRIBED, Inner.OFF): EccState.DESCRIBED,
    (Outer.PREPARED, Inner.OFF): EccState.PREPARED,
    (Outer.ACTIVE, Inner.READY): EccState.READY,
    (Outer.ACTIVE, Inner.RUNNING): EccState.RUNNING,
    (Outer.ACTIVE, Inner.PAUSED): EccState.PAUSED,
    (Outer.ACTIVE, Inner.OFF): EccState.BROKEN,
    (Outer.ERROR, Inner.OFF): EccState.BROKEN,
}


class Engine:
    """The two machines; a new one is a process that has just started."""

    def __init__(self) -> None:
        self.outer = Outer.IDLE
        self.inner = Inner.OFF

    @property
    def state(self) -> EccState:
        """The state that GetState answers."""
        return _SHOWN[self.outer, self.inner]

    @property
    def is_taking_data(self) -> bool:
        """Whether a Stop has something to stop."""
        return self.inner in (Inner.RUNNING, Inner.PAUSED)

    def accepts(self, operation: Operation) -> bool:
        """Whether the state has this operation; if not, the server ignores it."""
        if self.outer is Outer.ACTIVE and (self.inner, operation) in _INNER:
            return True
        return (self.outer, operation) in _OUTER

    def succeed(self, operation: Operation) -> None:
        """Go to the state to which an accepted operation leads."""
        if (self.outer, operation) not in _OUTER:
            self.inner = _INNER[self.inner, operation]
            return
        self.outer = _OUTER[self.outer, operation]
        self.inner = Inner.READY if self.outer is Outer.ACTIVE else Inner.OFF

    def fail(self, operation: Operation) -> None:
        """Go to the state after an accepted operation whose action failed.

        For most operations it is the state before. A Breakup has switched the inner
        machine off before it failed, and can be repeated; a failed Undo of Prepare is
        final.
        """
        if operation is Operation.BREAKUP:
            self.inner = Inner.OFF
        elif operation is Operation.UNDO and self.outer is Outer.PREPARED:
            self.outer = Outer.ERROR
