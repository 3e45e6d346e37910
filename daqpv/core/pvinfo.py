"""One row of the table of PVs: what lists, docs and screens are made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PvInfo:
    """What a PV is.

    Attributes:
        name: the whole PV name.
        device: name of the device it belongs to, "" if of none.
        record: EPICS record type: ai, mbbo, waveform ...
        writable: whether clients may put.
        choices: the texts of an enum, by index.
        units: at most 15 bytes.
        precision: digits after the point.
        doc: what it means, one sentence.
        saved: whether it is a setting that survives a restart.
        alarms: whether it can be in alarm by itself: of a device that is lost, only
            what says so.
        momentary: whether it is a command that reads 1 while it acts, else 0.
    """

    name: str
    device: str
    record: str
    writable: bool
    choices: tuple[str, ...] = ()
    units: str = ""
    precision: int | None = None
    doc: str = ""
    saved: bool = False
    alarms: bool = False
    momentary: bool = False
