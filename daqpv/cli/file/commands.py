"""``daqpv init``, ``check`` and ``pvs``: write, check and list an experiment file."""

from __future__ import annotations

import json
import re
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
from daqpv.ecc.easy_setup import easy_setup
from daqpv.errors import DaqError, StoreError, sentence
from daqpv.links.ssh.master import missing as ssh_missing


@click.command()
@click.option("--cobos", type=click.IntRange(1, 64), required=True, help="How many.")
@click.option("--first-ip", required=True, help="Address of CoBo 0; the others follow.")
@click.option("--first-router-ip", help="Address of CoBo 0's router [FIRST-IP].")
@click.option("--mutant", help="Address of the MuTAnT's ECC server, if there is one.")
@click.option("--mutant-router", help="Address of the MuTAnT's router, if it has one.")
@click.option("--ssh", metavar="USER", help="Watch the routers' computers as USER.")
@click.option("--experiment", default="e00000", show_default=True, help="Its name.")
@click.option("--prefix", default="AT:", show_default=True, help="Of all PVs.")
@click.option("--one-server", is_flag=True, help="One ECC server drives all boards.")
@click.option("--out", default=None, help="File to write [EXPERIMENT.yaml]; - = print.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
def init(
    *,
    experiment: str,
    ssh: str | None,
    out: str | None,
    force: bool,
    **answers: Any,
) -> None:
    """Write a first experiment file, with comments.

    \b
        daqpv init --cobos 10 --first-ip 192.168.41.60 \\
            --mutant 192.168.41.1 --experiment e20009 --prefix AT:

    CoBo n gets its ECC server CoBo<n>, its router data<n> and the address FIRST-IP + n;
    the router runs at the same address, or at FIRST-ROUTER-IP + n. With --ssh, daqpv
    polls the routers' files and disks over SSH, and sorts the files of each run.
    """
    watch = _watch(ssh)
    try:
        text = easy_setup(experiment=experiment, watch=watch, **answers)
    except ValueError as error:
        key, _, why = str(error).partition(":")
        fail(f"--{key.replace('_', '-')}:{why}", EXIT_CONFIG)
    if out == "-":
        click.echo(text, nl=False)
    else:
        _write(text, Path(out or f"{experiment}.yaml"), overwrite=force)


def _watch(user: str | None) -> str:
    """The `watch` settings of the routers; exits if `user` is no valid name."""
    if user is None:
        return ""
    if not re.fullmatch(r"[A-Za-z_][\w.-]{0,31}", user, re.ASCII):
        fail(f"--ssh: {user!r} is given; wanted is a user's name", EXIT_CONFIG)
    return f"ssh: {user}@{{address}}"


def _write(text: str, path: Path, *, overwrite: bool) -> None:
    """Write the file, and print the next step; exit if it cannot be written."""
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        fail(f"{path} exists: choose another --out, or --force", EXIT_CONFIG)
    except OSError as error:
        fail(f"{path}: {error.strerror}", EXIT_CONFIG)
    click.echo(f"Wrote {path}. Read it, then: daqpv check {path}")


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
