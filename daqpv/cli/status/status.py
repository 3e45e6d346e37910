"""``daqpv status``: the devices of a file on one screen, live over Channel Access."""

from __future__ import annotations

import asyncio
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daqpv.app import App
from daqpv.cli.common import (
    EXIT_CONFIG,
    FILE,
    fail,
    load_or_exit,
    printing,
    run_until_signal,
)
from daqpv.cli.status.board import RANK, SHOWN, Board, Row, Signal, run_line, summary
from daqpv.cli.waiting import sign_of_life
from daqpv.config import Experiment
from daqpv.core import Events, PvInfo, Severity
from daqpv.core.lines import one_line
from daqpv.core.timing.utc import clock_text, utc_text
from daqpv.errors import DaqError
from daqpv.links.ca.pv import NOT_FOUND
from daqpv.links.files import console as lines

ONCE_WITHIN = 5.0  # [s] for all PVs to connect
SHOWN_EVERY = 0.2  # [s] at most so often
CLOCK = 1.0  # [s] at least so often
_SUMMARIES = frozenset({"Sys", "Run"})  # in alarm because of others: counted if alone
_FRAME = 6  # lines beside devices and what is wrong
_PIPE_WIDTH = 120  # characters, where no terminal says how wide it is

_LETTERS = {
    Severity.NO_ALARM: " ",
    Severity.MINOR: "m",
    Severity.MAJOR: "M",
    Severity.INVALID: "I",
}
_COLOURS = {
    Severity.NO_ALARM: "",
    Severity.MINOR: "yellow",
    Severity.MAJOR: "red",
    Severity.INVALID: "magenta",
}
_NOT_SERVED = "D"  # disconnected
_LEGEND = "m minor  M major  I invalid  D not served  > moving"
_WIDTHS = {"Message": 60, "Transition": 70, "Result": 86, "Target": 98}
"""How wide the terminal must be for a column [characters]."""

EXIT_CODES = {
    Severity.NO_ALARM: 0,
    Severity.MINOR: 1,
    Severity.MAJOR: 2,
    Severity.INVALID: 2,
}


@click.command()
@FILE
@click.option(
    "--once",
    is_flag=True,
    help="Print once, when all PVs have connected or after 5 s, and say by the exit "
    "code how things are.",
)
def status(file: Path, *, once: bool) -> None:
    """Show the run and the devices of FILE, live: states, what moves, what is wrong.

    Ctrl-C ends it, and so does the end of its terminal. Everything comes over Channel
    Access, from whatever processes serve it; nothing is asked of the devices. A letter
    tells the alarm as the colour does. Into a pipe it prints a line per change.

    \b
        daqpv status e20009.yaml
        daqpv status e20009.yaml --once || echo "look at the DAQ"

    Exit code of --once: 0 fine, 1 a warning (MINOR), 2 an alarm (MAJOR, INVALID, or a
    device that nobody serves) or a wrong FILE.
    """
    experiment, infos = _read(file)
    if once:
        worst = asyncio.run(_Screen(experiment, infos).once())
        sys.exit(EXIT_CODES[worst])
    if sys.stdout.isatty():
        run_until_signal(_Screen(experiment, infos).live())
    else:
        run_until_signal(_print(experiment, infos))


def _read(file: Path) -> tuple[Experiment, list[PvInfo]]:
    """The experiment and its PVs; not those of processes: FILE does not name them."""
    experiment, kinds = load_or_exit(file)
    try:
        infos = App(experiment, kinds, Events()).infos()
    except DaqError as error:
        fail(error, EXIT_CONFIG)
    processes = f"{experiment.prefix}IOC:"
    return experiment, [info for info in infos if not info.name.startswith(processes)]


