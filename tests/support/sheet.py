"""A run sheet in memory and the PVs that it reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from daqpv.core import (
    NO_ALARM,
    Alarm,
    Events,
    Reading,
    Severity,
    Status,
)
from daqpv.runs import RunPv, RunValue
from daqpv.runs.record.sheet import Sheet, SheetSnapshot
from daqpv.runs.settings import RunSettings

LOST = Reading(value=None, alarm=Alarm(Severity.INVALID, Status.COMM, "no answer"))
MINOR = Alarm(Severity.MINOR, Status.HIGH)
SETTINGS = RunSettings.model_validate(
    {
        "observables": {
            "target": {"type": "string"},
            "shift": {"type": "int", "keep": False},
            "field": {"units": "T"},
            "pressure": {"units": "Torr", "pv": "LAB:P"},
            "bottle": {"type": "int", "pv": "LAB:N", "take": "high"},
            "valve": {"type": "string", "pv": "LAB:V", "take": "stop"},
        },
        "snapshot": ["LAB:P", "LAB:X"],
    }
)
HAND = ("target", "shift", "field")


class Lab:
    """PVs of anybody's."""

    def __init__(self) -> None:
        self.now: dict[str, Reading] = {}
        self.watchers: dict[str, list[Callable[[Reading], None]]] = {}

    def latest(self, pv: str) -> Reading:
        return self.now.get(pv, LOST)

    def watch(self, pv: str, show: Callable[[Reading], None]) -> Callable[[], None]:
        self.watchers.setdefault(pv, []).append(show)
        show(self.latest(pv))
        return lambda: self.watchers[pv].remove(show)

    def becomes(
        self, pv: str, value: Any, alarm: Alarm = NO_ALARM, **more: Any
    ) -> None:
        self.now[pv] = Reading(value=value, alarm=alarm, time=1.0, **more)
        for show in self.watchers.get(pv, ()):
            show(self.now[pv])


@dataclass
class Desk:
    """A run sheet, the PVs that it reads, and what it kept."""

    lab: Lab = field(default_factory=Lab)
    settings: RunSettings = SETTINGS
    snapshot: SheetSnapshot = field(default_factory=SheetSnapshot)
    open_run: int | None = None
    kept: list[Any] = field(default_factory=list)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Sheet]:
        """The sheet while it is followed; leaving it is the end of daqpv."""
        sheet = Sheet(
            self.settings,
            readings=self.lab,
            keep=self.kept.append,
            events=Events(),
            snapshot=self.snapshot,
            open_run=self.open_run,
        )
        task = asyncio.create_task(sheet.run())
        await asyncio.sleep(0)
        try:
            yield sheet
        finally:
            self.snapshot = sheet.snapshot
            task.cancel()
            await asyncio.wait({task})
            assert not any(self.lab.watchers.values())

    def values(self, number: int = 12) -> dict[str, RunValue]:
        """The last record of each observable."""
        return {
            one.name: one
            for one in self.kept
            if isinstance(one, RunValue) and one.number == number
        }

    def pvs(self) -> list[tuple[str, str, Any, Severity]]:
        return [
            (one.moment, one.pv, one.value, one.severity)
            for one in self.kept
            if isinstance(one, RunPv)
        ]
