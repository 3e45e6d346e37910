"""Prints the list of PVs for people, programs and EPICS services."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict
from xml.etree import ElementTree as ET

import click

from daqpv.config import Experiment
from daqpv.core import Names, PvInfo, parted

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
    """To a terminal folded to its width; to a pipe a line for each PV."""
    from rich.console import Console  # noqa: PLC0415 - 0.1 s, not for check
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

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

_SHORTEST = 0.1  # [s] the least sampling period that the appliance takes


def _archiver(_: Experiment, infos: Infos) -> None:
    """The PVs for the Archiver Appliance: POST it to ``/mgmt/bpl/archivePV``.

    Numbers and states, by monitor: they are sent when they change, and settings seldom
    do. Texts, commands, and PVs that repeat another PV are left out.
    """
    names = {info.name for info in infos}
    rows = [
        {
            "pv": info.name,
            "samplingmethod": "MONITOR",
            "samplingperiod": str(_sampling_period(info)),
        }
        for info in infos
        if info.record not in _TEXTS
        and not info.momentary
        and info.name.removesuffix("_RBV") not in names - {info.name}
    ]
    click.echo(json.dumps(rows, indent=2))


def _sampling_period(info: PvInfo) -> float:
    """The period [s], which sizes the buffer of MONITOR: 10 s of changes, and one more.

    Half the least time between two changes, so that a late write loses none; the
    shortest period where a command or another PV may cause changes at any time.
    """
    return max(info.period / 2, _SHORTEST)


_ALARM_DELAY = 10  # [s] a restart of a daqpv process takes less


def _alarm(experiment: Experiment, infos: Infos) -> None:
    """An import file of the Phoebus alarm server: devices, and their PVs with alarms.

    One fault is one alarm. A filter suppresses an alarm while the PV in it is
    disconnected: the filter of a PV of a device that does not answer is its Online, and
    of all others the HEARTBEAT of the process, which has the alarm of its end.
    """
    root = ET.Element("config", name=experiment.experiment)
    pv_names, names = Names(experiment.prefix), {info.name for info in infos}
    hearts = [info.name for info in infos if _is_heartbeat(info)]
    for info in infos:
        if not info.alarms and info.name not in hearts:
            continue
        device, signal = parted(info.name)
        path = pv_names.short(device)
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
        if substitute := _substitute(device, signal, names, hearts):
            settings["filter"] = f"'{substitute}' > 0"
        for tag, text in settings.items():
            ET.SubElement(pv, tag).text = text
        if info.name in hearts:
            _guide(pv, _IS_GONE)
        elif f"{device}Message" in names:
            _guide(pv, _READ.format(device=device))
    ET.indent(root)
    text = ET.tostring(root, encoding="utf-8", xml_declaration=True).decode()
    click.echo(text)


def _is_heartbeat(info: PvInfo) -> bool:
    device, signal = parted(info.name)
    return signal == "HEARTBEAT" and device.split(":")[-3:-2] == ["IOC"]


def _substitute(
    device: str, signal: str, names: Collection[str], hearts: Sequence[str]
) -> str:
    """The PV whose alarm replaces that of `signal` while it is disconnected, or "".

    The file does not say which of several processes serves a device: then each device
    has an alarm of its own when its process ends.
    """
    heart = f"{device}HEARTBEAT"
    if heart in hearts:
        return "" if signal == "HEARTBEAT" else heart
    online = f"{device}Online"
    if online in names and signal not in ("Online", "Condition"):
        return online
    return hearts[0] if len(hearts) == 1 else ""


def _component(parent: ET.Element, name: str) -> ET.Element:
    for child in parent.iterfind("component"):
        if child.get("name") == name:
            return child
    return ET.SubElement(parent, "component", name=name)


_READ = "Read {device}Message and {device}LastError: what is wrong, and the cure."
_IS_GONE = (
    "The daqpv process has ended, or cannot be reached. The ECC servers go on as they "
    "are. Start it again: daqpv serve FILE, or systemctl restart."
)


def _guide(pv: ET.Element, details: str) -> None:
    guidance = ET.SubElement(pv, "guidance")
    ET.SubElement(guidance, "title").text = "What to do"
    ET.SubElement(guidance, "details").text = details


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
