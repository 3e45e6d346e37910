"""Detects servers of our PV names that appear while this one runs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from daqpv.core.timing.schedule import ScheduledTask, after
from daqpv.serve.ca.duplicates import DuplicateServers, Other

_log = logging.getLogger(__name__)

SOON = 5.0  # [s] the same, while there is another server
_TRIES = 3  # successive searches: a datagram may be lost
_SURE = 2  # successive searches without an answer after which another server is gone


class Rivalry:
    """Searches repeatedly for other servers of our names.

    At start-up the younger process ends (daqpv.app). Later no process ends by itself:
    the operator may want to keep either of them.

    Args:
        others: searches.
        found: called after each search with a sentence naming the servers, or "".
        also: called before each search, for checks of the caller.
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
        self._missed = _SURE  # successive searches without an answer
        self._searches = ScheduledTask(self._search, after(period))

    def look(self) -> None:
        """Search at once: the network has changed."""
        self._searches.soon()

    async def run(self) -> None:
        """Search until cancelled."""
        await self._searches.run()

    async def _search(self) -> None:
        try:
            await self._also()
            others = await self._others.find(tries=_TRIES)
        except OSError as error:  # no socket is available: the search says nothing
            _log.warning("no search for other processes: %s", error)
            return
        self._missed = 0 if others else self._missed + 1
        sure = self._missed >= _SURE
        pause = self._period if sure else min(self._period, SOON)
        self._searches.schedule = after(pause)
        if others or sure:
            self._found(_words(others))


def _words(others: Sequence[Other]) -> str:
    if not others:
        return ""
    servers = " and ".join(dict.fromkeys(other.address for other in others))
    return f"{others[0].name} is served twice: by this process, and by {servers}."
