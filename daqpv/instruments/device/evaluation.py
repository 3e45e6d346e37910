"""What changes in the snapshot of an instrument when something comes, or does not."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TypedDict

from daqpv.core import AHEAD, Alarm, Reading, Severity, Status
from daqpv.core.timing.clock import Clock
from daqpv.errors import LinkError, ProtocolError
from daqpv.instruments.channels.inputs import Inputs
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.device.rate import Rate
from daqpv.instruments.device.snapshot import InstrumentSnapshot, Values
from daqpv.instruments.driver import Driver, Frame, unended

_MOST = 2**31  # counters are 32 bit
_KEPT = 20  # bad lines
_COUNT_PERIOD = 0.95  # [s]; a little less than the usual period
_LATEST_COUNT = 2.0  # [s] while nothing comes


class Changes(TypedDict, total=False):
    """New values of fields of an `InstrumentSnapshot`."""

    lines_ok: int
    lines_bad: int
    last_bad: str
    bad_lines: str
    late: int
    rate: float
    stale: frozenset[str]
    is_any_fresh: bool
    values: Values
    sequence: int


class Evaluation:
    """Finds what changes in a snapshot; it changes nothing but its own counts.

    Args:
        channels: those that the instrument sends.
        inputs: those that are computed.
        driver: of the instrument; it says what is no whole message yet.
        clock: of the instrument.
    """

    def __init__(
        self,
        channels: Channels,
        inputs: Inputs,
        driver: Driver,
        clock: Clock,
    ) -> None:
        self._driver = driver
        self._channels, self._inputs = channels, inputs
        self._clock = clock
        self._rate = Rate()
        self._good = 0  # read well, and not in a snapshot yet
        self._bad: deque[str] = deque(maxlen=_KEPT)
        self._counted = 0.0  # monotonic [s], when they were last put in one

    def unread(self) -> Values:
        """The values before the first contact."""
        return Values(self._channels.unread() | self._inputs.unread())

    def after(self, frame: Frame, snapshot: InstrumentSnapshot) -> Changes:
        """What changes with `frame`."""
        wall, now = self._clock.time(), self._clock.monotonic()
        time = frame.time
        if time is None or time > wall + AHEAD:  # the instrument's clock is wrong
            time = wall
        readings, bad = self._channels.taken(frame, snapshot.values, now=now, time=time)
        changes = self._counted_in(frame, snapshot, bad, now)
        told = self._channels.told(frame, readings, snapshot.values)
        if told and not frame.bad:
            changes["last_bad"] = "; ".join(told)
        if readings:
            self._hold(changes, readings, snapshot)
            if snapshot.stale:
                changes["stale"] = snapshot.stale - readings.keys()
                changes["is_any_fresh"] = True
        return changes

    def counted(self, frame: Frame, snapshot: InstrumentSnapshot) -> Changes:
        """What changes with the counts of `frame` alone."""
        return self._counted_in(frame, snapshot, (), self._clock.monotonic())

    def _counted_in(
        self,
        frame: Frame,
        snapshot: InstrumentSnapshot,
        bad: Sequence[str],
        now: float,
    ) -> Changes:
        """The counts of `frame`, and of `bad`, which is what of it cannot be a value.

        Good ones are shown once a second: 10,000 a second would cost more than values.
        """
        changes: Changes = {}
        self._good += frame.good
        if frame.bad or bad:
            bad = (*frame.bad, *bad)
            changes["lines_bad"] = (snapshot.lines_bad + len(bad)) % _MOST
            changes["last_bad"] = bad[-1]
            self._bad.extendleft(bad[-_KEPT:])
            changes["bad_lines"] = "\n".join(self._bad)
        if frame.late:
            changes["late"] = (snapshot.late + frame.late) % _MOST
        if changes or now - self._counted >= _COUNT_PERIOD:
            changes |= self.count(snapshot)
        return changes

    def count(self, snapshot: InstrumentSnapshot) -> Changes:
        """What changes with the answers and lines since the last call."""
        good, self._good = self._good, 0
        self._counted = self._clock.monotonic()
        self._rate.count(good)
        return {
            "lines_ok": (snapshot.lines_ok + good) % _MOST,
            "rate": self._rate.at(self._counted),
        }

    def passed(self, snapshot: InstrumentSnapshot) -> Changes:
        """What changes with time alone: stale channels, and counts if nothing came."""
        now = self._clock.monotonic()
        changes = self._overdue(snapshot, now)
        if now - self._counted >= _LATEST_COUNT:
            changes |= self.count(snapshot)
        return changes

    def _overdue(self, snapshot: InstrumentSnapshot, now: float) -> Changes:
        overdue = self._channels.overdue(now)
        if overdue == snapshot.stale:
            return {}
        stale = self._channels.stale(
            overdue - snapshot.stale, snapshot.values, self._clock.time()
        )
        is_any_fresh = len(overdue) < len(self._channels.names)
        changes: Changes = {"stale": overdue, "is_any_fresh": is_any_fresh}
        self._hold(changes, stale, snapshot)
        if not is_any_fresh and (text := unended(self._driver)):
            changes["last_bad"] = text
        return changes

    def broken(self, error: LinkError, snapshot: InstrumentSnapshot) -> Changes:
        """What changes when the connection has broken, or was given up for nonsense."""
        alarm = Alarm(Severity.INVALID, Status.COMM, str(error)[:80])
        changes = self.all_with(alarm, snapshot)
        if isinstance(error, ProtocolError):
            changes["last_bad"] = str(error)
        return changes

    def all_with(self, alarm: Alarm, snapshot: InstrumentSnapshot) -> Changes:
        """What changes with `alarm` for all values: lost, disabled or stopped."""
        lost = self._channels.lost(snapshot.values, alarm, self._clock.time())
        changes: Changes = {"stale": frozenset()}
        self._hold(changes, lost, snapshot)
        return changes

    def recomputed(self, snapshot: InstrumentSnapshot) -> Changes:
        """What changes after a change of what others have, and formulas use."""
        changes: Changes = {}
        self._hold(changes, {}, snapshot)
        return changes

    def _hold(
        self,
        changes: Changes,
        readings: Mapping[str, Reading],
        snapshot: InstrumentSnapshot,
    ) -> None:
        """Add `readings` to `changes`, and what is computed of them."""
        values = Values(snapshot.values)
        values.update(readings)
        if self._inputs:
            computed = self._inputs.computed(values)
            values.update(computed)
            if not readings and not computed:
                return
        changes["values"] = values
        changes["sequence"] = (snapshot.sequence + 1) % _MOST
