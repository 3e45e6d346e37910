"""Describes a PV; lists, docs and screens are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


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
        limits: display limits (LOPR, HOPR), if it has any.
        doc: what it means, one sentence.
        saved: whether it is a setting that survives a restart.
        alarms: whether an alarm server should have it: it can be in alarm by itself
            (of a lost device, only the PV that reports the loss), and an operator
            has to act.
        momentary: whether it is a command that reads 1 while it acts, else 0.
        size: the most elements of an array; of a long text its bytes, with the
            closing zero.
        period: least time between two changes, where that is known [s]; else 0.
    """

    name: str
    device: str
    record: str
    writable: bool
    choices: tuple[str, ...] = ()
    units: str = ""
    precision: int | None = None
    limits: tuple[float, float] | None = None
    doc: str = ""
    saved: bool = False
    alarms: bool = False
    momentary: bool = False
    size: int = 1
    period: float = 0.0


class ShownField(NamedTuple):
    """The field of a snapshot that a PV shows, as other processes need to know it.

    Attributes:
        signal: the PV's name without the prefix of its device.
        field: of the snapshot.
        is_long: whether the PV is a long text.
    """

    signal: str
    field: str
    is_long: bool
