"""The command ``daqpv``: one module per family of commands, imported when used."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import NamedTuple

import click

from daqpv import __version__


class _Command(NamedTuple):
    """Where a command lives, and what it does, in a line: known without its import."""

    module: str
    help: str


_COMMANDS = {
    "serve": _Command("serve", "Serve the PVs of FILE until a signal."),
    "check": _Command("files", "Check FILE, and say what would be served."),
    "init": _Command("files", "Write a commented experiment file to begin with."),
    "pvs": _Command("files", "List the PVs of FILE."),
    "put": _Command("put", "Write VALUE to PV, and wait until that has ended."),
    "status": _Command("status", "Show the devices of FILE, live."),
    "runs": _Command("runs", "Look at the runs, correct and export them."),
    "log": _Command("log", "Show what happened, and who did it."),
    "db": _Command("db", "Look after the store: see, upgrade, export it."),
    "simulate": _Command("simulate", "Simulate the ECC servers of FILE."),
    "demo": _Command("demo", "Show a simulated experiment with its PVs."),
    "ecc": _Command("ecc", "Talk to one ECC server directly: for trouble only."),
    "bench": _Command("bench", "Measure a PV server."),
}


class _Lazy(click.Group):
    """Imports a command's module when the command is named: ``put`` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.help) for name, one in _COMMANDS.items()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        gc.disable()  # an import makes no garbage, and the search for it takes 50 ms
        try:
            module = import_module(f"daqpv.cli.{_COMMANDS[cmd_name].module}")
        finally:
            gc.enable()
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS:
            from daqpv.config import did_you_mean  # noqa: PLC0415 - slow, seldom

            ctx.fail(f"No such command {args[0]!r}{did_you_mean(args[0], _COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="daqpv")
def main() -> None:
    """An experiment's data acquisition as EPICS process variables.

    \b
    Begin with a simulated experiment:     daqpv demo
    Describe your own in one file:         daqpv init --cobos 10 \\
                                               --first-ip 192.168.41.60
    See what is wrong with it:             daqpv check e20009.yaml
    Serve it:                              daqpv serve e20009.yaml

    Then use any EPICS client: caget, caput, camonitor, Phoebus, pyepics.
    EPICS settings come from the standard EPICS_CA*, EPICS_CAS* variables.
    """
