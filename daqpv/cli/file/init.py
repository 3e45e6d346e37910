"""``daqpv init``: writes a first experiment file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from daqpv.cli.common import EXIT_CONFIG, fail
from daqpv.cli.file.answers import Answers, Judge, watch
from daqpv.config import ConfigProblems
from daqpv.errors import ConfigError
from daqpv.instruments.section.first_section import FORM, FirstInstrument

_OF_COBOS = {
    "first_ip": "--first-ip",
    "first_router_ip": "--first-router-ip",
    "mutant": "--mutant",
    "mutant_router": "--mutant-router",
    "one_server": "--one-server",
    "ssh": "--ssh",
}


@click.command()
@click.option("--cobos", type=click.IntRange(1, 64), help="How many.")
@click.option("--first-ip", help="Address of CoBo 0; the others follow.")
@click.option("--first-router-ip", help="Address of CoBo 0's router [FIRST-IP].")
@click.option("--mutant", help="Address of the MuTAnT's ECC server, if there is one.")
@click.option("--mutant-router", help="Address of the MuTAnT's router, if it has one.")
@click.option("--ssh", metavar="USER", help="Watch the routers' computers as USER.")
@click.option("--one-server", is_flag=True, help="One ECC server drives all boards.")
@click.option(
    "--instrument",
    "instruments",
    multiple=True,
    metavar=FORM,
    help="An instrument. May be given several times.",
)
@click.option("--experiment", default="e00000", show_default=True, help="Its name.")
@click.option("--prefix", default="AT:", show_default=True, help="Of all PVs.")
@click.option("--out", default=None, help="File to write [EXPERIMENT.yaml]; - = print.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
def init(
    *,
    instruments: tuple[str, ...],
    experiment: str,
    prefix: str,
    out: str | None,
    force: bool,
    **cobos: Any,
) -> None:
    """Write a first experiment file, with comments.

    \b
        daqpv init                 on a terminal: asks for all of it
        daqpv init --cobos 10 --first-ip 192.168.41.60 \\
            --mutant 192.168.41.1 --experiment e20009 --prefix AT:
        daqpv init --experiment lab --prefix LAB: \\
            --instrument vacuum=pfeiffer-tpg36x@tcp://192.168.41.70:8000 \\
            --instrument gas=@serial:///dev/ttyUSB0?baud=9600

    CoBo n gets its ECC server CoBo<n>, its router data<n> and the address FIRST-IP + n;
    the router runs at the same address, or at FIRST-ROUTER-IP + n. With --ssh, daqpv
    polls the routers' files and disks over SSH, and sorts the files of each run.

    The model of an instrument is one of `daqpv instrument list`. For one that no
    description fits leave it out: the file then has a section with examples to fill in.
    Text files are the connection file:/data/*.csv.
    """
    folder = Path() if out in (None, "-") else Path(out or "").parent
    answers = Answers(experiment, prefix)
    try:
        judge = Judge(folder)
        if cobos["cobos"] is None and not instruments:
            if not sys.stdin.isatty():
                raise click.UsageError(
                    "Missing option '--cobos' (with --first-ip) or '--instrument'."
                )
            from daqpv.cli.file.questions import asked  # noqa: PLC0415 - a terminal

            answers, out = asked(judge, out, force=force)
        else:
            answers.cobos = _cobos(cobos)
            answers.instruments = _instruments(instruments, judge)
        text = _text(answers, folder, judge)
    except ConfigError as error:
        fail(error, EXIT_CONFIG)
    if out == "-":
        click.echo(text, nl=False)
    else:
        path = Path(out or f"{answers.experiment}.yaml")
        _write(text, path, answers, overwrite=force)


def _text(answers: Answers, folder: Path, judge: Judge) -> str:
    """The text of the file, which the loader takes.

    Raises:
        ConfigError: an answer cannot be used.
    """
    try:
        text = answers.text(folder)
    except ValueError as error:
        key, _, why = str(error).partition(":")
        raise ConfigError(f"--{key.replace('_', '-')}:{why}") from error
    if problems := judge.problems(text):
        raise ConfigProblems(problems)
    return text


def _cobos(options: dict[str, Any]) -> dict[str, Any]:
    """The keywords of `easy_setup`; {}: there are no CoBos.

    Raises:
        ConfigError: options contradict each other.
    """
    if options["cobos"] is None:
        for key, option in _OF_COBOS.items():
            if options[key]:
                raise ConfigError(f"{option}: give --cobos, too")
        return {}
    if options["first_ip"] is None:
        raise ConfigError("--cobos: give the address of CoBo 0, too: --first-ip")
    more = {key: value for key, value in options.items() if key != "ssh"}
    return {**more, "watch": watch(options["ssh"])}


def _instruments(given: tuple[str, ...], judge: Judge) -> list[FirstInstrument]:
    """The instruments of the options.

    Raises:
        ConfigError: one cannot be used.
    """
    found: list[FirstInstrument] = []
    for text in given:
        name = text.partition("=")[0]
        try:
            one = FirstInstrument.of(text)
            judge.name(one.name, found)
            if one.model:
                judge.model(one.model)
            judge.instrument(one)
        except (ValueError, ConfigError) as error:
            raise ConfigError(f"--instrument {name}: {error}") from error
        found.append(one)
    return found


def _write(text: str, path: Path, answers: Answers, *, overwrite: bool) -> None:
    """Write the file, and print the next step; exit if it cannot be written."""
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        fail(f"{path} exists: choose another --out, or --force", EXIT_CONFIG)
    except OSError as error:
        fail(f"{path}: {error.strerror}", EXIT_CONFIG)
    click.echo(f"Wrote {path}. Read it, then: daqpv check {path}")
    if answers.instruments:
        click.echo(f"Are the instruments there? daqpv doctor {path}")
