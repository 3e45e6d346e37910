"""What the experiment file says of runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from daqpv.config import TIME, Bytes, Model


class OnLoss(StrEnum):
    """What a run does when a server is lost while it is open."""

    ALARM = "alarm"
    STOP = "stop"


class Checks(Model):
    """What has to be so before a run starts.

    What is switched off is still looked at: what it would have refused is told at each
    start.
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
    """Free space that each router has to have; 0: not looked at."""

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

    first_number: Annotated[int, Field(ge=0, le=10**9)] = 1
    """Number of the first run of an experiment that has none."""

    no_data: Annotated[float, TIME.within(1, 86400)] = 10.0
    """An alarm is raised when a router has written nothing for so long in a run."""
