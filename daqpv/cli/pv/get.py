"""``daqpv get``: reads PVs, for people and programs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import click

from daqpv.cli.common import EXIT_FAILED, PV, SECONDS, complain
from daqpv.cli.pv.formats import formatted
from daqpv.cli.waiting import sign_of_life
from daqpv.errors import DaqError
from daqpv.links.ca.channel import Client
from daqpv.links.ca.readout import Reader, Readout

TIMEOUT = 5.0  # [s]
PVS = click.argument("names", type=PV, nargs=-1, required=True, metavar="PV...")


@click.command()
@PVS
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "value", "json"]),
    default="table",
    show_default=True,
    help="value: the text alone; json: an object per line.",
)
@click.option(
    "--timeout",
    type=SECONDS,
    default=TIMEOUT,
    show_default=True,
    metavar="S",
    help="How long to wait for a PV [s].",
)
def get(names: tuple[str, ...], form: str, timeout: float) -> None:
    """Read PVs of any EPICS server: a line for each, in the order given.

    A state is printed as its label, a number with precision and units, a long text as
    text, an array up to its 1000th element. If a PV is in alarm, its severity and
    status follow the value.

    \b
        daqpv get AT:Run:State AT:Run:Title AT:Run:Rate
        daqpv get AT:ECC:CoBo0:LastError
        title=$(daqpv get --format value AT:Run:Title)
        daqpv get --format json AT:Run:Number | jq .value
        daqpv get AT:Router:data0:Rate.EGU          a field of the record

    The exit code is 0 when all PVs were read, else 1, with the reason on stderr. An
    alarm is no error.
    """
    unit = "PV" if len(names) == 1 else f"{len(names)} PVs"
    with sign_of_life(f"Searching for {unit}"):
        found = asyncio.run(_read(names, timeout))
    width = max(map(len, names))
    for one in found:
        if isinstance(one, Readout):
            click.echo(formatted(one, form, width))
    failures = [one for one in found if isinstance(one, DaqError)]
    for error in failures:
        complain(error)
    if failures:
        sys.exit(EXIT_FAILED)


async def _read(names: Sequence[str], timeout: float) -> list[Readout | DaqError]:
    client = Client()

    async def one(name: str) -> Readout | DaqError:
        try:
            reader = Reader(name, client)
        except DaqError as error:
            return error
        try:
            await reader.ready(timeout)
            return await reader.read(timeout)
        except DaqError as error:
            return error
        finally:
            reader.close()

    return await asyncio.gather(*map(one, names))
