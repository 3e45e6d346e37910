"""Up to where a file was read, and whether a file is still the one it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, Self

TAIL = 256
"""Bytes before the offset that must be the same for reading to go on there."""


def digest(data: bytes) -> str:
    """A short name of `data`."""
    return blake2b(data, digest_size=8).hexdigest()


class Facts(NamedTuple):
    """What the folder says of a file.

    Attributes:
        path: of it.
        inode: its number; a file that is renamed keeps it.
        size: of it [bytes].
        modified: when, [ns since 1970].
    """

    path: str
    inode: int
    size: int
    modified: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Up to where a file was read.

    Attributes:
        path: of the file.
        inode: its number; 0: not opened yet.
        offset: of the first byte that is not read yet; a line begins there.
        lines: before it, with those of the header.
        head: digest of the first bytes: header and first line. It is the identity of
            the file; "": the file has none yet.
        head_length: how many bytes that is.
        tail: digest of the bytes before the offset.
        tail_length: how many bytes that is.
        newest: time of the newest line, UTC [s since 1970].
    """

    path: str
    inode: int = 0
    offset: int = 0
    lines: int = 0
    head: str = ""
    head_length: int = 0
    tail: str = ""
    tail_length: int = 0
    newest: float | None = None

    @property
    def former(self) -> Position:
        """The same of a file whose path another one has taken: its path is unlike any.

        It is found again by its inode, or by its content.
        """
        name = f" (inode {self.inode})"
        return (
            self if self.path.endswith(name) else replace(self, path=self.path + name)
        )

    @property
    def cut(self) -> Position:
        """The same of a file that was cut: only a copy of it can be found again."""
        return replace(self, path=f"{self.path} (cut at {self.offset})", inode=0)

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Self:
        """The same, back from JSON; keys of other versions are ignored.

        Raises:
            ValueError: it is none.
        """
        try:
            known = {f.name: value[f.name] for f in fields(cls) if f.name in value}
            position = cls(**known)
            fits = all(
                isinstance(getattr(position, key), int) and getattr(position, key) >= 0
                for key in ("inode", "offset", "lines", "head_length", "tail_length")
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"no position of a file: {error}") from None
        if not (fits and isinstance(position.path, str)):
            raise ValueError("no position of a file")
        return position


class Positions(Protocol):
    """Keeps positions from one start of the process to the next. Its calls block."""

    def load(self) -> Mapping[str, Any]:
        """What was kept, by path; {} at the first start."""

    def keep(self, changed: Mapping[str, Any]) -> None:
        """Keep positions, by path; None in place of one: it is forgotten.

        Raises:
            OSError: they cannot be kept.
        """


class Step(NamedTuple):
    """A file to read next.

    Attributes:
        position: to go on from.
        facts: of the file at its path.
    """

    position: Position
    facts: Facts


class Plan(NamedTuple):
    """What follows from a look into the folders.

    Attributes:
        steps: the files that have changed, in the order in which they are read.
        displaced: positions whose file is not at its path any more; its rest may be
            found under another name.
        moved: old paths of files that have new ones.
    """

    steps: Sequence[Step]
    displaced: Sequence[Position]
    moved: Sequence[str]


def plan(
    known: Mapping[str, Position],
    found: Sequence[Facts],
    seen: Mapping[str, Facts],
) -> Plan:
    """Compare what is known of the files with what the folder says.

    A renamed file is followed to its new path. Where another file has taken its path,
    the rest of the old one is read first.

    Args:
        known: positions by path.
        found: all files that match.
        seen: the facts when they were read last; what has not changed since is left
            out.
    """
    by_inode = {one.inode: one for one in known.values() if one.inode}
    at = {one.path: one for one in found}
    steps, displaced, moved = [], [], []
    for facts in sorted(found, key=lambda one: (one.modified, one.path)):
        position = known.get(facts.path)
        if position is None or (position.inode and position.inode != facts.inode):
            old = by_inode.get(facts.inode)
            if old is not None and _has_left(old, at):
                moved.append(old.path)
                steps.append(Step(replace(old, path=facts.path), facts))
                continue
        if position is None:
            steps.append(Step(Position(path=facts.path), facts))
        elif position.inode not in (0, facts.inode):
            if not any(one.inode == position.inode for one in found):
                displaced.append(position)
            steps.append(Step(position, facts))
        elif seen.get(facts.path) != facts:
            steps.append(Step(position, facts))
    gone = {step.position.path for step in steps} | at.keys() | set(moved)
    displaced += [
        one for path, one in known.items() if path not in gone and path in seen
    ]
    return Plan(steps, displaced, moved)


def _has_left(old: Position, at: Mapping[str, Facts]) -> bool:
    """Whether the file is not at its path any more."""
    there = at.get(old.path)
    return there is None or there.inode != old.inode
