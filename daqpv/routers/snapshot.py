"""The snapshot of a data router: the values of its PVs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from daqpv.core import NO_ALARM, Alarm, DeviceSnapshot, Severity, Status, made_from
from daqpv.routers.link import DataFile, printable

LONGEST = 9999.0 * 3600
"""A disk that lasts at least so long [s]: at the present rate it does not fill."""


@dataclass(frozen=True, kw_only=True)
class RouterSnapshot(DeviceSnapshot):
    """The values of a data router.

    Attributes:
        directory: where it writes (staging).
        staging_empty: no data file lies there; None: not known.
        staged: names of the data files there.
        bytes: their size.
        rate: growth of the data files, averaged between two polls [byte/s].
        disk_size: of the disk to which it writes [bytes]; NaN if not known; so
            disk_free.
        disk_used: used part of the space that it may use [%].
        disk_time_left: until it is full at the present rate [s], LONGEST at most: so if
            it does not fill; NaN if not known.
        clock_offset: by how much its clock is ahead of ours [s]; NaN: not known.
        process: identifies its process; changes with a restart; "" if not known.
        silent: expected data do not come.
        growing: files that are to be moved still grow, and are waited for.
    """

    observed: ClassVar[frozenset[str]] = DeviceSnapshot.observed | {
        "directory", "staging_empty", "files", "data", "rate", "rate_mb_s",
        "disk_size_gb", "disk_free_gb", "disk_used", "disk_hours_left", "clock_offset",
    }  # fmt: skip
    judging: ClassVar[frozenset[str]] = DeviceSnapshot.judging | {"silent"}
    judged: ClassVar[frozenset[str]] = DeviceSnapshot.judged | {"rate_mb_s"}

    directory: str = ""
    staging_empty: bool | None = None
    staged: tuple[str, ...] = ()
    bytes: int = 0
    rate: float = 0.0
    disk_size: float = math.nan
    disk_free: float = math.nan
    disk_used: float = math.nan
    disk_time_left: float = math.nan
    clock_offset: float = math.nan
    process: str = ""
    silent: bool = False
    growing: bool = False

    @property
    @made_from("staged")
    def files(self) -> int:
        """How many data files lie in staging."""
        return len(self.staged)

    @property
    @made_from("bytes")
    def data(self) -> float:
        """Size of the data files in staging [GB]."""
        return self.bytes / 1e9

    @property
    @made_from("rate")
    def rate_mb_s(self) -> float:
        """Growth of the data files [MB/s]."""
        return self.rate / 1e6

    @property
    @made_from("disk_size")
    def disk_size_gb(self) -> float:
        """Size of the disk [GB]."""
        return self.disk_size / 1e9

    @property
    @made_from("disk_free")
    def disk_free_gb(self) -> float:
        """Free space of the disk [GB]."""
        return self.disk_free / 1e9

    @property
    @made_from("disk_time_left")
    def disk_hours_left(self) -> float:
        """Until it is full [h]."""
        return self.disk_time_left / 3600

    def alarm(self, field: str) -> Alarm:
        """No data is an alarm of Rate alone: one fault, one alarm."""
        alarm = super().alarm(field)
        if alarm == NO_ALARM and field == "rate_mb_s" and self.silent:
            return Alarm(Severity.MAJOR, Status.STATE, "no data in a run")
        return alarm


def with_files(snapshot: RouterSnapshot, files: Sequence[DataFile]) -> RouterSnapshot:
    """`snapshot` with `files` in staging."""
    return replace(
        snapshot,
        staged=tuple(sorted(printable(file.name) for file in files)),
        bytes=sum(file.size for file in files),
        staging_empty=not files,
    )
