"""Controls runs: their numbers, records, checks, start and end.

Records and states are imported at once, and the run control at its first use: its
import would cost the commands that only read runs 30 ms.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from daqpv.runs.record.records import (
    History,
    RunChange,
    RunDocument,
    RunFile,
    RunPv,
    RunRecord,
    RunSize,
    RunValue,
)
from daqpv.runs.states import TABLE, Entry, Row, RunClass, RunEvent, RunState

if TYPE_CHECKING:
    from daqpv.runs.attendance import Gap
    from daqpv.runs.detector import Detector, Member, Storage
    from daqpv.runs.run import Run
    from daqpv.runs.snapshot import RunSnapshot

__all__ = [
    "TABLE",
    "Detector",
    "Entry",
    "Gap",
    "History",
    "Member",
    "Row",
    "Run",
    "RunChange",
    "RunClass",
    "RunDocument",
    "RunEvent",
    "RunFile",
    "RunPv",
    "RunRecord",
    "RunSize",
    "RunSnapshot",
    "RunState",
    "RunValue",
    "Storage",
]

_CONTROL = {
    "Detector": "detector",
    "Gap": "attendance",
    "Member": "detector",
    "Storage": "detector",
    "Run": "run",
    "RunSnapshot": "snapshot",
}


def __getattr__(name: str) -> Any:
    """Import a part of the run control at its first use."""
    if name not in _CONTROL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_CONTROL[name]}"), name)
