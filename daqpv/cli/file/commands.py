"""``daqpv check`` and ``pvs``: check and list an experiment file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from daqpv.app import App
from daqpv.cli.collector import building
from daqpv.cli.common import EXIT_CONFIG, FILE, complain, fail, load_or_exit, printing
from daqpv.cli.file.pv_lists import FORMATS
from daqpv.config import (
    ConfigProblems,
    Experiment,
    Problem,
    did_you_mean,
    installed_kinds,
    schema,
)
from daqpv.core import Events, PvInfo
from daqpv.errors import DaqError, StoreError, sentence
from daqpv.links.ssh.master import missing as ssh_missing


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--schema",
    "show_schema",
    is_flag=True,
    help="Print the JSON schema of experiment files, for editors, instead.",
)
def check(file: Path | None, *, show_schema: bool) -> None:
    """Check FILE, and print what it would serve.

    \b
        daqpv check e20009.yaml
        daqpv check --schema > daqpv.schema.json

    All problems are printed at once, each as "file:line: key: reason"; the exit code is
    then 2. Only the database of the store is contacted, and nothing is written; a store
    that does not answer is no problem.
    """
    if show_schema:
        with printing():
            click.echo(json.dumps(schema(installed_kinds().kinds), indent=2))
        return
    if file is None:
        raise click.UsageError("Missing argument 'FILE'.")
    experiment, infos = _read(file, strict=True)
    store = _checked_store(experiment)
    with printing():
        click.echo(
            f"{file}: experiment {experiment.experiment}, {len(infos)} PVs under "
            f"{experiment.prefix}"
        )
        for section, devices in experiment.sections.items():
            if any(devices):  # not those without names
                click.echo(f"  {section}: {', '.join(devices)}")
        click.echo(f"  store: {store}")
    if any(map(_logs_in, experiment.sections.values())) and (reason := ssh_missing()):
        click.echo(f"Here it could not log in by SSH: {sentence(reason)}", err=True)


def _logs_in(devices: Mapping[str, Any]) -> bool:
    """Whether one of them is reached over SSH."""
    ways = (getattr(one, "watch", None) or one for one in devices.values())
    return any(getattr(way, "ssh", None) for way in ways)


@click.command()
@FILE
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="table",
    show_default=True,
    metavar="FORMAT",
    help=f"One of {', '.join(FORMATS)}.",
)
@click.option("--device", metavar="NAME", help="Only the PVs of this device.")
@click.option(
    "--name",
    "processes",
    multiple=True,
    default=("main",),
    show_default=True,
    help="A process that serves FILE (serve --name). May be given several times.",
)
def pvs(file: Path, form: str, device: str | None, processes: tuple[str, ...]) -> None:
    """List the PVs of FILE, with record type, access, units and meaning.

    \b
        daqpv pvs e20009.yaml --device CoBo0
        daqpv pvs e20009.yaml --format csv > pvs.csv

    For EPICS services: the settings for Phoebus save-and-restore (import), the PVs with
    alarms for the Phoebus alarm server (its -config must be the experiment's name),
    the PVs to archive for the Archiver Appliance.

    \b
        daqpv pvs e20009.yaml --format save > settings.csv
        daqpv pvs e20009.yaml --format alarm > alarms.xml
        alarm-server -config e20009 -import alarms.xml
        daqpv pvs e20009.yaml --format archiver > archive.json
        curl -H "Content-Type: application/json" -d @archive.json \\
            http://ARCHIVER:17665/mgmt/bpl/archivePV
    """
    experiment, infos = _read(file, processes)
    if device is not None:
        infos = [info for info in infos if info.device == device]
        if not infos:
            names = (name for part in experiment.sections.values() for name in part)
            fail(f"no device {device!r}{did_you_mean(device, names)}", EXIT_CONFIG)
    with printing():
        FORMATS[form](experiment, infos)


def _checked_store(experiment: Experiment) -> str:
    """The state of the store, in words; exits if it cannot be used."""
    if experiment.store.url == "none":
        return "none"
    from daqpv.cli.db.check import check_store  # noqa: PLC0415 - SQLAlchemy, 0.3 s
    from daqpv.store.tables.own import schema_of  # noqa: PLC0415

    try:
        return check_store(experiment, schema_of(installed_kinds().kinds))
    except StoreError as error:
        problem = experiment.problem("store", "", str(error))
        fail(ConfigProblems([problem]), EXIT_CONFIG)


def _read(
    file: Path, processes: tuple[str, ...] = ("main",), *, strict: bool = False
) -> tuple[Experiment, list[PvInfo]]:
    """The experiment, its PVs, and those of each process that serves some of them.

    Failures of third parties' kinds are reported; if `strict`, it exits.
    """
    experiment, kinds = load_or_exit(file)
    found: dict[str, PvInfo] = {}
    faults: list[Problem] = []
    try:
        for name in processes:
            with building():
                app = App(experiment, kinds, Events(), name=name)
                found |= {info.name: info for info in app.infos()}
            faults = app.faults
    except DaqError as error:
        fail(error, EXIT_CONFIG)
    if faults and strict:
        fail(ConfigProblems(faults), EXIT_CONFIG)
    for fault in faults:
        complain(str(fault))
    return experiment, list(found.values())
