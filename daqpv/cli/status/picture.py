"""Draws the board for a terminal: devices, alarms, a legend."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daqpv.cli.status.board import RANK, SHOWN, Board, Row, run_line, summary
from daqpv.config import Experiment
from daqpv.core import Severity
from daqpv.core.lines import one_line
from daqpv.core.timing.utc import clock_text
from daqpv.links.ca.pv import NOT_FOUND

_SUMMARIES = frozenset({"Sys", "Run"})  # in alarm because of others: counted if alone
_FRAME = 6  # lines besides devices and alarms

LETTERS = {
    Severity.NO_ALARM: " ",
    Severity.MINOR: "m",
    Severity.MAJOR: "M",
    Severity.INVALID: "I",
}
NOT_SERVED = "D"
"""The letter of a device or PV that is disconnected: no process serves it."""

_COLOURS = {
    Severity.NO_ALARM: "",
    Severity.MINOR: "yellow",
    Severity.MAJOR: "red",
    Severity.INVALID: "magenta",
}
_LEGEND = "m minor  M major  I invalid  D not served  > moving"
_WIDTHS = {"Message": 60, "Transition": 70, "Result": 86, "Target": 98}
"""How wide the terminal must be for a column [characters]."""


class Picture:
    """Draws a board.

    Args:
        board: of the devices.
        experiment: whose devices they are; its name and prefix are the title.
    """

    def __init__(self, board: Board, experiment: Experiment) -> None:
        self._board = board
        self._title = f"{experiment.experiment}  {experiment.prefix}"
        self._prefix = experiment.prefix
        self._is_simulated = experiment.server.simulated

    def drawn(self, width: int, height: int | None) -> RenderableType:
        """Draw head, devices, alarms and legend; in `height` lines if given."""
        rows = self._board.rows
        wrong, refused = _alarms_of(rows, self._prefix)
        if height is None:
            wrong = _fitted([*wrong, *refused], sys.maxsize, width)
        else:
            spare = height - len(rows) - _FRAME
            wrong = _fitted(wrong, max(height // 3, spare), width)
            wrong += _fitted(refused, spare - len(wrong), width)
            rows = _most_urgent(rows, height - len(wrong) - _FRAME)
        run = run_line(self._board.rows)
        hidden = [row for row in self._board.rows if row not in rows]
        more = f"and {len(hidden)} more: {summary(hidden)}" if hidden else ""
        return Group(
            self._head(),
            Text(one_line(run), style="bold", no_wrap=True, overflow="ellipsis"),
            _table(rows, width),
            Text(more, no_wrap=True, overflow="ellipsis"),
            *wrong,
            Text(_LEGEND, style="dim", no_wrap=True, overflow="ellipsis"),
        )

    def _head(self) -> Text:
        rows = self._board.rows
        moving = sum(row.is_moving for row in rows)
        alarmed = [row for row in rows if row.severity > Severity.NO_ALARM]
        causes = [row for row in alarmed if row.name not in _SUMMARIES]
        wrong = len(causes or alarmed)
        fine = len(rows) - len(alarmed)
        text = (
            f"{self._title}  {clock_text(time.time())} UTC  "
            f"{fine} fine, {moving} moving, {wrong} wrong"
        )
        head = Text(text, style="bold", no_wrap=True, overflow="ellipsis")
        if self._is_simulated:
            head.append("  SIMULATED", style="yellow")
        return head


def _table(rows: Sequence[Row], width: int) -> Table:
    """Each column as wide as it needs; the Message gets the rest."""
    columns = [name for name in SHOWN if width >= _WIDTHS.get(name, 0)]
    texts = [_cells(row, columns) for row in rows]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    left = width
    for i, title in enumerate(("", "device", *columns)):
        needed = max(map(len, [title, *(cells[i] for cells in texts)]))
        wide = max(min(needed, left), 1)
        table.add_column(title, width=wide, no_wrap=True, overflow="ellipsis")
        left -= wide + 2
    for row, cells in zip(rows, texts, strict=True):
        bold = "bold " if row.is_moving else ""
        table.add_row(*map(Text, cells), style=bold + _COLOURS[row.severity])
    return table


def _cells(row: Row, columns: Sequence[str]) -> list[str]:
    cells = {name: _calm(row.text(name)) if row.is_served else "" for name in columns}
    cells["State"] = row.state
    if row.is_moving and "Transition" in cells and "StepTime" in row.signals:
        cells["Transition"] += f" {row.text('StepTime')} s"
    letter = LETTERS[row.severity] if row.is_served else NOT_SERVED
    marks = letter + (">" if row.is_moving else " ")
    return [marks, row.name, *(cells[name] for name in columns)]


def _calm(text: str) -> str:
    return "" if text == "None" else text


def _alarms_of(rows: Sequence[Row], prefix: str) -> tuple[list[Text], list[Text]]:
    """The alarms, worst first; and the refused commands, which are no alarms."""
    if not any(row.is_served for row in rows):
        text = f"{NOT_SERVED} No PV under {prefix} answers. {NOT_FOUND}"
        return [Text(text, style=_COLOURS[Severity.INVALID])], []
    lines = [line for row in rows for line in _of(row)]
    lines.sort(key=lambda line: RANK[line[0]])
    wrong = [text for severity, text in lines if severity]
    return wrong, [text for severity, text in lines if not severity]


def _of(row: Row) -> Iterator[tuple[Severity, Text]]:
    if not row.is_served:
        names = [n for n, signal in row.signals.items() if not signal.is_connected]
        text = (
            f"{NOT_SERVED} {row.prefix}{names[0]}: no answer ({len(names)} of "
            f"{len(row.signals)} PVs). Is the daqpv serve running that has it?"
        )
        yield Severity.MAJOR, Text(text, style=_COLOURS[Severity.INVALID])
    for signal in row.findings():
        severity = signal.severity
        said = row.reason(signal)
        if not said.startswith(signal.text):
            said = f"{signal.text} {said}".rstrip()
        text = f"{LETTERS[severity]} {signal.info.name}: {said}"
        yield severity, Text(text, style=_COLOURS[severity])


def _fitted(texts: Sequence[Text], room: int, width: int) -> list[Text]:
    """At most `room` lines: folded as long as there is room, else cut short."""
    if room < 1:
        return []
    if len(texts) > room:
        more = Text(f"and {len(texts) - room + 1} more")
        return [*(_cut(text) for text in texts[: room - 1]), more]
    lines: list[Text] = []
    for i, text in enumerate(texts):
        folded = _folded(text, width)
        fits = len(lines) + len(folded) + len(texts) - i - 1 <= room
        lines += folded if fits else [_cut(text)]
    return lines


def _folded(text: Text, width: int) -> list[Text]:
    lines = textwrap.wrap(text.plain, width, subsequent_indent="    ")
    return [Text(line, style=text.style) for line in lines]


def _cut(text: Text) -> Text:
    return Text(text.plain, style=text.style, no_wrap=True, overflow="ellipsis")


def _most_urgent(rows: Sequence[Row], most: int) -> list[Row]:
    """The rows that fit, in their order: alarms before moving devices before others."""
    by_urgency = sorted(
        rows, key=lambda row: (row.severity > 0, row.is_moving), reverse=True
    )
    kept = by_urgency[: max(most, 1)]
    return [row for row in rows if row in kept]
