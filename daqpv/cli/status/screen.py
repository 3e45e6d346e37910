"""The table of devices and the last events, live in a terminal.

A thread draws: a stopped terminal (Ctrl-S) holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daqpv.core import Device, Event, Severity
from daqpv.core.lines import one_line
from daqpv.ecc import Ecc
from daqpv.links.files.console import COLOURS, line
from daqpv.links.files.writer_thread import WriterThread
from daqpv.runs import Run
from daqpv.system import System

SHOWN_EVENTS = 10
SHOWN_EVERY = 0.2  # [s]


class Screen(WriterThread[Group]):
    """The terminal, and a sink of events; use it as a context manager.

    Args:
        devices: of these the run, the system and its ECC servers have a row of the
            table.
        words: what stands above the table.
    """

    def __init__(self, devices: Iterable[Device[Any]], words: str) -> None:
        super().__init__("screen", room=1)
        self._devices = sorted(
            (one for one in devices if isinstance(one, tuple(_ROWS))),
            key=lambda one: list(_ROWS).index(type(one)),
        )
        self._words = words
        self._events: deque[Text] = deque(maxlen=SHOWN_EVENTS)

    def __call__(self, event: Event) -> None:
        """Keep `event` for the next picture, if it is for people."""
        if event.is_aside:
            return
        style = COLOURS[event.severity] or ""
        self._events.append(Text(line(event), style=style))

    async def run(self) -> None:
        """Have pictures drawn until cancelled; none while the terminal is stopped."""
        while True:
            self._offer(self._picture())
            await asyncio.sleep(SHOWN_EVERY)

    def _write(self, things: Iterator[Group]) -> None:
        console = Console()
        with suppress(OSError):  # the terminal has gone
            console.print(self._words, highlight=False, markup=False, soft_wrap=True)
            with Live(console=console, auto_refresh=False) as live:
                for picture in things:
                    live.update(picture, refresh=True)

    def _picture(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("device", "State", "Transition", "Target", "Result"):
            table.add_column(title, min_width=9, no_wrap=True)
        table.add_column("Message")
        for device in self._devices:
            cells, style = _ROWS[type(device)](device)
            now = device.snapshot
            message = Text(one_line(now.message), no_wrap=True, overflow="ellipsis")
            table.add_row(*cells, now.result.label, message, style=style)
        return Group(table, Text(), *self._events)


Cells = tuple[str, str, str, str]


def _of_run(run: Run) -> tuple[Cells, str]:
    now = run.snapshot
    which = f"run {now.number}" if now.open_run else f"next: {now.next_number}"
    since = now.duration_text if now.open_run else "None"
    return ("Run", now.state.label, since, which), _bold(now.severity("state"))


def _bold(severity: Severity) -> str:
    colour = {Severity.MAJOR: " red", Severity.MINOR: " yellow"}
    return "bold" + colour.get(severity, "")


def _of_system(system: System) -> tuple[Cells, str]:
    now = system.snapshot
    doing = "moving" if now.transitioning else "None"
    cells = (
        "Sys",
        now.state.label,
        f"{now.progress:.0f} %" if now.goal else doing,
        now.target.label,
    )
    return cells, _bold(now.severity("state"))


def _of_ecc(ecc: Ecc) -> tuple[Cells, str]:
    now = ecc.snapshot
    if not now.known:
        return (ecc.name, "...", "...", now.target.label), ""
    state = now.condition.label if now.is_lost else now.state.label
    colour = "red" if now.is_lost else "yellow" if now.transitioning else ""
    return (ecc.name, state, now.transition.label, now.target.label), colour


_ROWS: dict[type, Callable[[Any], tuple[Cells, str]]] = {
    Run: _of_run,
    System: _of_system,
    Ecc: _of_ecc,
}
