"""``daqpv monitor``: prints PVs when they change."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from daqpv.cli.common import EXIT_FAILED, SECONDS, run_until_signal
from daqpv.cli.pv.formats import formatted
from daqpv.cli.pv.get import PVS, TIMEOUT
from daqpv.cli.waiting import FIRST
from daqpv.core.timing.utc import utc_text
from daqpv.errors import DaqError
from daqpv.links.ca.channel import Client
from daqpv.links.ca.pv import NOT_FOUND
from daqpv.links.ca.readout import Reader, Readout
from daqpv.links.files import console as lines

LOOK = 0.5  # [s] between two checks that its output is still read


@click.command()
@PVS
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: an object per line.",
)
@click.option(
    "-n",
    "--count",
    type=click.IntRange(min=1),
    metavar="N",
    help="End after N lines.",
)
@click.option("--for", "duration", type=SECONDS, metavar="S", help="End after S [s].")
@click.option(
    "--timeout",
    type=SECONDS,
    default=TIMEOUT,
    show_default=True,
    metavar="S",
    help="Time after which a PV that is not found is named on stderr [s].",
)
def monitor(
    names: tuple[str, ...],
    *,
    form: str,
    count: int | None,
    duration: float | None,
    timeout: float,
) -> None:
    """Show the values of PVs now and after each change, until Ctrl-C.

    Each line has the time stamp of the PV (UTC), its name, and its value as in `daqpv
    get`. A PV whose server has ended is "disconnected"; it reconnects by itself.

    \b
        daqpv monitor AT:Sys:State AT:Sys:Step AT:Log:Last
        daqpv monitor --format json AT:Run:State
        daqpv monitor --for 10 'AT:Router:data0:Rate.{dbnd:{rel:10}}'

    The exit code is 0; with --count or --for it is 1 if a PV was never connected.
    """
    following = _Following(names, form, count)
    run_until_signal(following.run(duration, timeout))
    if following.left_out:
        click.echo(
            f"{following.left_out:,} lines are left out: they came faster than they "
            "were read",
            err=True,
        )
    if following.failure is not None:
        raise following.failure
    if following.missing and (count or duration is not None):
        sys.exit(EXIT_FAILED)


class _Following:
    """PVs whose changes are printed.

    Attributes:
        missing: names of the PVs that were never connected.
        left_out: number of lines for which there was no room.
        failure: why the output cannot be written; not if its reader has gone.
    """

    def __init__(self, names: Sequence[str], form: str, count: int | None) -> None:
        self._names = names
        self._form = form
        self._left = count
        self._width = max(map(len, names))
        self._over = asyncio.Event()
        self.missing = dict.fromkeys(names)
        self.left_out = 0
        self.failure: OSError | None = None

    async def run(self, duration: float | None, timeout: float) -> None:
        """Print until the time is over, `count` is reached, or the reader has gone."""
        with lines.Console() as console:
            client = Client()
            self._console = console
            async with asyncio.TaskGroup() as tasks:
                following = [
                    tasks.create_task(self._follow(name, client, timeout))
                    for name in self.missing
                ]
                try:
                    async with asyncio.timeout(duration):
                        while not self._is_over():
                            await self._look()
                except TimeoutError:
                    pass
                for task in following:
                    task.cancel()

    def _is_over(self) -> bool:
        if lines.nobody_reads():
            return True
        self.failure = self._console.failure
        return self._over.is_set() or self.failure is not None

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK):
                await self._over.wait()
        except TimeoutError:
            return

    async def _follow(self, name: str, client: Client, timeout: float) -> None:
        reader = Reader(name, client, lambda: self._lost(name))
        try:
            await self._ready(reader, timeout)
            self.missing.pop(name, None)
            reader.follow(self._show)
            await asyncio.get_running_loop().create_future()
        finally:
            reader.close()

    async def _ready(self, reader: Reader, timeout: float) -> None:
        """Wait for the PV, and print that to stderr: at first only to a terminal."""
        soon = min(FIRST, timeout)
        with suppress(DaqError):
            await reader.ready(soon)
            return
        if sys.stderr.isatty():
            click.echo(f"Searching for {reader.name} ...", err=True)
        with suppress(DaqError):
            await reader.ready(timeout - soon)
            return
        click.echo(
            f"{reader.name}: no such PV within {timeout:g} s; still searching. "
            f"{NOT_FOUND}",
            err=True,
        )
        await reader.ready()

    def _show(self, readout: Readout) -> None:
        text = formatted(readout, self._form, self._width)
        if self._form == "table":
            text = f"{utc_text(readout.time, 'microseconds')}  {text}"
        self._say(text)

    def _lost(self, name: str) -> None:
        if name in self.missing:
            return
        if self._form == "json":
            self._say(json.dumps({"pv": name, "connected": False}))
        else:
            self._say(f"{'':30}  {name:{self._width}}  disconnected")

    def _say(self, text: str) -> None:
        if self._left == 0:
            return
        if not self._console.say(text):
            self.left_out += 1
            return
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._over.set()
