"""The instruments on one line."""

from __future__ import annotations

from daqpv.errors import LinkError
from daqpv.instruments.lines.line import Party


class Parties:
    """The instruments on one line.

    Attributes:
        speaker: whose exchange runs, or was the last.
    """

    def __init__(self) -> None:
        self._all: list[Party] = []
        self.speaker: Party | None = None

    def __len__(self) -> int:
        return len(self._all)

    @property
    def is_any_heard(self) -> bool:
        """Whether one of them sends lines unasked."""
        return any(one.hears for one in self._all)

    def add(self, party: Party) -> None:
        """One more has opened the line."""
        if party not in self._all:
            self._all.append(party)

    def remove(self, party: Party) -> None:
        """One has taken leave."""
        if party in self._all:
            self._all.remove(party)
        if self.speaker is party:
            self.speaker = None

    def listening(self) -> list[Party]:
        """Those to which bytes are given that nobody has asked for.

        That is the one that has asked last, and all that hear.
        """
        first = self.speaker or (self._all[0] if self._all else None)
        return [one for one in self._all if one.hears or one is first]

    def reset(self) -> None:
        """There is a new connection."""
        for one in self._all:
            one.inbox.reset()

    def drop(self) -> None:
        """The rest of messages that have begun will not come."""
        for one in self._all:
            one.inbox.drop()

    def cut(self) -> None:
        """The beginning of the next message was not heard."""
        for one in self._all:
            one.inbox.is_cut = True

    def lost(self, error: LinkError, *, but: Party | None) -> None:
        """The connection is gone; `but` knows it already."""
        for one in list(self._all):
            if one is not but:
                one.lost(error)
