"""``daqpv status``: the devices of a file on one screen, live over Channel Access."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from daqpv.app import App
from daqpv.cli.collector import building
from daqpv.cli.common import (
    EXIT_CONFIG,
    FILE,
    fail,
    load_or_exit,
    printing,
    run_until_signal,
)
from daqpv.cli.status.board import SHOWN, Board, Signal
from daqpv.cli.status.picture import LETTERS, NOT_SERVED, Picture
from daqpv.cli.waiting import sign_of_life
from daqpv.config import Experiment
from daqpv.core import Events, Names, PvInfo, Severity
from daqpv.core.timing.utc import utc_text
from daqpv.errors import DaqError
from daqpv.links.files import console as lines

ONCE_WITHIN = 5.0  # [s] for all PVs to connect
SHOWN_EVERY = 0.2  # [s] at most so often
CLOCK = 1.0  # [s] at least so often
_PIPE_WIDTH = 120  # characters, if stdout is no terminal

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
    help="Print once, when all PVs have connected or after 5 s; the exit code is the "
    "worst severity.",
)
def status(file: Path, *, once: bool) -> None:
    """Show the run and the devices of FILE, live: states, transitions, alarms.

    Ctrl-C ends it, and so does the end of its terminal. All values come over Channel
    Access from the processes that serve them; the devices are not polled for it. A
    letter and the colour give the severity. To a pipe it prints a line per change.

    \b
        daqpv status e20009.yaml
        daqpv status e20009.yaml --once || echo "check the DAQ"

    Exit code of --once: 0 no alarm, 1 MINOR, 2 MAJOR or INVALID, or a device that is
    not served, or an invalid FILE.
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
    """The experiment and its PVs, without those of processes: FILE names none."""
    experiment, kinds = load_or_exit(file)
    try:
        with building():
            infos = App(experiment, kinds, Events()).infos()
    except DaqError as error:
        fail(error, EXIT_CONFIG)
    processes = Names(experiment.prefix).device("IOC")
    return experiment, [info for info in infos if not info.name.startswith(processes)]


class _Screen:
    """The board, drawn."""

    def __init__(self, experiment: Experiment, infos: Sequence[PvInfo]) -> None:
        self._news = asyncio.Event()
        self.board = Board(infos, experiment.prefix, lambda *_: self._news.set())
        self._picture = Picture(self.board, experiment)

    async def once(self) -> Severity:
        """Print when all PVs have connected, or after 5 s; returns the severity."""
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
            console.print(self._picture.drawn(console.width, height=None))
        return self.board.severity

    async def live(self) -> None:
        """Draw until cancelled, or until the terminal has gone."""
        self.board.open()
        console = Console()
        try:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while not lines.nobody_reads():
                    self._news.clear()
                    drawn = self._picture.drawn(console.width, console.height)
                    live.update(drawn, refresh=True)
                    await asyncio.sleep(SHOWN_EVERY)
                    try:
                        async with asyncio.timeout(CLOCK - SHOWN_EVERY):
                            await self._news.wait()
                    except TimeoutError:
                        continue
        except OSError:  # the terminal has gone: the rest cannot be drawn
            if not lines.nobody_reads():
                raise
        finally:
            self.board.close()


async def _print(experiment: Experiment, infos: Sequence[PvInfo]) -> None:
    """Print a line per change, until cancelled or until the reader has gone."""
    with lines.Console() as console:

        def say(signal: Signal, moment: float | None) -> None:
            if not (signal.info.alarms or signal.name in SHOWN):
                return  # the progress of a step is for the screen only
            when = utc_text(moment or time.time())
            letter = LETTERS[signal.severity] if signal.is_connected else NOT_SERVED
            text = signal.text if signal.is_connected else "not served"
            name = signal.info.name
            console.say(f"{when} {letter} {name} {text}")

        board = Board(infos, experiment.prefix, say)
        board.open()
        try:
            while not lines.nobody_reads():  # noqa: ASYNC110, there is no event for it
                await asyncio.sleep(CLOCK)
        finally:
            board.close()
