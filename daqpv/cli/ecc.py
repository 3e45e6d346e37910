"""``daqpv ecc``: commands one ECC server directly, without its PVs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from daqpv.cli.common import EXIT_CONFIG, EXIT_FAILED, FILE, fail, load_or_exit
from daqpv.config import did_you_mean
from daqpv.ecc import OperationAnswer
from daqpv.ecc.settings import EccSettings
from daqpv.errors import LinkError
from daqpv.links.soap.ecc import EccSoapLink

EXIT_DEADLINE = 10.0  # [s]

NAME = click.argument("name")


@click.group()
def ecc() -> None:
    """Command one ECC server directly, without its PVs. Use it in an emergency only.

    \b
        daqpv ecc exit e20009.yaml CoBo0
        daqpv ecc special e20009.yaml CoBo0 asad-inject 100
    """


@ecc.command()
@FILE
@NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
def exit(file: Path, name: str, *, yes: bool) -> None:
    """End the process of the ECC server NAME of FILE (ServerExit).

    \b
        daqpv ecc exit e20009.yaml CoBo0

    Its boards keep their state. Start the process again by hand, or by its
    supervisor (launchd, systemd).
    """
    settings = _settings(file, name)
    if not yes:
        click.confirm(f"End the ECC server {name} at {settings.url}?", abort=True)
    _do(name, settings, lambda link: link.exit(timeout=EXIT_DEADLINE))
    click.echo(f"{name}: the process ends within 5 s.")


@ecc.command()
@FILE
@NAME
@click.argument("command", nargs=-1, required=True)
def special(file: Path, name: str, command: tuple[str, ...]) -> None:
    """Send a Special COMMAND to the ECC server NAME of FILE.

    \b
        daqpv ecc special e20009.yaml CoBo0 asad-inject 100
        daqpv ecc special e20009.yaml CoBo0 write REGISTER FIELD VALUE
    """
    settings = _settings(file, name)
    deadline = settings.timeout.special
    _do(name, settings, lambda link: link.special(" ".join(command), timeout=deadline))
    click.echo(f"{name}: done")


def _settings(file: Path, name: str) -> EccSettings:
    experiment, _ = load_or_exit(file)
    servers = experiment.sections.get("ecc", {})
    if name not in servers:
        fail(f"no ECC server {name!r}{did_you_mean(name, servers)}", EXIT_CONFIG)
    settings = servers[name]
    assert isinstance(settings, EccSettings)
    return settings


def _do(
    name: str,
    settings: EccSettings,
    call: Callable[[EccSoapLink], Awaitable[OperationAnswer]],
) -> None:
    async def one_call() -> OperationAnswer:
        return await call(EccSoapLink(name, settings.url))

    try:
        answer = asyncio.run(one_call())
    except (LinkError, ValueError) as error:  # ValueError: XML cannot carry it
        fail(str(error), EXIT_FAILED)
    if answer.error_code:
        reason = answer.error_message or "no reason given"
        fail(f"{name}: {reason} (code {answer.error_code})", EXIT_FAILED)
