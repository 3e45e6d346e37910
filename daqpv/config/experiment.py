"""The experiment: the contents of a checked experiment file."""

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
        experiment: name of the experiment, valid as a directory name.
        prefix: the prefix of every PV name.
        store: settings of the store.
        server: settings of the PV server.
        sections: settings by section and name, in the order of the file; every kind has
            its section here, empty if the file has none. The single settings of a kind
            with ``many=False`` have the name "".
        nodes: each device and the store as in the file, by section and name.
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
        """Return the settings of all devices of `kind`, by name."""
        return cast("Mapping[str, M]", self.sections[kind.section])

    def where(self, section: str, name: str = "") -> str:
        """The place of a device in the file: ``file:line``."""
        return self.nodes[section, name].place

    def problem(self, section: str, name: str, text: str) -> Problem:
        """Make a problem with the place of a device, for ConfigProblems."""
        return self.nodes[section, name].problem(text)
