"""Tables on a terminal; on a pipe lines with tabs, which nothing cuts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daqpv.core.lines import one_line


def show_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: fitted to a terminal, or lines with tabs to a pipe."""
    console = Console(highlight=False)
    if not console.is_terminal:
        for row in (head, *rows):
            click.echo("\t".join(map(one_line, row)))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in head:
        is_first = title == head[0]
        table.add_column(title, no_wrap=is_first, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console.print(table)
