"""Finds the gaps of an open run: times in which a server or router took no part.

A gap begins when a server that has taken data in the run is seen to do something else,
is lost or is disabled, and ends when it is seen to do what the run does. The gaps go
into the note of the run's record as soon as they begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from daqpv.core.timing.utc import clock_text
from daqpv.runs.detector import Member
from daqpv.runs.states import RunState

_MOST = 8  # gaps of one member in a note; those that follow extend the last one
_ROUTER = "Router "
RESTARTED = "restarted"
_WORDS = 6  # states that a gap names

_TAKING = frozenset({"Running", "Paused"})
_STANDING = frozenset({"Ready", *_TAKING})
_EXPECTED = {
    RunState.RUNNING: frozenset({"Running"}),
    RunState.PAUSED: frozenset({"Paused"}),
}
"""What the servers of a run do while no command of the run is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time in which a server or router took no part in the open run.

    Attributes:
        name: of the server or router.
        what: its states meanwhile, in order: "Offline", "Idle", "disabled".
        since: when the gap was noticed, UTC [s since 1970].
        until: when it was seen to take part again; None: not yet.
        times: number of gaps that this one stands for.
        is_alarm: whether it spoils the run as long as it lasts.
    """

    name: str
    what: tuple[str, ...]
    since: float
    until: float | None = None
    times: int = 1
    is_alarm: bool = True

    @property
    def now(self) -> str:
        """Its present state: "CoBo1 is Idle since 12:03:05 UTC"."""
        return f"{self.name} is {self.what[-1]} since {clock_text(self.since)} UTC"

    @property
    def text(self) -> str:
        """Without the name: "Idle from 12:03:05 to 12:03:11 UTC (restarted)"."""
        words = ", ".join(self.what)
        until = "" if self.until is None else f" to {clock_text(self.until)}"
        how = " (restarted)" if self._has_restarted else ""
        times = f", {self.times} times" if self.times > 1 else ""
        if self.what == (RESTARTED,) and self.times == 1:
            return f"{words} at {clock_text(self.since)} UTC"
        return f"{words} from {clock_text(self.since)}{until} UTC{how}{times}"

    @property
    def is_seen_below(self) -> bool:
        """Whether it answered meanwhile, and did something else than the run."""
        return self.what[-1] in _ORDER

    @property
    def is_deliberate(self) -> bool:
        """Whether it was disabled, or paused or resumed by another client."""
        now = self.what[-1]
        return now.startswith("disabled") or now in _TAKING

    @property
    def _has_restarted(self) -> bool:
        """Whether it was seen Idle without a step of the way down before."""
        seen = [one for one in self.what if one in _ORDER]
        return seen[:1] == ["Idle"]


_ORDER = frozenset({"Idle", "Described", "Prepared", *_STANDING})


def expected(state: RunState, *, is_commanded: bool) -> frozenset[str]:
    """What the servers of a run should be, by the state of the run."""
    if is_commanded:
        return _STANDING
    return _EXPECTED.get(state, _STANDING)


def attended(
    gaps: Sequence[Gap],
    members: Iterable[Member],
    taking: Iterable[str],
    *,
    wanted: frozenset[str],
    now: float,
) -> tuple[Gap, ...]:
    """The gaps of a run, from the present states of its members.

    Args:
        gaps: until now.
        members: all servers and routers, as they are now.
        taking: names of the members that take part in the run.
        wanted: states that they should have.
        now: the time, UTC [s since 1970].
    """
    part = frozenset(taking)
    result = list(gaps)
    for member in members:
        if member.name not in part or not member.is_known:
            continue
        word = _astray(member, wanted)
        index = _last(result, member.name)
        if index is not None and result[index].until is None:
            if wanted is _STANDING and not word and result[index].is_seen_below:
                continue  # it is not back: the others have come down
            result[index] = _continued(result[index], word, member, now)
        elif word:
            _begin(result, word, member, now)
    return tuple(result)


def restarted(gaps: Sequence[Gap], name: str, *, now: float) -> tuple[Gap, ...]:
    """The gaps after a router was found with another process than before."""
    of_it = [gap for gap in gaps if gap.name == name]
    if len(of_it) < _MOST:
        gap = Gap(name=name, what=(RESTARTED,), since=now, until=now, is_alarm=False)
        return (*gaps, gap)
    last = of_it[-1]
    what = last.what if RESTARTED in last.what else (*last.what, RESTARTED)
    until = None if last.until is None else now
    times = last.times + 1
    more = replace(last, what=what[-_WORDS:], until=until, times=times)
    return tuple(more if gap is last else gap for gap in gaps)


def _last(gaps: Sequence[Gap], name: str) -> int | None:
    found = (i for i in range(len(gaps) - 1, -1, -1) if gaps[i].name == name)
    return next(found, None)


def _astray(member: Member, wanted: frozenset[str]) -> str:
    """The reason why a member takes no part; "" if it takes part."""
    if not member.enabled:
        return f"disabled while {member.state}" if member.state else "disabled"
    if not member.is_there:
        return member.state or "lost"
    if member.has_states and member.state not in wanted:
        return member.state
    return ""


def _continued(gap: Gap, word: str, member: Member, now: float) -> Gap:
    if not word:
        return replace(gap, until=now, is_alarm=False)
    is_alarm = _is_alarm(member)
    if word == gap.what[-1] or (word.startswith("disabled") and _is_disabled(gap)):
        return replace(gap, is_alarm=is_alarm) if is_alarm != gap.is_alarm else gap
    kept = gap.what if len(gap.what) < _WORDS else gap.what[: _WORDS - 1]
    return replace(gap, what=(*kept, word), is_alarm=is_alarm)


def _is_disabled(gap: Gap) -> bool:
    return gap.what[-1].startswith("disabled")


def _begin(gaps: list[Gap], word: str, member: Member, now: float) -> None:
    of_it = [i for i, gap in enumerate(gaps) if gap.name == member.name]
    is_alarm = _is_alarm(member)
    if len(of_it) < _MOST:
        gaps.append(Gap(name=member.name, what=(word,), since=now, is_alarm=is_alarm))
        return
    last = gaps[of_it[-1]]
    what = last.what if word in last.what else (*last.what[: _WORDS - 1], word)
    gaps[of_it[-1]] = replace(
        last, what=what, until=None, times=last.times + 1, is_alarm=is_alarm
    )


def _is_alarm(member: Member) -> bool:
    """Whether it spoils the run: not if it was left out and takes no data for sure."""
    return member.enabled or member.may_take_data


def router(name: str) -> str:
    """The name of a router as a member of a run; a server may have the same."""
    return f"{_ROUTER}{name}"


def routers(taking: Iterable[str]) -> tuple[str, ...]:
    """The names of the routers in `taking`."""
    found = (one.partition(_ROUTER) for one in taking)
    return tuple(name for before, is_one, name in found if is_one and not before)


def note(gaps: Sequence[Gap]) -> str:
    """The gaps as sentences of a note; members with the same gap are named together."""
    alike: dict[str, dict[str, None]] = {}  # names in order, each once
    for gap in gaps:
        alike.setdefault(gap.text, {})[gap.name] = None
    return " ".join(f"{', '.join(n)}: {text}." for text, n in alike.items())


def moved(gaps: Iterable[Gap], step: float) -> tuple[Gap, ...]:
    """`gaps` by a clock that was set by `step` [s]."""
    return tuple(
        replace(
            gap,
            since=gap.since + step,
            until=None if gap.until is None else gap.until + step,
        )
        for gap in gaps
    )
