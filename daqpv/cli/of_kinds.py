"""Imports commands of ``daqpv`` that installed kinds of device add."""

from __future__ import annotations

from pkgutil import resolve_name

import click

from daqpv.config import AnyKind, installed_kinds
from daqpv.core.plugins import guarded
from daqpv.errors import KindError


def command_of_kinds(name: str) -> click.Command | None:
    """The command `name` of a kind; None if no kind has one.

    Raises:
        ConfigError: it cannot be imported, or is no click command.
    """
    for kind in installed_kinds().kinds:
        if name in kind.commands:
            return _imported(kind, name)
    return None


def _imported(kind: AnyKind, name: str) -> click.Command:
    with guarded(f"{kind}: command {name!r}"):
        found = resolve_name(kind.commands[name])
        if not isinstance(found, click.Command):
            raise KindError(f"it is a {type(found).__name__}, not a click command")
        return found
