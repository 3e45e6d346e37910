"""Runs: their numbers and records, the checks before a start, the order of an end."""

from daqpv.runs.books import History
from daqpv.runs.detector import Detector, Storage
from daqpv.runs.records import (
    RunChange,
    RunDocument,
    RunFile,
    RunPv,
    RunRecord,
    RunSize,
    RunValue,
)
from daqpv.runs.run import Run
from daqpv.runs.snapshot import RunSnapshot
from daqpv.runs.states import TABLE, Entry, Row, RunClass, RunEvent, RunState

__all__ = [
    "TABLE",
    "Detector",
    "Entry",
    "History",
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
