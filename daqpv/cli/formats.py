"""The list of PVs in the formats of others: people, programs, EPICS services."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from xml.etree import ElementTree as ET

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from daqpv.config import Experiment
from daqpv.core import PvInfo

Infos = Sequence[PvInfo]

_HEADER = ("PV", "record", "access", "units", "values", "meaning")


def _row(info: PvInfo) -> Sequence[str]:
    access = "read/write" if info.writable else "read"
    choices = ", ".join(info.choices)
    return (info.name, info.record, access, info.units, choices, info.doc)


_TITLES = ("PV", "record", "rw", "meaning")


def _table_row(info: PvInfo) -> Sequence[str]:
    units = f" [{info.units}]" if info.units else ""
    choices = f" ({', '.join(info.choices)})" if info.choices else ""
    rights = "rw" if info.writable else "r"
    return (info.name, info.record, rights, f"{info.doc}{units}{choices}")


def _table(_: Experiment, infos: Infos) -> None:
    """For a terminal folded to its width; for a pipe a line for each PV."""
    console = Console()
    rows = [_table_row(info) for info in infos]
    if not console.is_terminal:
        widths = [max(map(len, column)) for column in zip(_TITLES, *rows, strict=True)]
        for row in (_TITLES, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            click.echo("  ".join(cells).rstrip())
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in _TITLES:
        table.add_column(title, no_wrap=title != "meaning")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _json(_: Experiment, infos: Infos) -> None:
    click.echo(json.dumps([asdict(info) for info in infos], indent=2))


def _csv(_: Experiment, infos: Infos) -> None:
    _write_csv([_HEADER, *map(_row, infos)])


def _markdown(_: Experiment, infos: Infos) -> None:
    rule = ("---",) * len(_HEADER)
    for row in (_HEADER, rule, *map(_row, infos)):
        cells = (cell.replace("|", "\\|") for cell in row)
        click.echo(f"| {' | '.join(cells)} |")


def _write_csv(rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    click.echo(text.getvalue(), nl=False)


# -- EPICS services --------------------------------------------------------------------

_TEXTS = frozenset({"stringin", "stringout", "waveform", "lsi", "lso"})
_FIGURES = frozenset({"ai", "ao"})

_STATES_PERIOD = 0.1  # [s] what the appliance's buffers are made for
_FIGURES_PERIOD = 1.0  # [s]


def _archiver(_: Experiment, infos: Infos) -> None:
    """What the Archiver Appliance takes: POST to ``/mgmt/bpl/archivePV``.

    Numbers and states, by monitor: they are sent when they change, and settings hardly
    ever do. Not texts, nor commands, nor what another PV shows already.
    """
    names = {info.name for info in infos}
    rows = [
        {
            "pv": info.name,
            "samplingmethod": "MONITOR",
            "samplingperiod": str(
                _FIGURES_PERIOD if info.record in _FIGURES else _STATES_PERIOD
            ),
        }
        for info in infos
        if info.record not in _TEXTS
        and not info.momentary
        and info.name.removesuffix("_RBV") not in names - {info.name}
    ]
    click.echo(json.dumps(rows, indent=2))


_ALARM_DELAY = 10  # [s] a restart of a daqpv process takes less


def _alarm(experiment: Experiment, infos: Infos) -> None:
    """An import file of the Phoebus alarm server: devices, and their PVs with alarms.

    While a device does not answer, its Online alone is an alarm: the others have a
    filter on it.
    """
    root = ET.Element("config", name=experiment.experiment)
    names = {info.name for info in infos}
    for info in infos:
        if not info.alarms:
            continue
        path, _, signal = info.name.removeprefix(experiment.prefix).rpartition(":")
        device = info.name.removesuffix(signal)
        component = root
        for part in path.split(":"):
            component = _component(component, part)
        pv = ET.SubElement(component, "pv", name=info.name)
        settings = {
            "description": f"{path.replace(':', ' ')} {signal}: {info.doc}",
            "enabled": "true",
            "latching": "true",
            "annunciating": "false",
            "delay": str(_ALARM_DELAY),
        }
        online = f"{device}Online"
        if online in names and info.name not in (online, f"{device}Condition"):
            settings["filter"] = f"'{online}' > 0"
        for tag, text in settings.items():
            ET.SubElement(pv, tag).text = text
        if f"{device}Message" in names:
            _guide(pv, device)
    ET.indent(root)
    text = ET.tostring(root, encoding="utf-8", xml_declaration=True).decode()
    click.echo(text)


def _component(parent: ET.Element, name: str) -> ET.Element:
    for child in parent.iterfind("component"):
        if child.get("name") == name:
            return child
    return ET.SubElement(parent, "component", name=name)


def _guide(pv: ET.Element, device: str) -> None:
    guidance = ET.SubElement(pv, "guidance")
    ET.SubElement(guidance, "title").text = "What to do"
    ET.SubElement(
        guidance, "details"
    ).text = f"Read {device}Message and {device}LastError: what is wrong, and the cure."


def _save(experiment: Experiment, infos: Infos) -> None:
    """A configuration for Phoebus save-and-restore: the settings, as CSV."""
    names = {info.name for info in infos}
    for line in ("SaveSet name:", experiment.experiment):
        click.echo(f"# {line}")
    for line in ("Description:", f"Settings of {experiment.path.name}"):
        click.echo(f"# {line}")
    rows = [("PV", "READBACK", "READ_ONLY")]
    for info in infos:
        if info.saved:
            readback = f"{info.name}_RBV"
            rows.append((info.name, readback if readback in names else "", "0"))
    _write_csv(rows)


FORMATS: dict[str, Callable[[Experiment, Infos], None]] = {
    "table": _table,
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
    "archiver": _archiver,
    "alarm": _alarm,
    "save": _save,
}
"""Printers by the name of the format."""
