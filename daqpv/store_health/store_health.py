"""The store as a device: whether it accepts records, and how many wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from daqpv.core import (
    NO_ALARM,
    UNDEFINED,
    Alarm,
    Events,
    Severity,
    Shown,
    Snapshot,
    Status,
    StoreFigures,
)

CURE = "Mend the cause, then: daqpv db retry FILE"
PERIOD = 0.5  # [s] between two readings of its figures
FILLING, FULL = 0.5, 0.9  # of the spool's limit: MINOR, MAJOR


@dataclass(frozen=True, kw_only=True)
class ArchiveSnapshot(Snapshot):
    """The store of this process.

    Attributes:
        kept: whether the experiment wants a store.
        store_online: whether the store accepts records; None: not tried yet.
        reason: why not; "" if it does.
        spool_reason: why the spool accepts no records, either; "" if it does.
        backlog: records that are not in the store yet.
        spool: size of those in the spool [MB].
        filled: the part of the spool's limit that they take.
        write_errors: attempts to write that failed.
        refusal: records refused, with the cure, and records lost; "" if there are none.
    """

    judging: ClassVar[frozenset[str]] = frozenset(
        {"kept", "reason", "spool_reason", "filled", "refusal"}
    )
    judged: ClassVar[frozenset[str]] = frozenset(
        {"store_online", "spool", "write_errors"}
    )

    kept: bool = True
    store_online: bool | None = None
    reason: str = ""
    spool_reason: str = ""
    backlog: int = 0
    spool: float = 0.0
    filled: float = 0.0
    write_errors: int = 0
    refusal: str = ""

    def alarm(self, field: str) -> Alarm:
        """One fault, one alarm: of the store, and of the spool that replaces it."""
        if not self.kept:
            return Alarm(Severity.NO_ALARM, Status.DISABLE, "no store is wanted")
        if field == "store_online" and not self.store_online:
            if self.store_online is None:
                return UNDEFINED
            return Alarm(Severity.MAJOR, Status.COMM, self.reason)
        if field == "spool" and self.filled > FILLING:
            severity = Severity.MAJOR if self.filled > FULL else Severity.MINOR
            return Alarm(severity, Status.HWLIMIT, f"{self.filled:.0%} of the limit")
        if field == "write_errors" and (fault := self.spool_reason or self.refusal):
            return Alarm(Severity.MAJOR, Status.WRITE, fault)
        return NO_ALARM


class Archive(Shown[ArchiveSnapshot]):
    """The store of this process.

    Args:
        figures: how the store is; None: the experiment wants none.
        events: where events go.
    """

    def __init__(
        self, figures: Callable[[], StoreFigures] | None, *, events: Events
    ) -> None:
        kept = figures is not None
        super().__init__("Arch", ArchiveSnapshot(kept=kept), events=events)
        self._figures = figures
        self.change(
            replace(
                self.snapshot,
                store_online=None if kept else False,
                message="" if kept else "The experiment wants no store",
            )
        )

    async def run(self) -> None:
        """Show how the store is, until cancelled."""
        while True:
            if self._figures is not None:
                self._look(self._figures())
            await asyncio.sleep(PERIOD)

    def _look(self, figures: StoreFigures) -> None:
        self.change(
            replace(
                self.snapshot,
                store_online=figures.online,
                reason=figures.reason,
                spool_reason=figures.spool_reason,
                backlog=figures.backlog,
                spool=round(figures.spool / 1e6, 1),
                filled=figures.spool / figures.spool_limit,
                write_errors=figures.write_errors,
                refusal=_refusal(figures),
                message=_message(figures),
            )
        )


def _message(figures: StoreFigures) -> str:
    """The worst first: the store, the spool, refused records, waiting records."""
    faults = [figures.reason, figures.spool_reason, _refusal(figures)]
    if figures.reason and not figures.spool_reason:
        faults[1] = "records wait in the spool"
    if any(faults):
        return "; ".join(filter(None, faults))
    if figures.online is None:
        return "The store was not tried yet"
    return f"{figures.backlog} records wait" if figures.spool else ""


def _refusal(figures: StoreFigures) -> str:
    faults = []
    if figures.lost:
        faults.append(f"{figures.lost} records lost: {figures.lost_reason}")
    if figures.refused:
        reason = figures.refused_reason
        faults.append(f"{figures.refused} records refused: {reason}. {CURE}")
    return "; ".join(faults)
