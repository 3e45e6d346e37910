"""The driver of an instrument whose channels are all formulas."""

from __future__ import annotations

from daqpv.instruments.driver import Driver, Frame, Listener, Request


class NoDriver(Driver):
    """Nothing to reach: always there, and without values.

    Args:
        name: of the instrument.
    """

    polls = False

    def __init__(self, name: str) -> None:
        self.who = name

    @property
    def is_open(self) -> bool:
        """Always."""
        return True

    async def open(self) -> None:
        """Nothing to do."""

    async def exchange(self, request: Request) -> Frame:
        """An empty frame."""
        return Frame(good=0)

    def listen(self, listener: Listener) -> None:
        """Nothing comes."""

    async def close(self) -> None:
        """Nothing to do."""
