"""Reads the section on runs of the experiment file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from daqpv.config import TIME, Bytes, Description, Matching, Model, wanted
from daqpv.config.model import NAME
from daqpv.core.lines import has_controls
from daqpv.runs.record.numbers import LAST


class OnLoss(StrEnum):
    """What a run does when a server is lost while it is open."""

    ALARM = "alarm"
    STOP = "stop"


PvName = Annotated[str, Matching("[!-~]{1,120}", "the name of a PV")]


class ObservableType(StrEnum):
    """The type of the values of an observable."""

    FLOAT = "float"
    INT = "int"
    STRING = "string"


class Take(StrEnum):
    """The reading in a run that becomes the value of an observable."""

    MEAN = "mean"
    START = "start"
    STOP = "stop"
    LOW = "low"
    HIGH = "high"


_TAKES = {
    ObservableType.FLOAT: tuple(Take),
    ObservableType.INT: (Take.START, Take.STOP, Take.LOW, Take.HIGH),
    ObservableType.STRING: (Take.START, Take.STOP),
}
"""What can be taken of each type; the first is the default."""


def _short(units: str) -> str:
    if len(units.encode()) > 15 or has_controls(units):
        raise wanted("units of at most 15 bytes, without control characters")
    return units


class Observable(Model):
    """A quantity that is recorded for each run: written by hand, or read from a PV."""

    type: ObservableType = ObservableType.FLOAT
    """What its values are: float, int or string."""

    units: Annotated[
        str, AfterValidator(_short), Field(json_schema_extra={"maxLength": 15})
    ] = ""
    """Of its numbers."""

    precision: Annotated[int, Field(ge=0, le=15)] = 3
    """Digits of a float that its PV shows after the point."""

    desc: Description = ""
    """What it is, for people."""

    pv: PvName | None = None
    """PV that it is read from, anybody's; without one it is written by hand."""

    take: Take | None = None
    """What of the readings in a run is its value: mean (of a float, the default),
    start (the default of others), stop, low or high."""

    keep: bool = True
    """What was written by hand holds for the next run, too; false: it is emptied."""

    @property
    def takes(self) -> Take:
        """The reading that becomes the value."""
        return self.take or _TAKES[self.type][0]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.pv is None and self.take is not None:
            raise wanted("a `pv` for `take`, without which it is written by hand")
        if self.pv is not None and not self.keep:
            raise wanted("one of `pv` and `keep`: what is read is new in each run")
        if self.takes not in _TAKES[self.type]:
            names = ", ".join(_TAKES[self.type])
            raise wanted(f"a `take` that a {self.type} has: {names}")
        return self


def _named(observables: dict[str, Observable]) -> dict[str, Observable]:
    seen: set[str] = set()
    for name in observables:
        if not NAME.fullmatch(name):
            raise wanted(
                f"a letter, then at most 23 letters, digits, '_' or '-', for {name!r}"
            )
        if name.lower() in seen:
            raise wanted(f"another name than {name!r}, which differs only in case")
        seen.add(name.lower())
    return observables


class Checks(Model):
    """The checks before a run starts.

    A check that is switched off is still made: its finding is reported at each start,
    and refuses nothing.
    """

    ready: bool = True
    """All enabled ECC servers answer and are Ready. Without it a start brings them
    there first, from wherever they are."""

    mutant: bool = True
    """The MuTAnT of the file, if it has one, is enabled."""

    routers: bool = True
    """All enabled routers are online."""

    staging: bool = True
    """No data file of an earlier run lies where the routers write."""

    disk_free: Bytes = 20e9
    """Free space that each router has to have; 0: not checked."""

    number: bool = True
    """No router has a directory for this run number already."""


class RunSettings(Model):
    """Runs: their numbers, checks and files."""

    checks: Checks = Checks()
    """What has to be so before a run starts."""

    on_loss: OnLoss = OnLoss.ALARM
    """What to do when a server is lost while a run is open: alarm, or stop the run."""

    sort: bool = True
    """Whether the files of a run are moved to its directory after its stop."""

    first_number: Annotated[int, Field(ge=0, le=LAST)] = 1
    """Number of the first run of an experiment that has none."""

    no_data: Annotated[float, TIME.within(1, 86400)] = 10.0
    """An alarm is raised when a router has written nothing for so long in a run."""

    observables: Annotated[Mapping[str, Observable], AfterValidator(_named)] = {}
    """What is written down of each run, by name: the run sheet, in this order."""

    snapshot: tuple[PvName, ...] = ()
    """PVs, anybody's, that are read once at the start and at the stop of each run."""
