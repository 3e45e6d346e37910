"""The value of a PV as a line: for people, for shell scripts, for programs."""

from __future__ import annotations

import json
import os
import sys

import click

from daqpv.core import Severity
from daqpv.core.lines import one_line
from daqpv.links.readout import Readout

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
        return json.dumps(readout.as_json(), ensure_ascii=False)
    if form == "value":
        return "\n".join(map(one_line, readout.text.split("\n")))
    rows = [one_line(row) for row in readout.text.split("\n")]
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
