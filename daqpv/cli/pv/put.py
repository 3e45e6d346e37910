"""``daqpv put``: puts a value and waits; its exit code is the result, for scripts."""

from __future__ import annotations

import asyncio

import click

from daqpv.cli.common import EXIT_FAILED, PV, SECONDS, TEXT, fail
from daqpv.cli.waiting import sign_of_life
from daqpv.errors import DaqError
from daqpv.links.ca.device_put import DevicePut

_NEGATIVE = {"ignore_unknown_options": True}  # -7 is a value


@click.command(context_settings=_NEGATIVE)
@click.argument("pv", type=PV)
@click.argument("value", type=TEXT)
@click.option(
    "--timeout",
    type=SECONDS,
    default=600.0,
    show_default=True,
    metavar="S",
    help="How long to wait for the end [s].",
)
@click.option(
    "--wait", is_flag=True, expose_value=False, help="Wait for the end: it always does."
)
def put(pv: str, value: str, timeout: float) -> None:
    """Put VALUE to PV, and wait until the action of the put has ended.

    The exit code is 0 if the action has succeeded; else it is 1, and the reason of the
    device is on stderr. (caput -c also exits with 0 when its own time-out has passed.)
    On a terminal it shows the progress of the device.

    \b
        daqpv put AT:ECC:CoBo0:Target Ready && echo "CoBo0 is ready"
        daqpv put AT:ECC:CoBo0:Config cobo0/e20009/e20009
    """
    if failure := asyncio.run(_put(pv, value, timeout)):
        fail(failure, EXIT_FAILED)


async def _put(pv: str, value: str, timeout: float) -> str:
    """Put; return why it failed, "" if it did not."""
    put = DevicePut(pv)
    try:
        with sign_of_life(lambda: put.progress or f"Putting {value} to {pv}"):
            await put.put(value, timeout)
    except DaqError as error:
        return f"{error}\n{put.reason}".rstrip()
    return ""
