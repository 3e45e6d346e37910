"""What daqpv sent, against the order of the servers and what it was told of them.

Written by hand from the order of a MuTAnT and CoBos; it shares no table with the code
under test. The guard of an operation is judged by what daqpv could believe of the other
servers: what their last answers to GetState said, which another client's command makes
stale until the next poll, and what daqpv itself had just asked them to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from tests.e2e.sequences.timing import LOST, OPERATION, SLACK

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = range(7)
STATES = "Broken", "Idle", "Described", "Prepared", "Ready", "Running", "Paused"

States: TypeAlias = frozenset[int]
Request: TypeAlias = Mapping[str, Any]

_FROM_TO = {
    "Describe": {IDLE: DESCRIBED},
    "Prepare": {DESCRIBED: PREPARED},
    "Configure": {PREPARED: READY},
    "Start": {READY: RUNNING},
    "Pause": {RUNNING: PAUSED},
    "Resume": {PAUSED: RUNNING},
    "Stop": {RUNNING: READY, PAUSED: READY},
    "Breakup": {READY: PREPARED, BROKEN: PREPARED},  # daqpv never lets it stop a run
    "Undo": {PREPARED: DESCRIBED, DESCRIBED: IDLE},
}
_DOING = {
    "Describing": "Describe",
    "Preparing": "Prepare",
    "Configuring": "Configure",
    "Starting": "Start",
    "Pausing": "Pause",
    "Resuming": "Resume",
    "Stopping": "Stop",
    "BreakingUp": "Breakup",
    "Resetting": "Undo",
}
_DOWN = ("Stop", "Breakup", "Undo")


@dataclass(frozen=True)
class Sent:
    """An operation that daqpv sent.

    Attributes:
        time: when it arrived.
        server: where.
        operation: its name on the wire.
        state: where daqpv was told that the server is.
        request: as the simulator kept it.
    """

    time: float
    server: str
    operation: str
    state: int
    request: Request

    @property
    def soon(self) -> States:
        """Where the server is meanwhile, and where it will be."""
        after = _FROM_TO[self.operation].get(self.state, self.state)
        return frozenset({self.state, after})

    def allows(self, other: str) -> States | None:
        """Where the server `other` has to be before this is sent; None: anywhere."""
        mover, theirs = _part(self.server), _part(other)
        match self.operation, mover, theirs:
            case "Prepare", "C", "M":
                return frozenset({PREPARED, READY, RUNNING, PAUSED})
            case "Configure", "M", "C":
                return frozenset({READY})
            case "Start", "C", "M":
                return frozenset({READY})
            case "Start", "C", "C":
                return frozenset({READY, RUNNING})
            case "Start" | "Pause" | "Resume", "M", "C":
                return frozenset({RUNNING})
            case "Pause", "C", "M":
                return frozenset({PAUSED})
            case ("Pause", "C", "C") | ("Resume", "C", _):
                return frozenset({RUNNING, PAUSED})
            case "Breakup", _, _:
                return frozenset(range(READY + 1))
            case "Undo", _, _:
                return frozenset(range(self.state + 1))
        return None

    def __str__(self) -> str:
        state = STATES[self.state]
        return f"{self.time:.3f} {self.operation} to {self.server} at {state}"


def _part(server: str) -> str:
    return "C" if server.startswith("CoBo") else "M"


@dataclass(frozen=True)
class Belief:
    """What daqpv could hold of a server from a moment on.

    Attributes:
        since: that moment.
        states: where the server is, and soon will be.
        is_free: it is disabled: it forbids nothing.
        is_lost: it may count as lost: it forbids no way down.
        sent: the operation of daqpv's own because of which it is so.
    """

    since: float
    states: States
    is_free: bool = False
    is_lost: bool = False
    sent: Sent | None = None

    def allows(self, sent: Sent, server: str) -> bool:
        wanted = sent.allows(server)
        if wanted is None or self.is_free:
            return True
        return (self.is_lost and sent.operation in _DOWN) or self.states <= wanted


class History:
    """One server: what daqpv was told of it, sent it, and could believe.

    Args:
        server: its name.
        log: the simulator's requests.
        switched: when it was disabled (False) or enabled (True).
        before: where daqpv held it to be before; empty: it knew nothing.
    """

    def __init__(
        self,
        server: str,
        log: Sequence[Request],
        *,
        switched: Iterable[tuple[float, bool]],
        before: States,
    ) -> None:
        self.server = server
        self.told = [
            one
            for one in log
            if one["method"] == "GetState" and one["path"] == "/" and one["answered"]
        ]
        self.told.sort(key=lambda one: one["answered"])
        self.sent = [
            Sent(one["time"], server, one["method"], self._state_at(one["time"]), one)
            for one in log
            if one["method"] in _FROM_TO and one["path"] == "/"
        ]
        self.foreign = [
            one["time"]
            for one in log
            if one["method"] in _FROM_TO and one["path"] != "/"
        ]
        self.beliefs = [Belief(0.0, before), *self._beliefs(switched, before)]

    def _state_at(self, moment: float) -> int:
        """Where the server was by the last answer before `moment`."""
        told = [one for one in self.told if one["answered"] <= moment]
        return STATES.index(told[-1]["state"]) if told else IDLE

    def _beliefs(
        self, switched: Iterable[tuple[float, bool]], before: States
    ) -> list[Belief]:
        events: list[tuple[float, Request | Sent | bool]]
        events = [(one["answered"], one) for one in self.told]
        events += [(one.time, one) for one in self.sent]
        events += switched
        beliefs: list[Belief] = []
        states, answered, is_free = before, events[0][0] if events else 0.0, False
        for moment, event in sorted(events, key=lambda pair: pair[0]):
            if moment - answered > LOST:
                beliefs.append(Belief(answered + LOST, states, is_free, is_lost=True))
            if isinstance(event, bool):
                is_free, answered = not event, moment
                beliefs.append(Belief(moment, states, is_free, is_lost=True))
                continue
            sent = event if isinstance(event, Sent) else None
            if isinstance(event, Sent):
                states = event.soon
            else:
                states, answered = _told(event), moment
            beliefs.append(Belief(moment, states, is_free, sent=sent))
        return sorted(beliefs, key=lambda belief: belief.since)

    def check_own(self) -> None:
        """What was sent led somewhere from where daqpv was told that the server is."""
        for sent in self.sent:
            lately = [one for one in self.told if one["answered"] <= sent.time]
            recent = [o for o in lately if o["answered"] > sent.time - SLACK]
            from_ = _FROM_TO[sent.operation]
            assert any(
                STATES.index(one["state"]) in from_ and one["transition"] == "None"
                for one in (recent or lately[-1:])
            ), f"{sent}; told {lately[-3:]}"
            since = lately[-1]["answered"] - SLACK
            if not any(since < time < sent.time for time in self.foreign):
                assert sent.request["transition"] == "None", f"{sent}, and it is busy"

    def check_once(self, ended: Sequence[float], *, is_cut: bool) -> None:
        """Nothing is sent beside what hangs, or again by a command that knows no end.

        Args:
            ended: when commands of the server's device ended.
            is_cut: connections that hung may have been cut.
        """
        for first, then in pairwise(self.sent):
            if first.request["process"] != then.request["process"]:
                continue
            if first.request["fault"] == "hang" and not is_cut:
                assert then.time > first.time + OPERATION - SLACK, f"{first}; {then}"
            is_alike = (first.operation, first.state) == (then.operation, then.state)
            if is_alike and not first.request["answered"]:
                # an abort may end the command before its request arrives
                early = first.time - SLACK / 5
                assert any(early < end < then.time for end in ended), (
                    f"{first} has an unknown outcome, and again {then}"
                )

    def check_configs(self, describes: Iterable[str]) -> None:
        """No name was sent that would kill the server."""
        for sent in self.sent:
            if sent.operation in ("Describe", "Prepare", "Configure"):
                text = sent.request["config_id"]
                found = re.findall(r'<SubConfigId type="(\w+)">([^<]*)<', text)
                parts = dict(found)
                assert parts.pop("describe") in describes, text
                assert parts == {"prepare": "exp", "configure": "exp"}, text


def _told(answer: Request) -> States:
    state = STATES.index(answer["state"])
    doing = _DOING.get(answer["transition"])
    soon = _FROM_TO[doing].get(state, state) if doing else state
    if doing == "Breakup" and state in (RUNNING, PAUSED):  # another client's
        soon = PREPARED
    return frozenset({state, soon})


def check_order(histories: Mapping[str, History]) -> None:
    """Nothing was sent that the order forbids, by what daqpv could know."""
    everything = [sent for one in histories.values() for sent in one.sent]
    for sent in sorted(everything, key=lambda one: one.time):
        for name, other in histories.items():
            if name != sent.server:
                assert _is_allowed(sent, other), (
                    f"{sent} beside {name}: wanted {sent.allows(name)}, "
                    f"{_around(sent.time, other.beliefs)}"
                )


def _is_allowed(sent: Sent, other: History) -> bool:
    """Whether daqpv could believe that `other` is where it has to be.

    A request arrives a little after its guard has looked: what it was told in between
    it could not know. What it sent itself in between it could: that went by a guard
    which knew of `sent`, and so has to be allowed beside it.
    """
    for belief in reversed([one for one in other.beliefs if one.since < sent.time]):
        if belief.allows(sent, other.server):
            return True
        if belief.since < sent.time - SLACK:
            return False
        if belief.sent is not None:
            wanted = belief.sent.allows(sent.server)
            if wanted is not None and not sent.soon <= wanted:
                return False
    return False


def _around(moment: float, beliefs: Sequence[Belief]) -> str:
    lines = [
        f"{one.since:.3f} {sorted(one.states)}{' free' * one.is_free}"
        f"{' lost' * one.is_lost} {one.sent or ''}"
        for one in beliefs
        if moment - 2 < one.since < moment + 1
    ]
    return "\n    ".join(["it was believed:", *lines])
