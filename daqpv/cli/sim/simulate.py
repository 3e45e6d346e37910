"""``daqpv simulate``: simulates the ECC servers, routers, instruments of a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from daqpv.cli.common import (
    EXIT_CONFIG,
    EXIT_SERVE,
    FILE,
    fail,
    load_or_exit,
    run_until_signal,
)
from daqpv.config import AnyKind, Experiment, copy_with
from daqpv.core.plugins import guarded
from daqpv.core.stage import Simulated, Stage
from daqpv.core.stage import simulate as run_simulators
from daqpv.errors import KindError, SimulatorError


@click.command()
@FILE
@click.option(
    "--local",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Simulate on free loopback ports, and write a copy of FILE with these "
    "addresses to OUT.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.01, 1000),
    default=1.0,
    show_default=True,
    help="How many times faster than a real server.",
)
def simulate(file: Path, local: Path | None, speed: float) -> None:
    """Simulate the ECC servers and instruments of FILE until SIGINT or SIGTERM.

    Simulators listen on loopback only, so a file with the laboratory's addresses needs
    --local:

    \b
        daqpv simulate e20009.yaml --local local.yaml
        daqpv serve local.yaml                           (in a second terminal)

    With --local, data routers with a `watch` in FILE are simulated, too: they write to
    OUT-data/ while their servers are Running. So do loggers with text files.

    Instruments are simulated at TCP and UDP ports, on serial lines (pseudo terminals),
    as SNMP agents and Modbus devices; what cannot be simulated is disabled in OUT.

    Faults can be set on each simulated ECC server (daqpv sim --help):

    \b
        daqpv sim fault local.yaml CoBo0 Configure refuse --times 1

    Exit code: 0 after a signal, 2 if FILE or OUT is wrong, 3 if a port is taken or an
    address is not on loopback.
    """
    experiment, kinds = load_or_exit(file)
    if local is not None:
        _check_copy(file, local)
    folder = None if local is None else _data_folder(local)
    try:
        parts = stage(experiment, kinds, folder=folder, speed=speed)
    except KindError as error:
        fail(error, EXIT_CONFIG)
    except SimulatorError as error:
        fail(error, EXIT_SERVE)
    titles = [part.title for part in parts.values() if part.title]
    if not titles:
        fail(f"{file} names nothing that can be simulated", EXIT_CONFIG)

    def ready() -> None:
        for part in parts.values():
            for name, place in part.places().items():
                click.echo(f"{name} is simulated {place}")
        if local is not None:
            copy_for(parts, file, local)
            click.echo(f"wrote {local}; now: daqpv serve {local}")
        click.echo(f"ready: {', '.join(titles)}")

    run_until_signal(run_simulators(list(parts.values()), ready))


def stage(
    experiment: Experiment,
    kinds: Iterable[AnyKind],
    *,
    folder: Path | None,
    speed: float,
) -> dict[str, Simulated]:
    """The simulators of `experiment`, by section.

    Args:
        experiment: its devices are simulated, if their kinds have simulators.
        kinds: the installed kinds.
        folder: where simulated devices write, at addresses of their own; None: they
            take the addresses of the file.
        speed: how many times faster than real devices.

    Raises:
        SimulatorError: an address of the file is not one of this computer.
        KindError: the code of a third party's kind fails.
    """
    made = Stage(experiment.sections, folder=folder, speed=speed)
    parts = {kind.section: _part(kind, experiment, made) for kind in kinds}
    return {section: part for section, part in parts.items() if part is not None}


def _part(kind: AnyKind, experiment: Experiment, made: Stage) -> Simulated | None:
    if kind.simulate is None:
        return None
    settings = experiment.of(kind)
    if not kind.distribution:
        return kind.simulate(settings, made)
    with guarded(f"{kind}: simulate"):
        return kind.simulate(settings, made)


def _check_copy(file: Path, out: Path) -> None:
    if out.exists() and out.samefile(file):
        fail(f"--local {out} would overwrite FILE: name another", EXIT_CONFIG)
    if not out.parent.is_dir():
        fail(f"--local {out}: there is no directory {out.parent}", EXIT_CONFIG)


def _data_folder(local: Path) -> Path:
    return local.absolute().with_name(f"{local.stem}-data")


def copy_for(parts: Mapping[str, Simulated], file: Path, out: Path) -> None:
    """Write a copy of `file` to `out` with the addresses of the simulators.

    It has a store and a log of its own, beside it: simulated runs and events are kept
    apart from real ones.

    Raises:
        SimulatorError: `out` cannot be written.
    """
    changes: dict[tuple[str, ...], object] = {
        (section, *way): value
        for section, part in parts.items()
        for way, value in part.changes().items()
    }
    changes["server", "simulated"] = True
    changes["store",] = {
        "url": f"sqlite:///{out.stem}.db", "spool": f"{out.stem}.spool"
    }  # fmt: skip
    changes["log", "file"] = f"{out.stem}.log"
    try:
        copy_with(file, out, changes)
    except OSError as error:
        raise SimulatorError(f"{out} cannot be written: {error.strerror}") from error
