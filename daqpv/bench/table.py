"""Formats the figures of several servers as a table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from daqpv.bench.figure import ROWS, Figure, Row


def median(figures: Sequence[Figure]) -> Figure:
    """The median of the figures; a run without a value is the result.

    Args:
        figures: of one row and server, one per run.
    """
    failed = [figure for figure in figures if figure.value is None and figure.why]
    if failed:
        return failed[0]
    values = [figure.value for figure in figures if figure.value is not None]
    value = statistics.median(values) if values else None
    return Figure(figures[0].row, value)


def table(results: Mapping[str, Iterable[Figure]], *, own: str) -> Table:
    """A row per figure, a column per server; other columns show "x times ours".

    Args:
        results: the figures of each server.
        own: the server to compare with the goals; the others are compared with it.
    """
    by_server = {
        name: {figure.row: figure for figure in figures}
        for name, figures in results.items()
    }
    found = Table(box=None, pad_edge=False, header_style="bold")
    found.add_column("what")
    for name in by_server:
        found.add_column(name, justify="right")
    found.add_column("goal", justify="right")
    for key, row in ROWS.items():
        figures = {name: given.get(key) for name, given in by_server.items()}
        if not any(figures.values()):
            continue
        mine = figures.get(own)
        against = None if mine is None else mine.value
        cells = [
            _cell(row, figure, None if name == own else against, own=name == own)
            for name, figure in figures.items()
        ]
        sign = ">=" if row.more else "<="
        found.add_row(row.what, *cells, f"{sign} {row.text(row.goal)}")
    return found


def _cell(row: Row, figure: Figure | None, against: float | None, *, own: bool) -> Text:
    if figure is None:
        return Text("")
    if figure.value is None:
        return Text(figure.why or "-", style="red" if figure.why else "")
    text = row.text(figure.value)
    if against:
        text += f" (x {figure.value / against:.2g})"
    missed = own and not row.reached(figure.value)
    return Text(text + (" MISSED" if missed else ""), style="red" if missed else "")


def markdown(results: Mapping[str, Iterable[Figure]]) -> str:
    """The same table as Markdown."""
    by_server = {
        name: {figure.row: figure for figure in figures}
        for name, figures in results.items()
    }
    lines = ["| what | " + " | ".join(by_server) + " | goal |"]
    lines.append("|---" * (len(by_server) + 2) + "|")
    for key, row in ROWS.items():
        cells = [_plain(row, given.get(key)) for given in by_server.values()]
        if any(cells):
            sign = ">=" if row.more else "<="
            goal = f"{sign} {row.text(row.goal)}"
            lines.append("| " + " | ".join([row.what, *cells, goal]) + " |")
    return "\n".join(lines)


def _plain(row: Row, figure: Figure | None) -> str:
    if figure is None:
        return ""
    return figure.why or "-" if figure.value is None else row.text(figure.value).strip()
