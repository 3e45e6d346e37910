"""``daqpv log FILE --remote NAME``: the log of a server's or router's own program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from daqpv.cli.common import EXIT_CONFIG, EXIT_FAILED, fail, load_or_exit
from daqpv.config import Experiment, did_you_mean
from daqpv.core.lines import one_line
from daqpv.ecc.settings import EccSettings
from daqpv.errors import LinkError, sentence
from daqpv.routers import RouterSettings


def show_remote(file: Path, name: str) -> None:
    """Print the last lines of its log, or exit with the reason."""
    experiment, _ = load_or_exit(file)
    target, log = _place(experiment, name)
    try:
        text = asyncio.run(_read(target, log))
    except LinkError as error:
        fail(f"{name}: {sentence(error)}", EXIT_FAILED)
    for line in text.splitlines():
        click.echo(one_line(line))


async def _read(target: str, log: str) -> str:
    # asyncssh takes 0.2 s, for this alone
    from daqpv.links.remote_text import tail  # noqa: PLC0415
    from daqpv.links.ssh import SshHost  # noqa: PLC0415

    async with SshHost(target) as host:
        return await tail(host, log)


def _place(experiment: Experiment, name: str) -> tuple[str, str]:
    """Where to log in, and the path of the log there."""
    found = experiment.sections["ecc"].get(name)
    section, key = "ecc", "ssh: user@host"
    if found is None:
        found = experiment.sections["routers"].get(name)
        section, key = "routers", "watch: {ssh: user@host}"
    if isinstance(found, EccSettings):
        target = found.ssh
    elif isinstance(found, RouterSettings):
        target = found.watch.ssh if found.watch else None
    else:
        known = [*experiment.sections["ecc"], *experiment.sections["routers"]]
        near = did_you_mean(name, known)
        fail(f"--remote {name}: no such ECC server or router{near}", EXIT_CONFIG)
    missing = [] if target else [key]
    missing += [] if found.log_path else ["log_path: ~/Library/Logs/..."]
    if missing or not target:
        place = experiment.where(section, name)
        fail(
            f"{place}: {section}.{name}: to read its log, say {' and '.join(missing)}",
            EXIT_CONFIG,
        )
    return target, found.log_path
