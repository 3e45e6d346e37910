"""``daqpv put``: a put for scripts, whose exit code can be trusted."""

from __future__ import annotations

import click

from daqpv.cli.common import EXIT_FAILED, SECONDS, fail
from daqpv.errors import DaqError, OperationError
from daqpv.links import pv as links_pv

REASON_TIMEOUT = 1.0  # [s] to read why; the PV answered just now


_NEGATIVE = {"ignore_unknown_options": True}  # -7 is a value


@click.command(context_settings=_NEGATIVE)
@click.argument("pv")
@click.argument("value")
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
    """Write VALUE to PV, and wait until what it started has ended.

    The exit code is 0 only when it was reached; else it is 1, with the reason on
    stderr. (caput -c exits with 0 also when its own time-out passes.)

    \b
        daqpv put AT:ECC:CoBo0:Target Ready && echo "CoBo0 is ready"
        daqpv put AT:ECC:CoBo0:Config cobo0/e20009/e20009
    """
    try:
        links_pv.put(pv, value, timeout=timeout)
    except OperationError as error:
        fail(f"{error}{_reason(pv)}", EXIT_FAILED)
    except DaqError as error:
        fail(error, EXIT_FAILED)


def _reason(pv: str) -> str:
    """What the device says of it, if `pv` belongs to one."""
    device, _, _ = pv.rpartition(":")
    try:
        text = links_pv.get(f"{device}:LastError", timeout=REASON_TIMEOUT)
    except DaqError:
        return ""
    return f"\n{text}" if text else ""
