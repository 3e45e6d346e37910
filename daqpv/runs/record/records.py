"""Defines the records of a run in the store.

Each record is complete: a later one with the same key replaces it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from daqpv.core import Origin, Severity
from daqpv.core.records import table as t
from daqpv.core.records.table import SqlType
from daqpv.runs.record.fields import CLASS, FactType, RunField, Written, fact, facts_of
from daqpv.runs.states import Entry

SEEN_PERIOD = 30.0  # [s] period of writing the record of an open run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord(Written):
    """A run; its number is unique in the experiment.

    Attributes:
        number: of the run.
        entry: whether it is open, and how it ended.
        start: when all servers were Running, UTC [s since 1970].
        stop: when no server took data any more; None while it is open.
        seen: when it was last known to be open.
        live_time: for how long it was Running, without pauses [s].
        kind: its class, as in RunClass.
        config: configure names of the ECC servers, joined by ", ".
        note: unusual events of the run.
        data: size of its files, when last seen [bytes].
    """

    number: int = field(
        metadata=fact(
            RunField(
                t.whole("number"), FactType.NUMBER, listed="Run", exported="run number"
            )
        )
    )
    entry: Entry = field(
        metadata=fact(
            RunField(t.name_of("entry", Entry), listed="Entry", exported="entry")
        )
    )
    start: float = field(
        metadata=fact(
            RunField(
                t.time("start"),
                FactType.MOMENT,
                listed="Start (UTC)",
                shown="Start",
                exported="start date/time",
            )
        )
    )
    stop: float | None = field(
        default=None,
        metadata=fact(
            RunField(
                t.time("stop", nullable=True),
                FactType.MOMENT,
                shown="Stop",
                exported="stop date/time",
            )
        ),
    )
    seen: float = field(
        metadata=fact(RunField(t.time("seen"), FactType.MOMENT, shown="Last seen"))
    )
    live_time: float = field(
        default=0.0,
        metadata=fact(
            RunField(
                t.time("live_time"),
                FactType.DURATION,
                listed="Live",
                shown="Live time",
                exported="live time (s)",
            )
        ),
    )
    kind: str = field(default="", metadata=CLASS)
    config: str = field(
        default="",
        metadata=fact(
            RunField(t.text("config"), shown="Configuration", exported="config name")
        ),
    )
    note: str = field(
        default="",
        metadata=fact(
            RunField(t.text("note"), shown="Note", exported="note", searched=True)
        ),
    )
    data: int = field(
        default=0,
        metadata=fact(
            RunField(
                t.whole("data", SqlType.BIG),
                FactType.SIZE,
                listed="Data",
                shown="Data",
                exported="data (bytes)",
            )
        ),
    )

    def lasted(self, now: float) -> float:
        """Duration [s] at `now`, UTC [s since 1970].

        An open run is recorded every SEEN_PERIOD: if its last record is older than
        that, its duration ends there.
        """
        if self.stop is not None:
            return self.stop - self.start
        goes_on = abs(now - self.seen) < 2 * SEEN_PERIOD
        return max(now if goes_on else self.seen, self.start) - self.start


FACTS = facts_of(RunRecord)
"""All that is known of a run."""

WRITTEN = tuple(one for one in FACTS if one.pv is not None)
"""What operators write of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The runs of the experiment in the store.

    Attributes:
        numbers: of all runs.
        last: the run that began last; None without runs.
    """

    numbers: Collection[int] = field(default_factory=frozenset)
    last: RunRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSize:
    """The size of a run's files after sorting; updates this field only.

    Its title, class ... may have been corrected since its end.

    Attributes:
        number: of the run.
        data: size of its files [bytes].
    """

    number: int
    data: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """A change of a fact of a run (added, never replaced)."""

    number: int
    time: float
    field: str
    old: str
    new: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunValue:
    """An observable of a run.

    Attributes:
        number: of the run.
        name: of the observable.
        type: "int", "float" or "string".
        units: of its numbers.
        value: written by hand, or the chosen reading; None: not known.
        start: reading at the start of the run; so `stop`.
        stop: at its end.
        mean: over time, of the readings in the run; so `low` and `high`.
        low: the least.
        high: the greatest.
        count: readings in the run; 0 if written by hand.
        severity: the worst in the run.
    """

    number: int
    name: str
    type: str
    units: str = ""
    value: Any = None
    start: Any = None
    stop: Any = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    count: int = 0
    severity: Severity = Severity.NO_ALARM


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPv:
    """The value of a PV at the start or the stop of a run.

    Attributes:
        number: of the run.
        moment: "start" or "stop".
        pv: its name.
        value: None if it could not be read.
        severity: of the value.
        time: of the value, UTC [s since 1970].
    """

    number: int
    moment: str
    pv: str
    value: Any = None
    severity: Severity = Severity.INVALID
    time: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """A data file of a run.

    Attributes:
        number: of the run.
        router: where it was written.
        path: where it is now.
        size: in bytes.
        time: when it was moved there, UTC [s since 1970].
    """

    number: int
    router: str
    path: str
    size: int
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Files of a run at a router that was disabled during the sorting.

    Attributes:
        number: of the run.
        router: its name.
    """

    number: int
    router: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument:
    """A text that belongs to a run: a configuration file, an answer of Configure.

    Attributes:
        number: of the run.
        server: name of the ECC server.
        name: of the text: "configure-e20009.xcfg", "Configure answer".
        text: all of it.
    """

    number: int
    server: str
    name: str
    text: str
