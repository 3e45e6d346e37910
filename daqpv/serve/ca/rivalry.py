"""Other processes that come to serve our names while we do: after a network cut."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from daqpv.serve.ca.duplicates import DuplicateServers, Other

_log = logging.getLogger(__name__)

SOON = 5.0  # [s] the same, while there is another one
_TRIES = 3  # searches in a row: a datagram may be lost
_SURE = 2  # times in a row that it has to be gone


class Rivalry:
    """Searches again and again for others that serve our names.

    At the start the younger process ends (daqpv.app). Later nobody ends by itself: the
    one that an operator would keep may be either.

    Args:
        others: searches.
        found: called after each search with a sentence on who is there; "" for nobody.
        also: what else to look at then.
        period: between two searches [s].
    """

    def __init__(
        self,
        others: DuplicateServers,
        found: Callable[[str], None],
        also: Callable[[], Awaitable[None]],
        *,
        period: float,
    ) -> None:
        self._period = period
        self._others = others
        self._also = also
        self._found = found
        self._soon = asyncio.Event()

    def look(self) -> None:
        """Search at once: somebody can be reached again."""
        self._soon.set()

    async def run(self) -> None:
        """Search until cancelled."""
        missed = _SURE
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause(missed)):
                    await self._soon.wait()
            self._soon.clear()
            try:
                await self._also()
                others = await self._others.find(tries=_TRIES)
            except OSError as error:  # no socket is left: nothing is known now
                _log.warning("no search for other processes: %s", error)
                continue
            missed = 0 if others else missed + 1
            if others or missed >= _SURE:
                self._found(_words(others))

    def _pause(self, missed: int) -> float:
        """How long to wait for the next search, after so many without an answer [s]."""
        return self._period if missed >= _SURE else min(self._period, SOON)


def _words(others: Sequence[Other]) -> str:
    if not others:
        return ""
    servers = " and ".join(dict.fromkeys(other.address for other in others))
    return f"{others[0].name} is served twice: by this process, and by {servers}."
