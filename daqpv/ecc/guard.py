"""What may forbid a step of an ECC server: the order between the servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from daqpv.ecc.codes import EccState, Operation


class Guard(Protocol):
    """Asked before operations of one server are sent."""

    async def __call__(self, state: EccState, operations: Sequence[Operation]) -> None:
        """Return if the server may go this way, as far as it can be known.

        Args:
            state: where the server is.
            operations: what is to be sent to it, one after the other.

        Raises:
            RefusedError: another server is not where it has to be; with the cure.
        """

    def check(self, state: EccState, operation: Operation) -> None:
        """The same of one operation, as things are known now: nothing is waited for.

        Asked in the instant of the sending: between two turns of the event loop
        another server may have been sent what excludes this.

        Raises:
            RefusedError: as above.
        """

    def barred(self, state: EccState) -> int:
        """Bit n: from `state` the way to state n is forbidden now. It costs little."""


class _Unguarded:
    """Lets the server go: no other one matters."""

    async def __call__(self, state: EccState, operations: Sequence[Operation]) -> None:
        """Return."""

    def check(self, state: EccState, operation: Operation) -> None:
        """Return."""

    def barred(self, state: EccState) -> int:
        """Nothing is."""
        return 0


unguarded = _Unguarded()
