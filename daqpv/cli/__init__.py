"""The command ``daqpv``: one module per family of commands, imported when used."""

from __future__ import annotations

from importlib import import_module

import click

from daqpv import __version__

_COMMANDS = {
    "serve": "daqpv.cli.serve",
    "check": "daqpv.cli.files",
    "init": "daqpv.cli.files",
    "pvs": "daqpv.cli.files",
    "put": "daqpv.cli.put",
    "status": "daqpv.cli.status",
    "runs": "daqpv.cli.runs",
    "log": "daqpv.cli.log",
    "db": "daqpv.cli.db",
    "simulate": "daqpv.cli.simulate",
    "demo": "daqpv.cli.demo",
    "ecc": "daqpv.cli.ecc",
    "bench": "daqpv.cli.bench",
}


class _Lazy(click.Group):
    """Imports a command's module when the command is named: ``put`` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
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
