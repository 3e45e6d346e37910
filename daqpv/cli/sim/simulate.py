"""``daqpv simulate``: simulators of all ECC servers that a file names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
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
from daqpv.config import Experiment, copy_with
from daqpv.ecc.settings import EccSettings, Role
from daqpv.errors import SimulatorError
from daqpv.routers import RouterSettings
from daqpv.sim.ecc import EccSimulator
from daqpv.sim.ecc.port import is_loopback
from daqpv.sim.experiment import RouterPlan, ServerPlan, plan_from
from daqpv.sim.experiment import simulate as run_simulators


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
    """Simulate the ECC servers of FILE until SIGINT (Ctrl-C) or SIGTERM.

    A simulator listens on loopback only, so a file with the laboratory's addresses
    wants --local:

    \b
        daqpv simulate e20009.yaml --local local.yaml
        daqpv serve local.yaml                           (in a second terminal)

    With --local, data routers that FILE says how to watch are simulated, too: they
    write to OUT-data/ while their servers are Running.

    Each can be made to misbehave (daqpv sim --help):

    \b
        daqpv sim fault local.yaml CoBo0 Configure refuse --times 1

    Exit code: 0 after a signal, 2 if FILE or OUT is wrong, 3 if a port is taken or an
    address is not on loopback.
    """
    experiment, _ = load_or_exit(file)
    servers = plans(experiment, local=local is not None)
    if not servers:
        fail(f"{file} names no ECC server to simulate", EXIT_CONFIG)
    if far := [plan.name for plan in servers if not is_loopback(plan.host)]:
        fail(
            f"{', '.join(far)}: not at a loopback address, and simulators run on this "
            "computer only. Use --local OUT",
            EXIT_SERVE,
        )
    if local is not None:
        _check_copy(file, local)
    routers = [] if local is None else router_plans(experiment, _data_folder(local))

    def ready(simulators: Sequence[EccSimulator]) -> None:
        for simulator in simulators:
            click.echo(f"{simulator.name} is simulated at {simulator.url}")
        for router in routers:
            click.echo(f"{router.name} is simulated in {router.directory}")
        if local is not None:
            logins = _logins(experiment)
            copy_for(simulators, file, local, routers=routers, logins=logins)
            click.echo(f"wrote {local}; now: daqpv serve {local}")
        click.echo(f"ready: {len(simulators)} simulated ECC servers")

    run_until_signal(run_simulators(servers, routers=routers, ready=ready, speed=speed))


def _logins(experiment: Experiment) -> list[str]:
    """The ECC servers whose logs and configuration files are read over SSH."""
    servers = experiment.sections["ecc"].items()
    return [name for name, ecc in servers if isinstance(ecc, EccSettings) and ecc.ssh]


def _check_copy(file: Path, out: Path) -> None:
    if out.exists() and out.samefile(file):
        fail(f"--local {out} would overwrite FILE: name another", EXIT_CONFIG)
    if not out.parent.is_dir():
        fail(f"--local {out}: there is no directory {out.parent}", EXIT_CONFIG)


def _data_folder(local: Path) -> Path:
    return local.absolute().with_name(f"{local.stem}-data")


def plans(experiment: Experiment, *, local: bool) -> list[ServerPlan]:
    """What is to be simulated for `experiment`: its ECC servers.

    Args:
        experiment: its ECC servers tell addresses, configurations and senders.
        local: take free loopback ports instead of the addresses of the file.
    """
    servers = []
    for name, settings in experiment.sections["ecc"].items():
        assert isinstance(settings, EccSettings)
        plan = plan_from(
            name,
            settings.url,
            config=settings.config,
            senders=[link.sender for link in settings.links],
            is_mutant=settings.role in (Role.MUTANT, Role.MUTANT_SLAVE),
        )
        servers.append(replace(plan, host="127.0.0.1", port=0) if local else plan)
    return servers


def router_plans(experiment: Experiment, folder: Path) -> list[RouterPlan]:
    """What is to be simulated of the data routers: those that the file watches.

    Each writes to a directory of its own in `folder`.
    """
    found = []
    for name, settings in experiment.sections["routers"].items():
        assert isinstance(settings, RouterSettings)
        if settings.watch is None:
            continue
        sources = {
            server: senders
            for server, ecc in experiment.sections["ecc"].items()
            if isinstance(ecc, EccSettings)
            and (senders := [o.sender for o in ecc.links if o.router == name])
        }
        found.append(RouterPlan(name=name, directory=folder / name, sources=sources))
    return found


def copy_for(
    simulators: Iterable[EccSimulator],
    file: Path,
    out: Path,
    *,
    routers: Iterable[RouterPlan] = (),
    logins: Iterable[str] = (),
) -> None:
    """Write a copy of `file` to `out` that names what is simulated.

    It has a store and a log of its own, beside it: what is simulated does not get among
    what is real. Nor does it log in where the real `logins`, ECC servers, run.

    Raises:
        SimulatorError: `out` cannot be written.
    """
    changes: dict[tuple[str, ...], object] = {
        ("ecc", simulator.name, "url"): simulator.url for simulator in simulators
    }
    changes |= {("ecc", name, "ssh"): None for name in logins}
    for router in routers:
        watch = {"directory": router.directory}
        changes["routers", router.name, "watch"] = watch
    changes["server", "simulated"] = True
    changes["store",] = {
        "url": f"sqlite:///{out.stem}.db", "spool": f"{out.stem}.spool"
    }  # fmt: skip
    changes["log", "file"] = f"{out.stem}.log"
    try:
        copy_with(file, out, changes)
    except OSError as error:
        raise SimulatorError(f"{out} cannot be written: {error.strerror}") from error
