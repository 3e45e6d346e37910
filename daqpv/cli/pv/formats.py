"""Formats the value of a PV for people, for shell scripts and for programs."""

from __future__ import annotations

import json
import os
import sys

import click

from daqpv.core import Severity
from daqpv.core.lines import plain
from daqpv.links.ca.readout import Readout

_COLOURS = {
    Severity.MINOR: "yellow",
    Severity.MAJOR: "red",
    Severity.INVALID: "magenta",
}


def formatted(readout: Readout, form: str, width: int) -> str:
    """A `readout` as "table", "value" or "json".

    Args:
        readout: of a PV.
        form: one of the three.
        width: characters for the name, in a table.
    """
    if form == "json":
        text = json.dumps(readout.as_json(), ensure_ascii=False)
        return text if text.isprintable() else json.dumps(readout.as_json())
    if form == "value":
        return plain(readout.text)
    rows = plain(readout.text).split("\n")
    head = f"{readout.name:{width}}  "
    alarm = ""
    if readout.severity:
        alarm = f"  {readout.severity.name} {readout.status.name}"
        alarm = _coloured(alarm, _COLOURS[readout.severity])
    if len(rows) > 1:
        return "\n    ".join([f"{head.rstrip()}{alarm}", *rows])
    units = f" {readout.units}" if readout.units else ""
    text = rows[0] or '""'
    return f"{head}{text}{units}{alarm}"


def _coloured(text: str, colour: str) -> str:
    """In colour on a terminal, unless NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return click.style(text, fg=colour)
