"""Defines the states and events of a run, and the table of transitions.

The table has a row for every event in every state; a command that it does not allow is
refused with a cure.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import NamedTuple

from daqpv.core.labels import Labelled


class RunState(Labelled):
    """The states of the run control; the numbers are those of the State PV."""

    STOPPED = 0  # no run is open
    STARTING = 1  # servers are started; the number is not taken yet
    RUNNING = 2
    PAUSED = 3
    STOPPING = 4
    FAILED = 5  # a start or a stop has halted; Reset leaves this state


OPEN = frozenset({RunState.RUNNING, RunState.PAUSED})
"""A run is open, and data may come."""


class RunClass(Labelled):
    """The classes of runs, as in attpc-daq; the store holds the labels."""

    TESTING = 0
    PRODUCTION = 1
    BEAM = 2
    JUNK = 3
    PULSER = 4


class RunEvent(Enum):
    """The events of a run."""

    # commands
    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    RESET = "reset"
    # results of the commands
    STARTED = "all servers are Running"
    START_REFUSED = "nothing was sent"
    START_FAILED = "the start has halted"
    STOPPED = "no server takes data"
    STOP_FAILED = "a server may still take data"
    # changes of the servers without a command of this run
    SEEN_PAUSED = "all servers are Paused"
    SEEN_RUNNING = "all servers are Running again"
    SEEN_STOPPED = "no server takes data any more"
    # states of the servers after a restart with an open run
    FOUND_RUNNING = "found all Running"
    FOUND_PAUSED = "found all Paused"
    FOUND_STOPPED = "found none that takes data"
    FOUND_MIXED = "found some that take data"


class Entry(StrEnum):
    """The state of a run in the store."""

    OPEN = "open"
    ENDED = "ended"  # stopped by daqpv
    INTERRUPTED = "interrupted"  # it ended unseen, or by another client
    FAILED = "failed"  # given up by Reset


class Row(NamedTuple):
    """The transition for an event in a state.

    Attributes:
        after: the state that follows; None: the command is refused.
        entry: new entry of the run in the store; None: no change.
        why: of a refusal, with the cure ({run} is "Run 12", {pv} the prefix, {failure}
            why it has failed; {start}, {stop} and {reset} are cures); or the
            text on the end of the run.
    """

    after: RunState | None
    entry: Entry | None = None
    why: str = ""


_OFF, _STARTING, _RUNNING, _PAUSED, _STOPPING, _FAILED = RunState
_E = RunEvent

_OPEN_ALREADY = "{run} is open. First: {stop}"
RESET_FIRST = (
    "{run} has failed: {failure} To stop what runs: {stop}; or close it as it is: "
    "{reset}"
)
_NO_RUN = "No run is open. To start one: {start}"
_ON_ITS_WAY = "{run} is on its way: wait for {pv}State, or: {stop}"
_NOT_FAILED = "Reset is for a run that has failed; {run} is not."


def _refused(why: str) -> Row:
    return Row(None, why=why)


_STAYS = {state: Row(state) for state in RunState}
_OTHER_HANDS = "No server took data any more, and Run:Stop had not stopped them."
_AWAY = "It had ended while daqpv was away."

# fmt: off
TABLE: dict[tuple[RunState, RunEvent], Row] = {
    (_OFF, _E.START): Row(_STARTING),
    (_OFF, _E.STOP): Row(_STOPPING),  # servers may run without a run: stop is stop
    (_OFF, _E.PAUSE): _refused(_NO_RUN),
    (_OFF, _E.RESUME): _refused(_NO_RUN),
    (_OFF, _E.RESET): Row(_OFF),

    (_STARTING, _E.START): Row(_STARTING),
    (_STARTING, _E.STARTED): Row(_RUNNING, Entry.OPEN),
    (_STARTING, _E.START_REFUSED): Row(_OFF),
    (_STARTING, _E.START_FAILED): Row(_FAILED),
    (_STARTING, _E.STOP): Row(_STOPPING),
    (_STARTING, _E.PAUSE): _refused(_ON_ITS_WAY),
    (_STARTING, _E.RESUME): _refused(_ON_ITS_WAY),
    (_STARTING, _E.RESET): _refused(_ON_ITS_WAY),
    (_STARTING, _E.FOUND_RUNNING): Row(_RUNNING, Entry.OPEN),
    (_STARTING, _E.FOUND_PAUSED): Row(_PAUSED, Entry.OPEN),
    (_STARTING, _E.FOUND_STOPPED): Row(_OFF),
    (_STARTING, _E.FOUND_MIXED): Row(_FAILED),

    (_RUNNING, _E.START): _refused(_OPEN_ALREADY),
    (_RUNNING, _E.STOP): Row(_STOPPING),
    (_RUNNING, _E.PAUSE): Row(_RUNNING),  # until Paused is read back
    (_RUNNING, _E.RESUME): Row(_RUNNING),
    (_RUNNING, _E.RESET): _refused(_NOT_FAILED),
    (_RUNNING, _E.SEEN_PAUSED): Row(_PAUSED),
    (_RUNNING, _E.SEEN_STOPPED): Row(_OFF, Entry.INTERRUPTED, _OTHER_HANDS),
    (_RUNNING, _E.FOUND_RUNNING): Row(_RUNNING, Entry.OPEN),
    (_RUNNING, _E.FOUND_PAUSED): Row(_PAUSED, Entry.OPEN),
    (_RUNNING, _E.FOUND_STOPPED): Row(_OFF, Entry.INTERRUPTED, _AWAY),
    (_RUNNING, _E.FOUND_MIXED): Row(_FAILED, Entry.OPEN),

    (_PAUSED, _E.START): _refused(_OPEN_ALREADY),
    (_PAUSED, _E.STOP): Row(_STOPPING),
    (_PAUSED, _E.PAUSE): Row(_PAUSED),
    (_PAUSED, _E.RESUME): Row(_PAUSED),  # until Running is read back
    (_PAUSED, _E.RESET): _refused(_NOT_FAILED),
    (_PAUSED, _E.SEEN_RUNNING): Row(_RUNNING),
    (_PAUSED, _E.SEEN_STOPPED): Row(_OFF, Entry.INTERRUPTED, _OTHER_HANDS),
    (_PAUSED, _E.FOUND_RUNNING): Row(_RUNNING, Entry.OPEN),
    (_PAUSED, _E.FOUND_PAUSED): Row(_PAUSED, Entry.OPEN),
    (_PAUSED, _E.FOUND_STOPPED): Row(_OFF, Entry.INTERRUPTED, _AWAY),
    (_PAUSED, _E.FOUND_MIXED): Row(_FAILED, Entry.OPEN),

    (_STOPPING, _E.START): _refused(_ON_ITS_WAY),
    (_STOPPING, _E.STOP): Row(_STOPPING),
    (_STOPPING, _E.STOPPED): Row(_OFF, Entry.ENDED),
    (_STOPPING, _E.STOP_FAILED): Row(_FAILED),
    (_STOPPING, _E.PAUSE): _refused(_ON_ITS_WAY),
    (_STOPPING, _E.RESUME): _refused(_ON_ITS_WAY),
    (_STOPPING, _E.RESET): _refused(_ON_ITS_WAY),
    (_STOPPING, _E.FOUND_RUNNING): Row(_FAILED, Entry.OPEN),
    (_STOPPING, _E.FOUND_PAUSED): Row(_FAILED, Entry.OPEN),
    (_STOPPING, _E.FOUND_STOPPED): Row(_OFF, Entry.ENDED),
    (_STOPPING, _E.FOUND_MIXED): Row(_FAILED, Entry.OPEN),

    (_FAILED, _E.START): _refused(RESET_FIRST),
    (_FAILED, _E.STOP): Row(_STOPPING),
    (_FAILED, _E.PAUSE): _refused(RESET_FIRST),
    (_FAILED, _E.RESUME): _refused(RESET_FIRST),
    (_FAILED, _E.RESET): Row(_OFF, Entry.FAILED, "It was given up by Reset."),
}
# fmt: on
for _state in RunState:  # events that only other states expect change nothing
    for _event in RunEvent:
        TABLE.setdefault((_state, _event), _STAYS[_state])
