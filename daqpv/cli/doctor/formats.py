"""How findings are printed: a table on a terminal, lines to a pipe, JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import click

from daqpv.app.examining import Examined
from daqpv.core import Finding
from daqpv.core.lines import one_line

Printer: TypeAlias = Callable[[Examined], None]

_STEP = 11  # characters of the longest step


def printer(*, as_json: bool, names: Sequence[str]) -> Printer:
    """What prints the findings of a device.

    Args:
        as_json: an object per device, on a line.
        names: of all devices: they have the same width in the table.
    """
    if as_json:
        return _json
    if sys.stdout.isatty():
        return _Table(max(map(len, names)))
    return _lines


def judgement(finding: Finding) -> str:
    """The word for a finding."""
    if not finding.good:
        return "PROBLEM"
    return "warning" if finding.is_warning else "good"


def _lines(examined: Examined) -> None:
    for one in examined.findings:
        text = one_line(str(one))
        click.echo(f"{examined.name}: {one.step}: {judgement(one)}: {text}")


def _json(examined: Examined) -> None:
    findings = [
        {
            "step": one.step,
            "judgement": judgement(one).lower(),
            "good": one.good,
            "text": one.text,
            "cure": one.cure,
            "facts": _plain(one.facts),
        }
        for one in examined.findings
    ]
    found = {
        "section": examined.section,
        "name": examined.name,
        "good": examined.good,
        "findings": findings,
    }
    click.echo(json.dumps(found))


def _plain(value: Any) -> Any:
    """`value` as JSON has it: NaN and infinity as null, what is no JSON as text."""
    if isinstance(value, bool | int | str | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)


class _Table:
    """Tables of the same widths, one below the other.

    Args:
        width: of the names.
    """

    _STYLES = {"good": "green", "warning": "yellow", "PROBLEM": "bold red"}  # noqa: RUF012

    def __init__(self, width: int) -> None:
        from rich.console import Console  # noqa: PLC0415 - 0.1 s, not for a pipe

        self._console = Console(highlight=False)
        self._width = width

    def __call__(self, examined: Examined) -> None:
        """Print the findings of a device."""
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(width=self._width, no_wrap=True, style="bold")
        table.add_column(width=_STEP, no_wrap=True)
        table.add_column(width=7, no_wrap=True)
        table.add_column(overflow="fold")
        name = examined.name
        for one in examined.findings:
            word = judgement(one)
            table.add_row(
                Text(name), one.step, Text(word, self._STYLES[word]), _text(one)
            )
            name = ""
        self._console.print(table)


def _text(finding: Finding) -> Any:
    from rich.text import Text  # noqa: PLC0415

    text = Text(one_line(finding.text))
    if finding.cure:
        text.append(f"\n{one_line(finding.cure)}", "italic")
    return text
