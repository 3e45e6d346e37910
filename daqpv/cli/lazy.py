"""Command groups that import the module of a command when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from daqpv.cli.collector import building


class Command(NamedTuple):
    """Module and help line of a command, known without its import.

    Attributes:
        module: of daqpv.cli.
        function: of the module.
        help: what it does.
    """

    module: str
    function: str
    help: str


class LazyGroup(click.Group):
    """Imports only the module of the command that is used, so that others start fast.

    Args:
        lazy: the commands by their names, in the order of the help.
        more: as of click.Group.
    """

    def __init__(self, *, lazy: Mapping[str, Command], **more: Any) -> None:
        super().__init__(**more)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, as in the help."""
        return list(self._lazy)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the help line of each command, without imports."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.help) for name, one in self._lazy.items()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now; None if there is none."""
        if cmd_name not in self._lazy:
            return self.other_command(cmd_name)
        found = self._lazy[cmd_name]
        with building():  # garbage collection takes 50 ms, and imports leave no garbage
            module = import_module(f"daqpv.cli.{found.module}")
        command = getattr(module, found.function)
        assert isinstance(command, click.Command)
        return command

    def other_command(self, name: str) -> click.Command | None:
        """Hook: a command that is not among those of the help."""
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the arguments, or an error with a suggestion."""
        if self.get_command(ctx, args[0]) is None:
            from daqpv.config import did_you_mean  # noqa: PLC0415 - slow, seldom

            ctx.fail(f"No such command {args[0]!r}{did_you_mean(args[0], self._lazy)}")
        return super().resolve_command(ctx, args)
