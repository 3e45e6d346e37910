"""Polls the files and the disk of a data router into its snapshot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from daqpv.core import Condition, EventSeverity, Polled
from daqpv.routers.link import Observation, printable
from daqpv.routers.snapshot import LONGEST, RouterSnapshot, with_files

FULL = 10e6  # [bytes] a disk with less is full


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Period and deadlines of the polls of a router.

    Attributes:
        period: between two polls [s].
        timeout: of one poll [s].
        no_data: in a run, time without growth after which it is silent [s].
    """

    period: float = 2.0
    timeout: float = 10.0
    no_data: float = 10.0


Polling = Polled[RouterSnapshot, Observation]


class Follower:
    """Shows the observations of a data router, and reports changes.

    Args:
        router: the router as a device.
        pace: of the polls.

    Attributes:
        directory: to which it wrote at the last poll; None: not known yet.
    """

    def __init__(self, router: Polling, pace: Pace) -> None:
        self.directory: bytes | None = None
        self._router = router
        self._pace = pace
        self._sizes: Mapping[bytes, int] | None = None  # at the last poll
        self._looked = 0.0  # when that was [monotonic]
        self._grew = 0.0  # when data were last seen to come, or expected first
        self._expects_data = False

    def expect_data(self, expected: bool) -> None:
        """Expect data from now on, or not; the alarm of Rate depends on it."""
        if expected and not self._expects_data:
            self._grew = self._router.clock.monotonic()
        self._expects_data = expected
        if not expected:
            self._router.change(replace(self._router.snapshot, silent=False))

    def show(self, seen: Observation, *, is_back: bool) -> None:
        """Show an observation, and report changes.

        Args:
            seen: the result of a poll.
            is_back: the router was not known or lost before.
        """
        router, old, disk = self._router, self._router.snapshot, seen.disk
        rate = self._measure(seen, is_back)
        self.directory = seen.directory
        now = replace(
            with_files(old, seen.files),
            known=True,
            online=True,
            condition=Condition.OK,
            directory=printable(seen.directory),
            rate=rate,
            disk_size=disk.size,
            disk_free=disk.free,
            disk_used=disk.used,
            disk_time_left=_time_left(disk.free, rate),
            clock_offset=round(seen.clock_offset, 3),
            process=seen.process or old.process,
            last_seen=router.seen(),
        )
        router.change(now, at=router.clock.time())
        self._tell(old, is_back)
        self._listen()

    def _measure(self, seen: Observation, is_back: bool) -> float:
        """Growth since the last poll, divided by the measured time [byte/s]."""
        sizes = {file.name: file.size for file in seen.files}
        before, self._sizes = self._sizes, sizes
        now = self._router.clock.monotonic()
        elapsed, self._looked = now - self._looked, now
        if is_back or before is None or self.directory != seen.directory:
            self._grew = now  # earlier growth is not known
            return 0.0
        grown = sum(_growth(before.get(name, 0), size) for name, size in sizes.items())
        if grown:
            self._grew = now
        return grown / elapsed if elapsed > 0 else 0.0

    def _listen(self) -> None:
        """Report when expected data do not come, and when they come again."""
        router, now = self._router, self._router.snapshot
        quiet = router.clock.monotonic() - self._grew
        silent = self._expects_data and quiet >= self._pace.no_data
        if silent and not now.silent:
            text = (
                f"{router.name} has written nothing for {quiet:.0f} s in a run. Do the "
                "boards send to it? See the data links, and the log of dataRouter"
            )
            heard = replace(now, silent=True, message=text, errors=now.errors + 1)
            router.change(heard)
            router.emit("no data", text, severity=EventSeverity.ERROR)
        elif now.silent and not silent:
            text = f"{router.name} writes again"
            router.change(replace(now, silent=False, message=text))
            router.emit("data again", text)

    def _tell(self, old: RouterSnapshot, is_back: bool) -> None:
        """Report in message and event what a poll has changed."""
        router, new = self._router, self._router.snapshot
        if is_back:
            again = " again" if old.last_seen else ""
            self._message(f"Connected{again}: writes to {new.directory}")
            text = f"{router.name} answers{again}: writes to {new.directory}"
            router.emit("online", text)
        elif new.directory != old.directory:
            was, now = old.directory, new.directory
            text = f"{router.name} writes to {now}, no more to {was}"
            self._message(text)
            router.emit("directory", text, severity=EventSeverity.WARNING)
        if old.process and new.process != old.process:
            text = f"{router.name} was started anew: what it had in hand may be lost"
            self._message(text)
            router.emit("restarted", text, severity=EventSeverity.WARNING)

    def _message(self, text: str) -> None:
        self._router.change(replace(self._router.snapshot, message=text))


def _time_left(free: float, rate: float) -> float:
    """Until a disk with `free` bytes is full at `rate` [byte/s]: seconds."""
    if free < FULL:  # nothing grows there any more
        return 0.0
    if math.isnan(free):
        return math.nan
    return min(free / rate, LONGEST) if rate > 0 else LONGEST


def _growth(before: int, now: int) -> int:
    """By how much a file has grown; one that is smaller was started again."""
    return now - before if now >= before else now
