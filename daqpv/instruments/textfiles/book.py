"""The positions in all files of an instrument, and which of them are to be kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from daqpv.instruments.textfiles.position import Position

GONE = 10_000
"""So many positions of files that are not there are kept: their disk may be away."""


class Book:
    """The positions by path.

    Attributes:
        known: all of them.
        is_new: whether none was kept by an earlier process.
    """

    def __init__(self) -> None:
        self.known: dict[str, Position] = {}
        self.is_new = True
        self._changed: set[str] = set()

    @property
    def newest(self) -> float | None:
        """Time of the newest line of all, UTC [s since 1970]."""
        times = (one.newest for one in self.known.values() if one.newest is not None)
        return max(times, default=None)

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on from what an earlier process has kept."""
        for path, value in kept.items():
            with suppress(ValueError):  # of another version: the file is read anew
                self.known[path] = Position.of_json(value)
        self.is_new = not self.known

    def put(self, position: Position) -> None:
        """Note a position."""
        if self.known.get(position.path) != position:
            self.known[position.path] = position
            self._changed.add(position.path)

    def forget(self, path: str) -> None:
        """Forget a file."""
        if self.known.pop(path, None) is not None:
            self._changed.add(path)

    def trim(self, here: Collection[str]) -> None:
        """Forget the oldest files that are not `here`, if they are too many."""
        if len(self.known) <= GONE + len(here):
            return
        gone = self.known.keys() - set(here)
        for path in sorted(gone, key=lambda one: _age(self.known[one]))[: GONE // 2]:
            self.forget(path)

    def latest(self, number: int) -> Sequence[Position]:
        """The positions with the newest lines, the newest first."""
        some = [one for one in self.known.values() if one.offset]
        return sorted(some, key=_age, reverse=True)[:number]

    def news(self) -> dict[str, Any]:
        """What has changed since the last call, as JSON has it; None: forgotten."""
        changed, self._changed = self._changed, set()
        known = ((path, self.known.get(path)) for path in changed)
        return {path: one and one.as_json() for path, one in known}

    def again(self, paths: Iterable[str]) -> None:
        """The news of `paths` could not be kept."""
        self._changed.update(paths)


def _age(position: Position) -> float:
    return position.newest or 0.0
