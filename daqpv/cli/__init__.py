"""The command ``daqpv``: one module per group of commands, imported when it is used."""

from __future__ import annotations

import click

from daqpv import __version__
from daqpv.cli.lazy import Command
from daqpv.cli.output import Program

_COMMANDS = {
    "serve": Command("serve.serve", "serve", "Serve the PVs of FILE until a signal."),
    "check": Command(
        "file.commands", "check", "Check FILE, and print what it would serve."
    ),
    "init": Command(
        "file.init", "init", "Write a first experiment file, with comments."
    ),
    "pvs": Command("file.commands", "pvs", "List the PVs of FILE."),
    "doctor": Command(
        "doctor.doctor",
        "doctor",
        "Examine the instruments of FILE, and say what to do.",
    ),
    "get": Command("pv.get", "get", "Read PVs of any server, in readable form."),
    "monitor": Command("pv.monitor", "monitor", "Show PVs now and after each change."),
    "put": Command("pv.put", "put", "Put VALUE to PV, and wait for its end."),
    "status": Command("status.status", "status", "Show the devices of FILE, live."),
    "instrument": Command(
        "instrument.commands", "instrument", "Find, show and try instruments."
    ),
    "runs": Command("run.commands", "runs", "Show, correct and export the runs."),
    "log": Command("log.log", "log", "Show the events: what happened, and by whom."),
    "db": Command("db.commands", "db", "Show, upgrade and export the store."),
    "simulate": Command("sim.simulate", "simulate", "Simulate the devices of FILE."),
    "sim": Command("sim.sim", "sim", "Set faults of a simulated ECC server."),
    "demo": Command("sim.demo", "demo", "Run a simulated experiment with its PVs."),
    "ecc": Command("ecc", "ecc", "Command one ECC server directly, in an emergency."),
    "bench": Command("bench", "bench", "Measure a PV server."),
}


@click.group(
    cls=Program,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="daqpv")
def main() -> None:
    """An experiment's data acquisition as EPICS process variables.

    \b
    Try a simulated experiment:            daqpv demo
    Write an experiment file:              daqpv init --cobos 10 \\
                                               --first-ip 192.168.41.60
    Check it:                              daqpv check e20009.yaml
    Serve its PVs:                         daqpv serve e20009.yaml

    Then use any EPICS client: caget, caput, camonitor, Phoebus, pyepics.
    EPICS settings come from the standard EPICS_CA*, EPICS_CAS* variables.
    """
