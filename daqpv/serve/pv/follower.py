"""Followers: what a source hands its events to, without knowing a protocol."""

from __future__ import annotations

from typing import Protocol


class Writer(Protocol):
    """A connection with something to send."""

    def send(self) -> None:
        """Write all that has gathered."""


class Follower(Protocol):
    """Receives the events of a source: a protocol's encoding, a filter, a listener."""

    def changed(self, mask: int, writers: set[Writer]) -> int:
        """The source has changed.

        Args:
            mask: what of it.
            writers: the connections that have something to send now are added.

        Returns:
            how many events that was for clients.
        """
        ...


class Followed(Protocol):
    """A source, as the outbox sees it."""

    @property
    def followers(self) -> tuple[Follower, ...]:
        """What receives its events."""


class Packed:
    """A value as bytes of one protocol, packed once for all clients.

    Attributes:
        body: the bytes; None: the value has changed since they were packed.
    """

    __slots__ = ("body",)

    def __init__(self) -> None:
        self.body: bytes | None = None
