"""What a `StreamLine` needs of a connection that carries bytes."""

from __future__ import annotations

from typing import Protocol

from daqpv.errors import LinkError


class Receiver(Protocol):
    """Takes what comes; called on the event loop."""

    def received(self, data: bytes) -> None:
        """Bytes have come."""

    def joined(self) -> None:
        """The other side has connected, or connected once more."""

    def boundary(self) -> None:
        """The bytes so far are a whole message: a datagram has ended."""

    def lost(self, error: LinkError) -> None:
        """The connection is gone."""


class Wire(Protocol):
    """A connection that carries bytes.

    Attributes:
        who: its address, for sentences.
        quiet: after a silence of that time no byte of a message is missing [s].
        is_fresh: a new connection gets no answers to questions of the one before; so
            it is made anew after a time-out.
        is_relayed: it may get them, if a converter of a serial line is at the other
            end, which sends what comes late to whoever is connected.
        longest_opening: time for it at most [s].
        joins_midway: the other side may be in the middle of a line when it opens.
    """

    who: str
    quiet: float
    is_fresh: bool
    is_relayed: bool
    joins_midway: bool
    longest_opening: float

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and needs no other opening."""

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""

    async def open(self, receiver: Receiver) -> None:
        """Connect, and tell it by `Receiver.joined`.

        Raises:
            NotConnectedError: no connection.
        """

    def write(self, data: bytes) -> None:
        """Send, soon; a failure is told by `Receiver.lost`."""

    def close(self) -> None:
        """End the connection, without waiting; nothing is received any more."""

    async def closed(self) -> None:
        """Give everything back after `close`; takes a short time at most."""
