"""What a driver of lines needs of a connection: the Protocol `Line`."""

from __future__ import annotations

from typing import Any, Protocol

from daqpv.errors import LinkError
from daqpv.instruments.driver.trace import Show
from daqpv.instruments.lines.inbox import Exchange, Inbox


class Party(Protocol):
    """An instrument on a line, which may have several.

    Attributes:
        who: the instrument, for sentences.
        inbox: takes what comes.
        hears: it sends lines unasked.
    """

    who: str
    inbox: Inbox
    hears: bool

    def lost(self, error: LinkError) -> None:
        """The connection is gone, and no exchange of this party runs."""


class Line(Protocol):
    """A connection to one instrument or several.

    Attributes:
        who: the address, for sentences.
        life: counts the connections that were made.
    """

    who: str
    life: int

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and needs no other opening."""

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""

    @property
    def longest_opening(self) -> float:
        """Time for the opening at most [s], with the turns of others."""

    async def open(self, party: Party) -> None:
        """Connect, unless another party has; what comes unasked is for `party`, too.

        Raises:
            NotConnectedError: no connection.
        """

    async def talk(
        self, party: Party, exchange: Exchange, *, timeout: float, gap: float
    ) -> Any:
        """Do one exchange, when it is its turn.

        Args:
            party: whose exchange it is.
            exchange: as above.
            timeout: from the question to the whole answer [s].
            gap: least time after the exchange before [s].

        Returns:
            The value of the exchange.

        Raises:
            NotConnectedError: there is no connection; nothing was sent.
            NoAnswerError: sent, and no whole answer came.
            ProtocolError: out of step; or too much came.
            OperationError: the instrument refuses.
        """

    async def rest(self, party: Party, seconds: float) -> None:
        """Send nothing for that time [s]; what comes is dropped."""

    def trace(self, show: Show) -> None:
        """Show all bytes of the connection from now on."""

    def doubt(self, seconds: float) -> None:
        """Whatever comes in the next seconds [s] belongs to no later exchange."""

    async def close(self, party: Party) -> None:
        """Take leave; the connection closes with the last party."""
