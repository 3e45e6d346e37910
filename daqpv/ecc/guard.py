"""The interface that checks the order between the servers before each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from daqpv.ecc.codes import EccState, Operation


class Guard(Protocol):
    """Checks operations of one server before they are sent."""

    async def __call__(self, state: EccState, operations: Sequence[Operation]) -> None:
        """Return if the server may go this way.

        Args:
            state: where the server is.
            operations: to be sent to it, one after the other.

        Raises:
            RefusedError: another server is not where it has to be; with the cure.
        """

    def check(self, state: EccState, operation: Operation) -> None:
        """The same for one operation, by the present snapshots, without waiting.

        Called in the loop turn in which it is sent: in an earlier turn an operation
        that excludes it may have been sent to another server.

        Raises:
            RefusedError: as above.
        """

    def barred(self, state: EccState) -> int:
        """Bit n: from `state` the way to state n is forbidden now. It costs little."""


class _Unguarded:
    """Permits all: no other server matters."""

    async def __call__(self, state: EccState, operations: Sequence[Operation]) -> None:
        """Return."""

    def check(self, state: EccState, operation: Operation) -> None:
        """Return."""

    def barred(self, state: EccState) -> int:
        """0: nothing is forbidden."""
        return 0


unguarded = _Unguarded()
