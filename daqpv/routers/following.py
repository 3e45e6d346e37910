"""Following a data router: looking at its files and its disk again and again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from daqpv.core import Condition, Device, Events, EventSeverity, Poller
from daqpv.errors import NotConnectedError
from daqpv.routers.link import DataFile, Observation, RouterLink, shown
from daqpv.routers.snapshot import LONGEST, RouterSnapshot

FULL = 10e6  # [bytes] a disk with less is full


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often, and how patiently, a router is looked at.

    Attributes:
        period: distance of two looks [s].
        timeout: for one look [s].
        no_data: it is silent when nothing was written for so long in a run [s].
    """

    period: float = 2.0
    timeout: float = 10.0
    no_data: float = 10.0


class FollowedRouter(Device[RouterSnapshot]):
    """A data router as seen: its snapshot follows its files and its disk.

    Args:
        name: of the router.
        link: the way to it.
        snapshot: what is known from the file.
        pace: of the looks.
        events: where events go.
        prefix: of its PVs.
    """

    def __init__(
        self,
        name: str,
        link: RouterLink,
        *,
        snapshot: RouterSnapshot,
        pace: Pace,
        events: Events,
        prefix: str = "",
    ) -> None:
        super().__init__(name, snapshot, events=events, prefix=prefix)
        self._link = link
        self._pace = pace
        self._poller = Poller(
            self._look,
            answered=self._answered,
            lost=self._lost,
            period=lambda: pace.period,
            timeout=pace.timeout,
            enabled=snapshot.enabled,
        )
        self._directory: bytes | None = None  # where it was seen to write last
        self._sizes: Mapping[bytes, int] | None = None  # at the last look
        self._looked = 0.0  # when that was [monotonic]
        self._grew = 0.0  # when data were last seen to come, or expected first
        self._expects_data = False
        if not snapshot.enabled:
            self.change(replace(self.snapshot, condition=Condition.DISABLED))

    async def run(self) -> None:
        """Follow the router until cancelled."""
        async with self._link:
            await self._poller.run()

    def expect_data(self, expected: bool) -> None:
        """From now on data should come, or not: its own alarm goes by that."""
        if expected and not self._expects_data:
            self._grew = time.monotonic()
        self._expects_data = expected
        if not expected:
            self.change(replace(self.snapshot, silent=False))

    def enabled_changed(self) -> None:
        """Begin to poll, or stop it."""
        self._poller.enable(self.snapshot.enabled)

    async def _look(self) -> Observation | None:
        seen = await self._link.observe(timeout=self._pace.timeout)
        snapshot = self.snapshot
        if (
            seen is None
            and snapshot.enabled
            and snapshot.known
            and not snapshot.is_lost
        ):
            self.change(
                replace(self.snapshot, last_seen=self.seen()), at=time.time()
            )  # the values are kept
        return seen

    async def _place(self) -> bytes:
        """The directory to which it writes, as last seen.

        Raises:
            LinkError: it was never seen, and is not now.
        """
        if self._directory is None:
            await self._poller.observe()
        if self._directory is None:
            raise NotConnectedError(
                f"{self.name}: it is not known yet to which directory it writes"
            )
        return self._directory

    def _answered(self, seen: Observation, is_back: bool) -> None:
        if not self.snapshot.enabled:
            return
        old, disk = self.snapshot, seen.disk
        rate = self._measure(seen, is_back)
        self._directory = seen.directory
        self.change(
            replace(
                self.snapshot,
                known=True,
                online=True,
                condition=Condition.OK,
                directory=shown(seen.directory),
                **_staged(seen.files),
                rate=rate,
                disk_size=disk.size,
                disk_free=disk.free,
                disk_used=disk.used,
                disk_time_left=_time_left(disk.free, rate),
                clock_offset=round(seen.clock_offset, 3),
                process=seen.process or old.process,
                last_seen=self.seen(),
            ),
            at=time.time(),
        )
        self._tell(old, is_back)
        self._listen()

    def _measure(self, seen: Observation, is_back: bool) -> float:
        """Growth since the last look, over the time that has really passed [byte/s]."""
        sizes = {file.name: file.size for file in seen.files}
        before, self._sizes = self._sizes, sizes
        now = time.monotonic()
        elapsed, self._looked = now - self._looked, now
        if is_back or before is None or self._directory != seen.directory:
            self._grew = now  # what came before is not known
            return 0.0
        grown = sum(_growth(before.get(name, 0), size) for name, size in sizes.items())
        if grown:
            self._grew = now
        return grown / elapsed if elapsed > 0 else 0.0

    def _listen(self) -> None:
        """Say so if data should come and do not, or do again."""
        quiet = time.monotonic() - self._grew
        silent = self._expects_data and quiet >= self._pace.no_data
        if silent and not self.snapshot.silent:
            text = (
                f"{self.name} has written nothing for {quiet:.0f} s in a run. Do the "
                "boards send to it? See the data links, and the log of dataRouter"
            )
            self.change(
                replace(
                    self.snapshot,
                    silent=True,
                    message=text,
                    errors=self.snapshot.errors + 1,
                )
            )
            self.emit("no data", text, severity=EventSeverity.ERROR)
        elif self.snapshot.silent and not silent:
            text = f"{self.name} writes again"
            self.change(replace(self.snapshot, silent=False, message=text))
            self.emit("data again", text)

    def _tell(self, old: RouterSnapshot, is_back: bool) -> None:
        """Say in message and event what a look changed."""
        new = self.snapshot
        if is_back:
            again = " again" if old.last_seen else ""
            self.change(
                replace(
                    self.snapshot,
                    message=f"Connected{again}: writes to {new.directory}",
                )
            )
            text = f"{self.name} answers{again}: writes to {new.directory}"
            self.emit("online", text)
        elif new.directory != old.directory:
            text = f"{self.name} writes to {new.directory}, no more to {old.directory}"
            self.change(replace(self.snapshot, message=text))
            self.emit("directory", text, severity=EventSeverity.WARNING)
        if old.process and new.process != old.process:
            text = f"{self.name} was started anew: what it had in hand may be lost"
            self.change(replace(self.snapshot, message=text))
            self.emit("restarted", text, severity=EventSeverity.WARNING)

    def _lost(self, condition: Condition, reason: str) -> None:
        text = f"{condition.label}: {reason}"
        self.change(
            replace(
                self.snapshot,
                known=True,
                online=condition is Condition.ERROR,
                condition=condition,
                errors=self.snapshot.errors + 1,
                message=text,
                rate=0.0,
                disk_time_left=math.nan,
                silent=False,
            )
        )
        self.emit("lost", text, severity=EventSeverity.ERROR, condition=condition.label)

    def _show_files(self, files: Sequence[DataFile]) -> None:
        """Show what lies in staging, seen between two looks."""
        self.change(replace(self.snapshot, **_staged(files)))


def _time_left(free: float, rate: float) -> float:
    """Until a disk with `free` bytes is full at `rate` [byte/s]: seconds."""
    if free < FULL:  # nothing grows there any more
        return 0.0
    if math.isnan(free):
        return math.nan
    return min(free / rate, LONGEST) if rate > 0 else LONGEST


def _staged(files: Sequence[DataFile]) -> dict[str, Any]:
    return {
        "staged": tuple(sorted(shown(file.name) for file in files)),
        "bytes": sum(file.size for file in files),
        "staging_empty": not files,
    }


def _growth(before: int, now: int) -> int:
    """By how much a file has grown; one that is smaller was begun anew."""
    return now - before if now >= before else now
