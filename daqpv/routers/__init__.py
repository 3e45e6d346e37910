"""Data routers: programs that receive the data of the boards and write them to disk."""

from daqpv.routers.following import Pace
from daqpv.routers.link import (
    SUFFIX,
    DataFile,
    Disk,
    Moved,
    Observation,
    Obstacle,
    RouterLink,
    printable,
)
from daqpv.routers.router import Router
from daqpv.routers.settings import RouterSettings, RouterType, Watch
from daqpv.routers.snapshot import RouterSnapshot

__all__ = [
    "SUFFIX",
    "DataFile",
    "Disk",
    "Moved",
    "Observation",
    "Obstacle",
    "Pace",
    "Router",
    "RouterLink",
    "RouterSettings",
    "RouterSnapshot",
    "RouterType",
    "Watch",
    "printable",
]
