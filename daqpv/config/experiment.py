"""The experiment: what a file says once it is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from daqpv.config.document import Node
from daqpv.config.fixed import ServerSettings, StoreSettings
from daqpv.config.kind import Kind, M
from daqpv.config.model import Model
from daqpv.config.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A checked experiment file.

    Attributes:
        path: the file.
        experiment: name of the experiment, good as a directory name.
        prefix: what every PV begins with.
        store: settings of the store.
        server: settings of the PV server.
        sections: settings by section and name, in the order of the file; every kind has
            its section here, empty if the file has none. The single settings of a kind
            with ``many=False`` have the name "".
        nodes: each device as the file has it, by section and name; so the store.
        faults: why installed kinds cannot be used.
    """

    path: Path
    experiment: str
    prefix: str
    store: StoreSettings
    server: ServerSettings
    sections: Mapping[str, Mapping[str, Model]]
    nodes: Mapping[tuple[str, str], Node] = field(repr=False)
    faults: Sequence[Problem] = ()

    def of(self, kind: Kind[M, Any]) -> Mapping[str, M]:
        """Give the settings of all devices of `kind`, by name."""
        return cast("Mapping[str, M]", self.sections[kind.section])

    def where(self, section: str, name: str = "") -> str:
        """Say where a device stands: ``file:line``."""
        return self.nodes[section, name].place

    def problem(self, section: str, name: str, text: str) -> Problem:
        """Make a problem that stands at a device, for ConfigProblems."""
        return self.nodes[section, name].problem(text)
