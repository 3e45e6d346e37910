"""Followers: receivers of the events of a source, independent of the protocol."""

from __future__ import annotations

from typing import Protocol


class Writer(Protocol):
    """A connection that collects outgoing data."""

    def send(self) -> None:
        """Write all data collected so far."""


class Follower(Protocol):
    """Receives the events of a source: a protocol's encoder, a filter, a listener."""

    def changed(self, mask: int, writers: set[Writer]) -> int:
        """The source has changed.

        Args:
            mask: the changes.
            writers: connections with data to send are added to it.

        Returns:
            the number of events sent to clients.
        """
        ...


class Followed(Protocol):
    """A source, as seen by the outbox."""

    @property
    def followers(self) -> tuple[Follower, ...]:
        """The receivers of its events."""


class Packed:
    """A value as bytes of one protocol, packed once for all clients.

    Attributes:
        body: the bytes; None: the value has changed since they were packed.
    """

    __slots__ = ("body",)

    def __init__(self) -> None:
        self.body: bytes | None = None
