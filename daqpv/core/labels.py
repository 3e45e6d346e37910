"""Enumerations whose labels are the texts of PVs."""

from __future__ import annotations

from enum import IntEnum


class Labelled(IntEnum):
    """A code with a label made of its name: "BreakingUp" of BREAKING_UP."""

    @property
    def label(self) -> str:
        """The text of the PV."""
        return "".join(word.capitalize() for word in self.name.split("_"))
