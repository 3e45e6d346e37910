"""Forbids commands of servers while a run is open, or a second process serves them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

from daqpv.cure import Cure

Ask = Callable[[], Awaitable[str]]


def run_is_open(number: int, prefix: str) -> str:
    """Why servers may not be commanded while a run is open, with the cure.

    Args:
        number: of the run.
        prefix: of its PVs.
    """
    return f"Run {number} is open. To stop it: {Cure(prefix, 'Stop', 1)}"


class Holder(Protocol):
    """The run that holds the servers, of this process or of another one."""

    @property
    def hold(self) -> str:
        """Why servers may not be commanded by others now; "" if they may."""

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        """Call `show` now, and whenever `hold` may have changed."""

    async def stop(self) -> None:
        """Stop the run, as an operator would.

        Raises:
            DaqError: a server may still take data; the run stays open.
        """


class Interlock:
    """Whether servers may be commanded now; one for all of a site.

    While a run is open, only the run may command them. While another process serves
    devices of this one, too, no command may bring them up, not even that of the run.
    """

    def __init__(self) -> None:
        self._holder: Holder | None = None
        self._ask: Ask | None = None
        self._told = ""
        self._shows: list[Callable[[], None]] = []
        self._rivals: dict[str, str] = {}

    def take(self, holder: Holder, *, ask: Ask | None = None) -> None:
        """Let `holder` hold the servers while its `hold` is not empty.

        Args:
            holder: the run.
            ask: reads its `hold` now, if the local value may be late.
        """
        self._holder, self._ask = holder, ask
        holder.watch(self._seen)

    @property
    def reason(self) -> str:
        """Why they may not, as known in this process; "" if they may."""
        return "" if self._holder is None else self._holder.hold

    async def asked(self) -> str:
        """Why they may not, now, with the cure; "" if they may.

        To be called before a command. A holder with an empty local `hold` is not asked.
        """
        reason = self.reason
        return await self._ask() if reason and self._ask is not None else reason

    async def release(self) -> None:
        """Stop the run that holds them, as an operator would.

        Raises:
            DaqError: it could not be stopped.
        """
        if self._holder is not None:
            await self._holder.stop()

    @property
    def rival(self) -> str:
        """Why no command may bring servers up, with the cure; "" if one may.

        Another process serves devices of this one, too, and commands the same servers.
        """
        return next(filter(None, self._rivals.values()), "")

    def found(self, proof: str, what: str) -> None:
        """Report what one search has found about a second process.

        Args:
            proof: name of the search; each has its own result.
            what: a sentence: which devices it serves, and where; "" if none was found.
        """
        before = self.rival
        self._rivals[proof] = what and (
            f"{what} Both command the same servers. End one of them; until then only "
            "the way down is free."
        )
        if self.rival != before:
            for show in self._shows:
                show()

    def watch(self, show: Callable[[], None]) -> None:
        """Call `show` whenever `reason` or `rival` has changed."""
        self._shows.append(show)

    def _seen(self, snapshot: Any, changed: Collection[str]) -> None:
        if self.reason != self._told:
            self._told = self.reason
            for show in self._shows:
                show()
