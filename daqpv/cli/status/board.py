"""Follows the devices of a file over Channel Access, for ``daqpv status``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from daqpv.core import Names, PvInfo, Severity, last_name, parted
from daqpv.core.lines import one_line
from daqpv.links.ca.channel import Channel, Client, Form, Update
from daqpv.runs.snapshot import LONGEST

SHOWN = ("State", "Transition", "Target", "Result", "Message")
"""The columns; a device may have some of them only."""

_STATES = ("State", "Status", "Condition", "StoreOnline")
_ONLINE = ("Online", "StoreOnline")
_BEARERS = frozenset({*_ONLINE, "Condition"})
"""Signals whose alarm means that the device does not answer."""
_HELPERS = frozenset(
    {"Online", "Condition", "Enable", "Transitioning", "StepTime", "LastError"}
)


_OF_RUN = frozenset(
    {"Number", "Title", "DurationText", "Rate", "DiskTimeLeft", "Operator"}
)
"""The signals of the run that are displayed besides its row."""


class Signal:
    """The last value of one PV.

    Attributes:
        info: its row in the table of PVs.
        name: its last part.
        text: its value, as the server writes it.
        severity: of its alarm.
        is_connected: whether it is connected, and its value has come.
    """

    def __init__(self, info: PvInfo) -> None:
        self.info = info
        self.name = parted(info.name)[1]
        self.text = ""
        self.severity = Severity.NO_ALARM
        self.is_connected = False

    @property
    def is_true(self) -> bool:
        """Whether a two-state PV is in its second state."""
        return self.text == self.info.choices[-1]


class Row:
    """One device.

    Attributes:
        prefix: of its PVs.
        name: as displayed.
        signals: its followed PVs by their last part.
    """

    def __init__(self, prefix: str, name: str) -> None:
        self.prefix = prefix
        self.name = name
        self.signals: dict[str, Signal] = {}

    @property
    def is_served(self) -> bool:
        """Whether all its PVs are connected."""
        return all(signal.is_connected for signal in self.signals.values())

    @property
    def is_lost(self) -> bool:
        """Whether it is served but its state is unknown: it does not answer.

        The system is lost when no server answers, not when one does not.
        """
        if "State" in self.signals:
            unknown = self.signals["State"].severity is Severity.INVALID
        else:
            found = [self.signals[name] for name in _ONLINE if name in self.signals]
            unknown = not all(signal.is_true for signal in found)
        return self.is_served and unknown

    @property
    def is_moving(self) -> bool:
        """Whether it is between two states, by any client's command."""
        moving = self.signals.get("Transitioning")
        is_known = self.is_served and not self.is_lost
        return is_known and moving is not None and moving.is_true

    @property
    def severity(self) -> Severity:
        """The highest severity of its PVs; INVALID if it is not served."""
        if not self.is_served:
            return Severity.INVALID
        return next((found.severity for found in self.findings()), Severity.NO_ALARM)

    @property
    def state(self) -> str:
        """Its state, or why that is unknown."""
        if not self.is_served:
            return "not served"
        is_disabled = "Enable" in self.signals and not self.signals["Enable"].is_true
        lost = self.is_lost or is_disabled
        names = ("Condition", *_STATES) if lost else _STATES
        return next(self.text(name) for name in names if name in self.signals)

    def text(self, name: str) -> str:
        """The value of a PV; "" if the device has no such PV."""
        return self.signals[name].text if name in self.signals else ""

    @property
    def _failed(self) -> str:
        """The signal with the result of a command that failed; "" if none failed.

        Other actions, such as reading its log, do not change Result.
        """
        if not self.text("LastError") or self.text("Result") == "Busy":
            return ""
        return "LastError" if self.text("Result") in ("Done", "None") else "Result"

    def findings(self) -> list[Signal]:
        """The signals to report, worst first: alarms, and a command that failed.

        For a device that does not answer, signals that are INVALID because of that are
        left out.
        """
        if not self.is_served:
            return []
        found = [
            signal
            for signal in self.signals.values()
            if signal.severity or signal.name == self._failed
        ]
        if any(signal.name in _BEARERS for signal in found):
            found = [signal for signal in found if not _is_consequence(signal)]
        return sorted(found, key=lambda signal: RANK[signal.severity])

    def reason(self, signal: Signal) -> str:
        """The device's text for a finding; "" if it has none.

        The Message of a lost device begins with the reason of the loss, until another
        message replaces it.
        """
        if signal.name == "Result":
            return self.text("LastError")
        message = self.text("Message")
        if signal.name == "State" and self.name in _EXPLAINED:
            return message
        says_why = signal.name in _BEARERS and self.is_lost
        return (
            message if says_why and message.startswith(self.text("Condition")) else ""
        )


