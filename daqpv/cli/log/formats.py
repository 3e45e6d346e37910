"""Prints events in the formats of ``daqpv log``: for people and for programs.

Clients and devices write their texts, so control characters are removed.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daqpv.cli.csv_cells import csv_cell
from daqpv.core import Event, EventSeverity
from daqpv.core.lines import one_line, shortened
from daqpv.core.timing.utc import clock_text, date_text, iso_text
from daqpv.links.files import log_file
from daqpv.links.files.console import COLOURS
from daqpv.store.reading.query import KeptEvent

Printer = Callable[[Sequence[KeptEvent]], None]
"""Prints some events; what was printed before is remembered."""

_FIRST_WIDTH = 10  # characters of a device's name that have room from the start


def _table() -> Printer:
    """To a terminal a table; to a pipe the lines of the log file."""
    console = Console(highlight=False)
    return _Table(console) if console.is_terminal else _lines


def _lines(events: Iterable[KeptEvent]) -> None:
    click.echo("\n".join(log_file.line(event) for _, event in events))


class _Table:
    """A line for each day, and then time, severity, device, text, origin."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._day = ""
        self._width = _FIRST_WIDTH

    def __call__(self, events: Sequence[KeptEvent]) -> None:
        longest = max(len(one_line(event.device)) for _, event in events)
        most = max(self._console.width // 4, _FIRST_WIDTH)
        self._width = min(max(longest, self._width), most)
        for day, those in groupby(events, key=_day):
            if day != self._day:
                self._console.print(Text(day, style="bold"))
                self._day = day
            table = Table.grid(padding=(0, 1, 0, 0))
            table.add_column(width=8)
            table.add_column(width=max(len(one) for one in _SHOWN.values()))
            table.add_column(width=self._width, overflow="fold")
            table.add_column(overflow="fold")
            for _, event in those:
                cells = (clock_text(event.time), _SHOWN[event.severity], event.device)
                style = COLOURS[event.severity] or ("dim" if event.is_aside else "")
                table.add_row(
                    *(Text(one_line(cell)) for cell in cells),
                    Text(one_line(_sentence(event))),
                    style=style,
                )
            self._console.print(table)


_SHOWN = {
    EventSeverity.INFORMATION: "",
    EventSeverity.WARNING: "warning",
    EventSeverity.ERROR: "error",
}


def _day(kept: KeptEvent) -> str:
    return f"{date_text(kept.event.time)} UTC"


def _sentence(event: Event) -> str:
    """The text and the origin of an event; the text has its count."""
    by = f" [{event.origin}]" if event.origin else ""
    return f"{shortened(event.text)}{by}"


_COLUMNS = (
    *("id", "time", "severity", "device", "name", "text", "who", "count"),
    *("process", "function", "fields"),
)


def _row(kept: KeptEvent) -> dict[str, object]:
    number, event = kept
    values = (
        number,
        iso_text(event.time),
        str(event.severity),
        event.device,
        event.name,
        event.text,
        str(event.origin or ""),
        event.count,
        event.process,
        event.function,
        dict(event.fields),
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _json() -> Printer:
    """An object per line."""

    def show(events: Iterable[KeptEvent]) -> None:
        click.echo("\n".join(one_line(json.dumps(_row(kept))) for kept in events))

    return show


def _csv() -> Printer:
    click.echo(",".join(_COLUMNS))

    def show(events: Iterable[KeptEvent]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for kept in events:
            row = _row(kept) | {"fields": json.dumps(dict(kept.event.fields))}
            writer.writerow([one_line(csv_cell(str(value))) for value in row.values()])
        click.echo(text.getvalue(), nl=False)

    return show


FORMATS: dict[str, Callable[[], Printer]] = {
    "table": _table,
    "json": _json,
    "csv": _csv,
}
"""Makers of printers, by the name of the format."""
