"""Other processes that come to serve our names while we do: after a network cut."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from daqpv.core.timing.schedule import ScheduledTask, after
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
        self._missed = _SURE  # searches in a row without an answer
        self._searches = ScheduledTask(self._search, after(period))

    def look(self) -> None:
        """Search at once: somebody can be reached again."""
        self._searches.soon()

    async def run(self) -> None:
        """Search until cancelled."""
        await self._searches.run()

    async def _search(self) -> None:
        try:
            await self._also()
            others = await self._others.find(tries=_TRIES)
        except OSError as error:  # no socket is left: nothing is known now
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
