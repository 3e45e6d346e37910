"""What becomes of the snapshot of an instrument when something comes, or does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from daqpv.core import AHEAD, Alarm, Reading
from daqpv.core.timing.clock import Clock
from daqpv.instruments.channels.inputs import Inputs
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.driver import Frame
from daqpv.instruments.rate import Rate
from daqpv.instruments.snapshot import InstrumentSnapshot, Values

_MOST = 2**31  # counters are 32 bit


class Evaluation:
    """Makes snapshots of frames; it changes nothing but its own counts.

    Args:
        channels: those that the instrument sends.
        inputs: those that are computed.
        clock: of the instrument.
    """

    def __init__(self, channels: Channels, inputs: Inputs, clock: Clock) -> None:
        self._channels, self._inputs = channels, inputs
        self._clock = clock
        self._rate = Rate()

    def unread(self) -> Values:
        """The values before the first contact."""
        return Values(self._channels.unread() | self._inputs.unread())

    def after(self, frame: Frame, snapshot: InstrumentSnapshot) -> InstrumentSnapshot:
        """The snapshot with what `frame` has."""
        wall = self._clock.time()
        time = frame.time
        if time is None or time > wall + AHEAD:  # the instrument's clock is wrong
            time = wall
        readings, bad = self._channels.taken(
            frame, snapshot.values, now=self._clock.monotonic(), time=time
        )
        counted = self.counted(frame, snapshot, bad)
        if not readings:
            return counted
        noted = self._holding(readings, counted)
        if not noted.stale:
            return noted
        return replace(noted, stale=noted.stale - readings.keys(), is_any_fresh=True)

    def counted(
        self, frame: Frame, snapshot: InstrumentSnapshot, bad: Sequence[str] = ()
    ) -> InstrumentSnapshot:
        """The snapshot with the counts of `frame` alone.

        Args:
            frame: of the driver.
            snapshot: the present one.
            bad: what of it cannot be a value, besides its own bad lines.
        """
        self._rate.count(frame.good)
        bad = (*frame.bad, *bad)
        return replace(
            snapshot,
            lines_ok=(snapshot.lines_ok + frame.good) % _MOST,
            lines_bad=(snapshot.lines_bad + len(bad)) % _MOST,
            late=(snapshot.late + frame.late) % _MOST,
            last_bad=bad[-1] if bad else snapshot.last_bad,
        )

    def overdue(self, snapshot: InstrumentSnapshot) -> InstrumentSnapshot:
        """The snapshot with the channels that are stale now."""
        overdue = self._channels.overdue(self._clock.monotonic())
        if overdue == snapshot.stale:
            return snapshot
        stale = self._channels.stale(
            overdue - snapshot.stale, snapshot.values, self._clock.time()
        )
        return replace(
            self._holding(stale, snapshot),
            stale=overdue,
            is_any_fresh=len(overdue) < len(self._channels.names),
        )

    def all_with(
        self, alarm: Alarm, snapshot: InstrumentSnapshot
    ) -> InstrumentSnapshot:
        """The snapshot with `alarm` for all values: lost, disabled or stopped."""
        lost = self._channels.lost(snapshot.values, alarm, self._clock.time())
        return replace(self._holding(lost, snapshot), stale=frozenset())

    def recomputed(self, snapshot: InstrumentSnapshot) -> InstrumentSnapshot:
        """The snapshot after a change of what others have, and formulas use."""
        return self._holding({}, snapshot)

    def with_rate(self, snapshot: InstrumentSnapshot) -> InstrumentSnapshot:
        """The snapshot with the present rate; to be called about once a second."""
        return replace(snapshot, rate=self._rate.at(self._clock.monotonic()))

    def _holding(
        self, readings: Mapping[str, Reading], snapshot: InstrumentSnapshot
    ) -> InstrumentSnapshot:
        """The snapshot with `readings`, and with what is computed of them."""
        values = Values(snapshot.values)
        values.update(readings)
        if self._inputs:
            computed = self._inputs.computed(values)
            values.update(computed)
            if not readings and not computed:
                return snapshot
        sequence = (snapshot.sequence + 1) % _MOST
        return replace(snapshot, values=values, sequence=sequence)
