"""What an open run forbids to everybody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


async def _nothing() -> None:
    """There is no run to stop."""


class Hold:
    """Whether single servers may be commanded now; made once for all of a site.

    Whoever holds them (the run) sets both attributes.

    Attributes:
        reason: why they may not, with the cure: "Run 12 is open. ..."; "" if they may.
        release: ends what holds them, as an operator would: stops the run.
    """

    def __init__(self) -> None:
        self.reason: Callable[[], str] = lambda: ""
        self.release: Callable[[], Awaitable[None]] = _nothing
