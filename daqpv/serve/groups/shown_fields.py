"""Lists the PVs of a group with the snapshot's fields that they display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daqpv.core.pvinfo import ShownField
from daqpv.serve.groups.declaration import Button, Declaration, Long
from daqpv.serve.groups.group import Group


def shown_fields(group: type[Group[Any]]) -> Sequence[ShownField]:
    """The fields that the PVs of `group` display, in the order of their declaration.

    For a process that follows such a group of another one. Buttons display no field.
    """
    return [
        ShownField(spec.name, declaration.of or name, isinstance(declaration, Long))
        for name in group._pvs_
        if isinstance(declaration := getattr(group, name), Declaration)
        and not isinstance(declaration, Button)
        for spec in [declaration.pvspec]
    ]
