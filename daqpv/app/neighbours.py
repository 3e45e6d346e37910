"""Compares clock and file with those of the experiment's other daqpv processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from daqpv.config import AnyKind, Experiment
from daqpv.core import Names
from daqpv.process import Process
from daqpv.serve import DuplicateServers, Identity, Other


def hashes(experiment: Experiment, kinds: Iterable[AnyKind]) -> dict[str, str]:
    """A hash of each section that must be the same in all processes."""
    devices = {
        kind.section: {
            name: one.model_dump(mode="json")
            for name, one in experiment.of(kind).items()
        }
        for kind in kinds
        if not kind.per_host
    }
    parts = {"experiment": experiment.experiment, **devices}
    return {section: _hash(part) for section, part in parts.items()}


def whole(parts: Mapping[str, str]) -> str:
    """One hash of all sections."""
    return _hash(parts)


def samples(experiment: Experiment, kinds: Iterable[AnyKind]) -> list[str]:
    """A PV of each device that another process may serve."""
    of = Names(experiment.prefix).of
    return [
        of(kind.known_by[0], name, kind.known_by[1])
        for kind in kinds
        if kind.known_by
        for name in experiment.of(kind)
    ]


def _hash(part: object) -> str:
    text = json.dumps(part, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Neighbours:
    """Asks the processes that serve the rest of the file for their identity.

    Args:
        others: searches PVs of the devices that are not served here.
        file: our own hashes.
        process: its PVs get the differences.
    """

    def __init__(
        self, others: DuplicateServers, file: Mapping[str, str], process: Process
    ) -> None:
        self._others = others
        self._file = file
        self._process = process

    async def look(self) -> None:
        """Search and compare; without an answer, the last result stays."""
        found = [one for one in await self._others.find(tries=1) if one.identity]
        if not found:
            return
        ahead = max((one.ahead for one in found), key=abs)
        name = next(_name(one) for one in found if one.ahead == ahead)
        self._process.clocks(ahead, name)
        self._process.files(" ".join(filter(None, map(self._difference, found))))

    def _difference(self, other: Other) -> str:
        """In which sections the file of `other` differs, in a sentence."""
        assert other.identity is not None
        sections = _differing(self._file, other.identity)
        if not sections:
            return ""
        return (
            f"{_name(other)} has another experiment file: it differs in "
            f"{', '.join(sections)}. Give all processes the same file, and start them "
            "anew."
        )


def _differing(own: Mapping[str, str], other: Identity) -> Iterable[str]:
    keys = dict.fromkeys([*own, *sorted(other.file)])
    return [key for key in keys if own.get(key) != other.file.get(key)]


def _name(other: Other) -> str:
    assert other.identity is not None
    return f"{other.identity.process} ({other.address})"
