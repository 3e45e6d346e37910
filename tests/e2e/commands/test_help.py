"""Help: every command, with an example."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import click
import pytest

from daqpv import __version__
from daqpv.cli import main
from tests.support.commands import daqpv, process, told


def commands_of(group: click.Group) -> Iterator[str]:
    """Every command, with the group that it is in: "ecc exit"."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (f"{name} {own}" for own in commands_of(command))
        else:
            yield name


COMMANDS = list(commands_of(main))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    result = daqpv(*command.split(), "--help")
    assert result.exit_code == 0
    assert re.search(rf"^    +daqpv {command}\b", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal(command: str) -> None:
    result = daqpv(*command.split(), "--help")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_list_of_commands_says_of_each_what_it_does_in_a_whole_sentence() -> None:
    _, _, commands = daqpv("--help").stdout.partition("Commands:\n")
    assert {line.split()[0] for line in commands.splitlines()} == {
        command.split()[0] for command in COMMANDS
    }
    assert all(re.search(r"\w\.$", line) for line in commands.splitlines())


def test_the_list_of_commands_is_quick_because_it_imports_none_of_them() -> None:
    result = process("--help", env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.split()[-1] for line in result.stderr.splitlines()}
    ours = {name for name in imported if name.startswith("daqpv")}
    own = {f"daqpv.cli.{name}" for name in ("collector", "lazy", "output")}
    assert ours == {"daqpv", "daqpv.cli", "daqpv.cure", "daqpv.errors", *own}


def test_the_commands_of_the_design_are_there() -> None:
    wanted = "serve check init pvs put simulate demo"
    assert set(wanted.split()) <= set(COMMANDS)


def test_no_command_at_all_says_how_to_begin() -> None:
    assert "daqpv demo" in process().stderr


def test_the_version_is_told() -> None:
    result = process("--version")
    assert (result.returncode, result.stdout) == (0, f"daqpv, version {__version__}\n")


def test_an_unknown_command_is_refused_with_the_nearest_one() -> None:
    result = daqpv("serv")
    assert result.exit_code == 2
    assert told(result)[-1] == "Error: No such command 'serv', did you mean 'serve'?"