_EXPLAINED = frozenset({"Run"})
"""Devices whose Message has the reason for which their State is in alarm."""


def _is_consequence(signal: Signal) -> bool:
    is_value = signal.name not in _BEARERS
    return is_value and (signal.name == "State" or signal.severity is Severity.INVALID)


RANK = {
    Severity.MAJOR: 0,
    Severity.INVALID: 1,
    Severity.MINOR: 2,
    Severity.NO_ALARM: 3,
}
"""The order of findings: a fault, then the values that it makes unknown."""


class Board:
    """All devices of a file, followed by monitors alone.

    Args:
        infos: the PVs of the file.
        prefix: of all PVs.
        changed: called with a signal that changed, the time [s since 1970] with it.

    Attributes:
        rows: the devices, system and run first.
    """

    def __init__(
        self,
        infos: Iterable[PvInfo],
        prefix: str,
        changed: Callable[[Signal, float | None], None],
    ) -> None:
        self._changed = changed
        self._channels: list[Channel] = []
        run = Names(prefix).device("Run")
        rows: dict[str, Row] = {}
        for info in infos:
            device, name = parted(info.name)
            more = name in _OF_RUN and device == run
            if not (info.alarms or more or name in SHOWN or name in _HELPERS):
                continue
            row = rows.setdefault(device, Row(device, last_name(device)))
            row.signals[name] = Signal(info)
        found = [row for row in rows.values() if any(n in row.signals for n in _STATES)]
        self.rows: Sequence[Row] = sorted(found, key=_level)
        self._silent = {s for row in self.rows for s in row.signals.values()}

    def open(self) -> None:
        """Start to follow; call it in the event loop."""
        client = Client()
        for row in self.rows:
            for signal in row.signals.values():
                info = signal.info
                channel = client.channel(info.name, partial(self._connected, signal))
                form = Form.LONG_TEXT if info.record == "waveform" else Form.TEXT
                channel.follow(form, partial(self._updated, signal))
                self._channels.append(channel)

    def close(self) -> None:
        """Stop to follow."""
        for channel in self._channels:
            channel.close()
        self._channels.clear()

    @property
    def is_complete(self) -> bool:
        """Whether the value of every PV has come."""
        return not self._silent

    @property
    def severity(self) -> Severity:
        """The worst of all."""
        return max((row.severity for row in self.rows), default=Severity.NO_ALARM)

    def _connected(self, signal: Signal, up: bool) -> None:
        if not up:
            signal.is_connected = False
            self._silent.add(signal)
            self._changed(signal, None)

    def _updated(self, signal: Signal, update: Update) -> None:
        signal.text = one_line(str(update.value))
        signal.severity = update.severity
        signal.is_connected = True
        self._silent.discard(signal)
        self._changed(signal, update.time)


def _level(row: Row) -> tuple[int, bool]:
    """The order of rows: system and run above the others, the store at the end."""
    return row.prefix.count(":"), "State" not in row.signals


def run_line(rows: Iterable[Row]) -> str:
    """The run in a line: number, state, duration, rate, disk, operator, title.

    "" if there is none, or if it is not served.
    """
    run = next((row for row in rows if "Number" in row.signals), None)
    if run is None or not run.is_served:
        return ""
    number = run.text("Number")
    if number.startswith("-"):
        return "No run yet"
    left = _hours(run.text("DiskTimeLeft"))
    parts = (
        f"Run {number} {run.text('State')}",
        run.text("DurationText"),
        f"{run.text('Rate')} MB/s",
        "" if left is None else f"disk full in {left:g} h",
        run.text("Operator"),
        f'"{run.text("Title")}"' if run.text("Title") else "",
    )
    return "  ".join(filter(None, parts))


def _hours(text: str) -> float | None:
    """Time until a disk is full [h]; None if it does not fill, or it is unknown."""
    try:
        hours = float(text)
    except ValueError:
        return None
    return hours if hours < LONGEST else None  # not NaN either


def summary(rows: Iterable[Row]) -> str:
    """Count devices by their state: "38 Ready, 2 Idle"."""
    counts = Counter(row.state for row in rows)
    return ", ".join(f"{count} {state}" for state, count in counts.most_common())
