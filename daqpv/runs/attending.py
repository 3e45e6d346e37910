"""Watches the members of a run, and judges what disturbs it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from daqpv.core import Command, Cure, EventSeverity
from daqpv.core.timing.utc import clock_text
from daqpv.runs.attendance import (
    RESTARTED,
    Gap,
    attended,
    expected,
    restarted,
    router,
)
from daqpv.runs.checks import storages_in_use
from daqpv.runs.detector import Detector, Member, Storage, lost_word
from daqpv.runs.record.books import Books
from daqpv.runs.states import OPEN, RunState

FULL_SOON = 0.5 * 3600  # [s] a disk that is full so soon spoils a run


class Attending(Books):
    """A run that watches which servers and routers take part in it.

    Args:
        detector: the ECC servers.
        storages: the data routers.
        books: arguments of `Books`.
    """

    def __init__(
        self, detector: Detector, storages: Sequence[Storage], **books: Any
    ) -> None:
        super().__init__(**books)
        self._detector = detector
        self._storages = tuple(storages)
        self._disabled: frozenset[str] | None = None  # servers, as seen last
        self._processes: dict[str, str] = {}  # of routers, as seen last
        self._reported = (False, "")  # the alarm: whether a run was open, and its text

    def _members(self) -> list[Member]:
        return [*self._detector.members, *map(_member, self._storages)]

    def _taking(self) -> tuple[str, ...]:
        return tuple(one.name for one in self._members() if one.enabled)

    def _attend(self) -> None:
        """Find which members take part in the open run, and record the gaps."""
        restarts = self._restarted_routers()
        if self.snapshot.open_run is None or not self.snapshot.known:
            return
        members = self._members()
        taking = self.snapshot.taking or self._taking()
        wanted = expected(self.snapshot.state, is_commanded=self.running is not None)
        new = [
            one.name
            for one in members
            if one.name not in taking and one.enabled and one.is_known and one.is_there
            if not one.has_states or one.state in wanted
        ]
        self.change(replace(self.snapshot, taking=(*taking, *new)))
        before = self.snapshot.gaps
        gaps = attended(
            before, members, self.snapshot.taking, wanted=wanted, now=self.clock.time()
        )
        for name in restarts:
            if name in self.snapshot.taking:
                gaps = restarted(gaps, name, now=self.clock.time())
        if gaps == before:
            return
        self.change(replace(self.snapshot, gaps=gaps))
        if [one.text for one in gaps] != [one.text for one in before]:
            self._record(self.snapshot.open_run)
            self._report_gaps(before, gaps)

    def _restarted_routers(self) -> list[str]:
        """Routers with another process than at the last call."""
        seen = {router(o.name): o.snapshot.process for o in self._storages}
        before, now = self._processes, {n: p for n, p in seen.items() if p}
        self._processes = before | now
        return [name for name, one in now.items() if before.get(name, one) != one]

    def _report_gaps(self, before: Sequence[Gap], gaps: Sequence[Gap]) -> None:
        known = {(gap.name, gap.since, gap.times): gap for gap in before}
        for gap in gaps:
            old = known.get((gap.name, gap.since, gap.times))
            if old is not None and (old.what, old.until) == (gap.what, gap.until):
                continue
            run = f"Run {self.snapshot.number}"
            if gap.until is None:
                text = f"{run}: {gap.now}"
                warning = EventSeverity.WARNING
                self.emit("run gap", text, severity=warning, member=gap.name)
            elif gap.what[-1] == RESTARTED:
                text = f"{run}: {gap.name} {gap.text}. Unwritten data may be lost"
                warning = EventSeverity.WARNING
                self.say("router restarted", text, is_good=False, member=gap.name)
            else:
                text = f"{run}: {gap.name} takes part again, after {gap.text}"
                self.emit("run gap over", text, member=gap.name)

    def see_rival(self, text: str) -> None:
        """Note another process that serves the same devices; "": it is gone."""
        if text == self.snapshot.rival:
            return
        self.change(replace(self.snapshot, rival=text))
        if self.snapshot.open_run is not None:
            self._annotate(
                self.snapshot.open_run, self._rival("from" if text else "until")
            )
        self._judge()

    def _rival(self, word: str) -> str:
        when = clock_text(self.clock.time())
        return f"Another process served the same devices {word} {when} UTC."

    def _unusual(self) -> str:
        return self._rival("from") if self.snapshot.rival else ""

    def _remember_left(self) -> None:
        """Remember the disabled servers that may take data after the end of the run."""
        taking = self.snapshot.taking
        left = {
            one.name
            for one in self._detector.members
            if not one.enabled
            and one.may_take_data
            and (one.state or one.name in taking)
        }
        self.change(
            replace(self.snapshot, left=tuple(sorted(left.union(self.snapshot.left))))
        )

    def command_ended(self, command: Command, error: BaseException | None) -> None:
        """Judge the run again."""
        super().command_ended(command, error)
        self._judge()

    def _judge(self) -> None:
        """Find the faults with an open run or without one, and describe them."""
        state = self.snapshot.state
        gaps = self.snapshot.gaps if state in OPEN else ()
        self.change(
            replace(
                self.snapshot,
                troubled=tuple(g.now for g in gaps if g.until is None and g.is_alarm),
                silent=tuple(
                    one.name
                    for one in storages_in_use(self._storages)
                    if one.snapshot.silent and state is RunState.RUNNING
                ),
                filling=self._filling() if state is RunState.RUNNING else (),
                left=self._still_left(self._newly_disabled()),
                stray=self._stray(),
            )
        )
        self.change(replace(self.snapshot, advice=self._advice()))
        if self.running is None:
            self._report_spoilt()

    def _report_spoilt(self) -> None:
        """Report the faults once, and their end."""
        state, spoilt = self.snapshot.state, self.snapshot.spoilt
        before, self._reported = self._reported, (state in OPEN, spoilt)
        if before == self._reported or not self.snapshot.known:
            return
        if state in OPEN:
            run = f"Run {self.snapshot.number} goes on"
            if spoilt:
                self.change(replace(self.snapshot, message=f"{run}. {spoilt}"))
            elif before[0]:
                self.change(replace(self.snapshot, message=f"{run}: all is well"))
        elif state is RunState.STOPPED:
            self._report_without_run(before[1] if not before[0] else "")

    def _report_without_run(self, before: str) -> None:
        """Report servers that take data, or may, without an open run."""
        snapshot, warning = self.snapshot, EventSeverity.WARNING
        if snapshot.stray:
            self.emit("data without a run", self._stray_text(), severity=warning)
        for name in snapshot.left:
            text = self._left_text(name)
            self.emit("server left running", text, severity=warning, server=name)
        if snapshot.spoilt:
            self.change(replace(self.snapshot, message=snapshot.advice))
        elif before:
            self.change(
                replace(
                    self.snapshot, message="No run is open, and no server takes data"
                )
            )

    def _advice(self) -> str:
        """The present faults, with the cures."""
        if self.snapshot.state in OPEN:
            return self.snapshot.spoilt
        if self.snapshot.state is not RunState.STOPPED:
            return ""
        stray = [self._stray_text()] if self.snapshot.stray else []
        rival = [self.snapshot.rival] if self.snapshot.rival else []
        return " ".join([*stray, *map(self._left_text, self.snapshot.left), *rival])

    def _stray_text(self) -> str:
        stray = self.snapshot.stray
        return (
            f"{', '.join(stray)} {'takes' if len(stray) == 1 else 'take'} data without "
            f"a run: no number, no record. To stop: "
            f"{Cure(self.prefix, 'Stop', 1)}"
        )

    def _left_text(self, name: str) -> str:
        members = {one.name: one.prefix for one in self._detector.members}
        return (
            f"{name} is disabled and was Running: it may still take data. To stop it: "
            f"{Cure(members.get(name, name), 'Enable', 1)}, then: "
            f"{Cure(self.prefix, 'Stop', 1)}. If it is known to be stopped: "
            f"{Cure(self.prefix, 'Reset', 1)}"
        )

    def writing_to(self, name: str) -> list[str]:
        """Servers that were left running and write to the router `name`."""
        left = self.snapshot.left
        members = self._detector.members
        return [o.name for o in members if o.name in left and name in o.routers]

    def _lost_servers(self) -> list[str]:
        """Servers that were lost, restarted or were stopped in the open run."""
        if self.snapshot.state not in OPEN:
            return []
        routers = {router(one.name) for one in self._storages}
        return [
            gap.now
            for gap in self.snapshot.gaps
            if gap.until is None
            and gap.is_alarm
            and gap.name not in routers
            and not gap.is_deliberate
        ]

    def _filling(self) -> tuple[str, ...]:
        return tuple(
            f"Disk of {one.name} is full"
            if one.snapshot.disk_time_left == 0
            else f"Disk of {one.name} is full in "
            f"{one.snapshot.disk_time_left / 60:.0f} min"
            for one in storages_in_use(self._storages)
            if one.snapshot.disk_time_left < FULL_SOON
        )

    def _newly_disabled(self) -> set[str]:
        """Servers that were disabled while they took data without a run."""
        disabled = {o.name: o for o in self._detector.members if not o.enabled}
        before, self._disabled = self._disabled, frozenset(disabled)
        if before is None or self.snapshot.state is not RunState.STOPPED:
            return set()
        new = (one for name, one in disabled.items() if name not in before)
        return {one.name for one in new if one.state and one.may_take_data}

    def _still_left(self, new: Collection[str]) -> tuple[str, ...]:
        """Members of `left` and `new` that are not known to be stopped."""
        members = {one.name: one for one in self._detector.members}
        return tuple(
            name
            for name in sorted({*self.snapshot.left, *new})
            if (one := members.get(name)) is not None
            and not (one.enabled and one.is_known and one.is_there)
        )

    def _stray(self) -> tuple[str, ...]:
        if self.snapshot.state is not RunState.STOPPED or not self.snapshot.known:
            return ()
        return tuple(
            one.name
            for one in self._detector.members
            if one.enabled and one.is_known and one.is_there
            if one.state in ("Running", "Paused")
        )


def _member(storage: Storage) -> Member:
    seen = storage.snapshot
    return Member(
        name=router(storage.name),
        prefix=storage.prefix,
        enabled=seen.enabled,
        is_known=seen.known,
        is_there=not seen.is_lost,
        state=lost_word(seen.condition) if seen.is_lost else "",
        may_take_data=False,
        has_states=False,
    )