class _Screen:
    """The board, drawn."""

    def __init__(self, experiment: Experiment, infos: Sequence[PvInfo]) -> None:
        self._title = f"{experiment.experiment}  {experiment.prefix}"
        self._prefix = experiment.prefix
        self._is_simulated = experiment.server.simulated
        self._news = asyncio.Event()
        self.board = Board(infos, experiment.prefix, lambda *_: self._news.set())

    async def once(self) -> Severity:
        """Print when all PVs have connected, or after 5 s; return what is worst."""
        self.board.open()
        with sign_of_life("Searching for the PVs"), suppress(TimeoutError):
            async with asyncio.timeout(ONCE_WITHIN):
                while not self.board.is_complete:
                    self._news.clear()
                    await self._news.wait()
        console = Console()
        if not console.is_terminal:
            console = Console(width=_PIPE_WIDTH)
        with printing():
            console.print(self._drawn(console.width, height=None))
        return self.board.severity

    async def live(self) -> None:
        """Draw until cancelled, or until the terminal has gone."""
        self.board.open()
        console = Console()
        try:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while not lines.nobody_reads():
                    self._news.clear()
                    drawn = self._drawn(console.width, console.height)
                    live.update(drawn, refresh=True)
                    await asyncio.sleep(SHOWN_EVERY)
                    try:
                        async with asyncio.timeout(CLOCK - SHOWN_EVERY):
                            await self._news.wait()
                    except TimeoutError:
                        continue
        except OSError:  # what is left to draw can go nowhere
            if not lines.nobody_reads():
                raise
        finally:
            self.board.close()

    def _drawn(self, width: int, height: int | None) -> RenderableType:
        """Head, devices, what is wrong, legend; `height` lines if they are to fit."""
        rows = self.board.rows
        wrong, refused = _told(rows, self._prefix)
        if height is None:
            wrong = _fitted([*wrong, *refused], sys.maxsize, width)
        else:
            spare = height - len(rows) - _FRAME
            wrong = _fitted(wrong, max(height // 3, spare), width)
            wrong += _fitted(refused, spare - len(wrong), width)
            rows = _most_urgent(rows, height - len(wrong) - _FRAME)
        run = run_line(self.board.rows)
        hidden = [row for row in self.board.rows if row not in rows]
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
        rows = self.board.rows
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
    """Each column as wide as it needs; the Message gets what is left."""
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
    letter = _LETTERS[row.severity] if row.is_served else _NOT_SERVED
    marks = letter + (">" if row.is_moving else " ")
    return [marks, row.name, *(cells[name] for name in columns)]


def _calm(text: str) -> str:
    return "" if text == "None" else text


def _told(rows: Sequence[Row], prefix: str) -> tuple[list[Text], list[Text]]:
    """What is wrong, gravest first; and what was refused, which is no alarm."""
    if not any(row.is_served for row in rows):
        text = f"{_NOT_SERVED} No PV under {prefix} answers. {NOT_FOUND}"
        return [Text(text, style=_COLOURS[Severity.INVALID])], []
    lines = [line for row in rows for line in _of(row)]
    lines.sort(key=lambda line: RANK[line[0]])
    wrong = [text for severity, text in lines if severity]
    return wrong, [text for severity, text in lines if not severity]


def _of(row: Row) -> Iterator[tuple[Severity, Text]]:
    if not row.is_served:
        names = [n for n, signal in row.signals.items() if not signal.is_connected]
        text = (
            f"{_NOT_SERVED} {row.prefix}{names[0]}: no answer ({len(names)} of "
            f"{len(row.signals)} PVs). Is the daqpv serve running that has it?"
        )
        yield Severity.MAJOR, Text(text, style=_COLOURS[Severity.INVALID])
    for signal in row.findings():
        severity = signal.severity
        said = row.reason(signal)
        if not said.startswith(signal.text):
            said = f"{signal.text} {said}".rstrip()
        text = f"{_LETTERS[severity]} {signal.info.name}: {said}"
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
    """The rows that fit, in their order: what is wrong first, then what moves."""
    by_urgency = sorted(
        rows, key=lambda row: (row.severity > 0, row.is_moving), reverse=True
    )
    kept = by_urgency[: max(most, 1)]
    return [row for row in rows if row in kept]


async def _print(experiment: Experiment, infos: Sequence[PvInfo]) -> None:
    """A line per change, until cancelled or until nobody reads them."""
    with lines.Console() as console:

        def say(signal: Signal, moment: float | None) -> None:
            if not (signal.info.alarms or signal.name in SHOWN):
                return  # how far a step is: for the screen
            when = utc_text(moment or time.time())
            letter = _LETTERS[signal.severity] if signal.is_connected else _NOT_SERVED
            text = signal.text if signal.is_connected else "not served"
            name = signal.info.name
            console.say(f"{when} {letter} {name} {text}")

        board = Board(infos, experiment.prefix, say)
        board.open()
        try:
            while not lines.nobody_reads():  # noqa: ASYNC110, nothing tells of it
                await asyncio.sleep(CLOCK)
        finally:
            board.close()
