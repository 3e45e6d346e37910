"""The section ``system`` of the experiment file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from daqpv.config import Model, read_by
from daqpv.system.plan import ROWS, Part, Parts, Table

_ROLES = [part.value for part in Part]


def _read(value: Any) -> tuple[Parts, ...]:
    groups = value if isinstance(value, list | tuple) else [value]
    order = tuple(
        frozenset(map(Part, group if isinstance(group, list | tuple) else [group]))
        for group in groups
    )
    if sorted(part for group in order for part in group) != sorted(Part):
        raise ValueError(value)
    return order


Groups = Annotated[
    tuple[Parts, ...],
    BeforeValidator(
        read_by(
            _read,
            "the three roles, each once, in their order; those that go at once in "
            "brackets: [mutant, mutant-slave, cobo] or [[mutant, mutant-slave], cobo]",
        )
    ),
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "maxItems": 3,
            "items": {
                "anyOf": [
                    {"enum": _ROLES},
                    {"type": "array", "items": {"enum": _ROLES}, "minItems": 1},
                ]
            },
        }
    ),
]


class Reconfigure(StrEnum):
    """When the MuTAnT is configured anew."""

    NEVER = "never"
    BEFORE_RUN = "before_run"


class Orders(Model):
    """The order of the groups in each step; steps not given keep the usual order.

    The role `all` goes with `cobo`.
    """

    describe: Groups | None = None
    prepare: Groups | None = None
    configure: Groups | None = None
    start: Groups | None = None
    pause: Groups | None = None
    resume: Groups | None = None
    stop: Groups | None = None
    breakup: Groups | None = None
    undo_prepare: Groups | None = None
    """From Prepared to Described."""

    undo_describe: Groups | None = None
    """From Described to Idle."""


class SystemSettings(Model):
    """All ECC servers as one."""

    order: Orders = Orders()
    """Other orders than the usual one."""

    reconfigure_mutant: Reconfigure = Reconfigure.NEVER
    """When the MuTAnT is configured anew: never, or before each run but the first after
    it was configured. Event numbers and time stamps then begin again with each run."""

    def table(self) -> Table:
        """The resulting order."""
        given: Mapping[str, tuple[Parts, ...] | None]
        given = {row.name: getattr(self.order, row.name) for row in ROWS}
        return Table({name: order for name, order in given.items() if order})
