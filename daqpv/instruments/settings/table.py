"""Settings of tables, which make many like channels from one template."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from daqpv.config import Model, wanted
from daqpv.instruments.descriptions.merge import MOST, entries, filled
from daqpv.instruments.settings.channel import Channel
from daqpv.instruments.settings.simulator import Simulator
from daqpv.instruments.settings.talk import Asks


class Table(Model):
    """Makes channels for each entry of `index`.

    In all keys and texts of the templates, ``<n>`` stands for the entry, and ``<n+1>``,
    ``<n-1>`` for a number that is counted from it. What the instrument itself says of a
    channel of the same name counts more.
    """

    index: Any
    """A list of numbers, ranges and words: ``[0-7, 100-107]``, ``[left, right]``."""

    channels: dict[str, Channel] = Field(default_factory=dict)
    """Templates of channels, by name: ``"U<n>": {ask: "PR<n>", ...}``."""

    read: Asks = ()
    """Templates of questions of each cycle."""

    groups: dict[str, Any] = Field(default_factory=dict)
    """Templates of groups."""

    simulator: Simulator | None = None
    """Template of what the simulator needs for an entry."""

    @model_validator(mode="after")
    def _can_be_filled(self) -> Self:
        try:
            index = entries(self.index)
        except ValueError:
            raise wanted(f"an index of at most {MOST} numbers and words") from None
        word = next((entry for entry in index if isinstance(entry, str)), None)
        try:
            if word is not None:
                filled(self.model_dump(exclude={"index"}), word)
        except ValueError:
            raise wanted("an index of numbers, as <n+1> counts from them") from None
        return self


def is_usable(table: object) -> bool:
    """Whether a table of settings that are not yet validated is without errors."""
    try:
        Table.model_validate(table)
    except ValidationError:
        return False
    return True
