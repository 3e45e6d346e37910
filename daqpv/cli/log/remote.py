"""``daqpv log FILE --remote NAME``: prints the log file of an ECC server or router."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from daqpv.cli.common import EXIT_CONFIG, EXIT_FAILED, fail, load_or_exit
from daqpv.config import Experiment, did_you_mean
from daqpv.ecc.settings import EccSettings
from daqpv.errors import LinkError, sentence
from daqpv.links.ssh.connections import SshHost
from daqpv.links.ssh.remote_log import RemoteLogFile
from daqpv.remote_log import newest
from daqpv.routers import RouterSettings


def show_remote(file: Path, name: str) -> None:
    """Print the last lines of its log, or exit with the reason."""
    experiment, _ = load_or_exit(file)
    log = _log(experiment, name)
    try:
        text = newest(asyncio.run(log.read()))
    except LinkError as error:
        fail(f"{name}: {sentence(error)}", EXIT_FAILED)
    if text:
        click.echo(text)


def _log(experiment: Experiment, name: str) -> RemoteLogFile:
    """The log of the server or router `name`; exits if the file does not give it."""
    for section in ("ecc", "routers"):
        settings = experiment.sections[section].get(name)
        if isinstance(settings, (EccSettings, RouterSettings)):
            log = RemoteLogFile(settings, SshHost)
            if log.missing:
                place = experiment.where(section, name)
                say = f"to read its log, say {log.missing}"
                fail(f"{place}: {section}.{name}: {say}", EXIT_CONFIG)
            return log
    known = [*experiment.sections["ecc"], *experiment.sections["routers"]]
    near = did_you_mean(name, known)
    fail(f"--remote {name}: no such ECC server or router{near}", EXIT_CONFIG)
