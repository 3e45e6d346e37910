"""Selects the devices that a process serves, in the order in which they are built."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from daqpv.config import AnyKind, Experiment, did_you_mean
from daqpv.errors import ConfigError

Buildable = tuple[AnyKind, str, Any]
"""A kind, the name of a device, and its settings."""


def chosen(
    experiment: Experiment, kinds: Iterable[AnyKind], only: Collection[str]
) -> list[Buildable]:
    """The devices to build: kind, name, settings; those that use others come last.

    Raises:
        ConfigError: `only` names what the file does not have.
    """
    every = {
        f"{kind.section}.{name}" if name else kind.section: (kind, name, settings)
        for kind in kinds
        if kind.build is not None
        for name, settings in experiment.of(kind).items()
    }
    turns = _turns(kind for kind, _, _ in every.values())
    if not only:
        return sorted(every.values(), key=lambda device: turns[device[0].section])
    found_all: dict[str, Buildable] = {}
    for selected in only:
        found = {
            key: device
            for key, device in every.items()
            if key == selected or key.startswith(f"{selected}.")
        }
        if not found:
            known = [*(key.split(".")[0] for key in every), *every]
            near = did_you_mean(selected, known)
            raise ConfigError(f"--only {selected}: no such device or section{near}")
        found_all |= found
    return sorted(found_all.values(), key=lambda device: turns[device[0].section])


def _turns(kinds: Iterable[AnyKind]) -> dict[str, int]:
    """The turn in which each section is built: after all sections that it needs."""
    by_section = {kind.section: kind for kind in kinds}

    def turn(kind: AnyKind) -> int:
        before = (by_section[one] for one in kind.after if one in by_section)
        return max((1 + turn(one) for one in before), default=0 if kind.many else 1)

    return {section: turn(kind) for section, kind in by_section.items()}
