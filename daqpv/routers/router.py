"""A data router as a device: its polls, and the moves of its files."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Unpack

from daqpv.core import Polled, Surroundings
from daqpv.routers.following import Follower, Pace
from daqpv.routers.link import Observation, RouterLink
from daqpv.routers.moving import Mover, Told
from daqpv.routers.snapshot import RouterSnapshot

UNASSIGNED = "unassigned"
"""Directory of files whose run is not known."""


class Router(Polled[RouterSnapshot, Observation]):
    """A data router; fulfils `daqpv.runs.Storage`, which has the contracts.

    Args:
        name: of the router.
        link: to the router.
        snapshot: the initial one, made of the file.
        pace: of the polls.
        more: arguments of `Shown`.
    """

    def __init__(
        self,
        name: str,
        link: RouterLink,
        *,
        snapshot: RouterSnapshot,
        pace: Pace,
        **more: Unpack[Surroundings],
    ) -> None:
        super().__init__(name, snapshot, timeout=pace.timeout, **more)
        self._link = link
        self._pace = pace
        self._follower = Follower(self, pace)
        self._mover = Mover(self, link, self._follower, pace)

    # How it is followed

    async def run(self) -> None:
        """Follow the router until cancelled."""
        async with self._link:
            await super().run()

    async def poll(self) -> Observation | None:
        """Poll its files and its disk; None: nothing is new."""
        seen = await self._link.observe(timeout=self._pace.timeout)
        now = self.snapshot
        if seen is None and now.enabled and now.known and not now.is_lost:
            kept = replace(now, last_seen=self.seen())
            self.change(kept, at=self.clock.time())
        return seen

    def period(self) -> float:
        """Until the next poll [s]."""
        return self._pace.period

    def answered(self, answer: Observation, is_back: bool) -> None:
        """Show an observation."""
        if self.snapshot.enabled:
            self._follower.show(answer, is_back=is_back)

    def without_readings(self) -> RouterSnapshot:
        """Rate and time left are not known while it is lost."""
        return replace(self.snapshot, rate=0.0, disk_time_left=math.nan, silent=False)

    # What a run asks (daqpv.runs.Storage)

    def expect_data(self, expected: bool) -> None:
        """Expect data from now on, or not; the alarm of Rate depends on it."""
        self._follower.expect_data(expected)

    async def has_run(self, experiment: str, number: int) -> bool:
        """Whether it has a directory for that run already."""
        directory = await self._mover.directory()
        return await self._link.has(
            directory, experiment, _run(number), timeout=self._pace.timeout
        )

    async def sort(self, experiment: str, number: int, *, moved: Told) -> None:
        """Move the files in staging to the directory of the run.

        After a cut it may be called again: files moved meanwhile are reported then.
        """
        await self._mover.move(f"{experiment}/{_run(number)}", moved)

    async def sweep(self) -> str:
        """Move the files left in staging to ``unassigned/<UTC>/``; return that path."""
        now = datetime.fromtimestamp(self.clock.time(), UTC)
        into = f"{UNASSIGNED}/{now:%Y%m%dT%H%M%SZ}"
        return await self._mover.move(into, lambda path, size: None)


def _run(number: int) -> str:
    """Name of the directory of a run, as in attpc-daq and attpc_envoy."""
    return f"run_{number:04d}"
