"""Follows the run that another daqpv process serves, over Channel Access."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from daqpv.core import Pvs, Reading, Result, run_is_open
from daqpv.errors import OperationError
from daqpv.runs.states import OPEN


class RemoteRun:
    """The run of another process, which can hold our servers (daqpv.core.Holder).

    The run commands servers of this process by puts to their ordinary PVs, and must not
    hold these itself. So it holds while it is Running or Paused and has no command, and
    is asked for that: unlike a monitor, an answer includes all that came before the
    put. A run that does not answer holds no server: operators must be able to act when
    its process is dead.

    Args:
        prefix: of its PVs.
        pvs: reads and writes them.
    """

    name = "Run"

    def __init__(self, prefix: str, pvs: Pvs) -> None:
        self.prefix = prefix
        self._pvs = pvs
        self._state: Reading = Reading(value=None)
        self._number: Reading = Reading(value=None)
        self._shows: list[Callable[[Any, Collection[str]], None]] = []

    async def run(self) -> None:
        """Follow it until cancelled."""
        self.follow()
        await asyncio.get_running_loop().create_future()

    def follow(self) -> None:
        """Begin to follow it; call it on the event loop, when all devices are built."""
        for signal in ("Result", "Stop", "LastError"):  # connected on first use
            self._pvs.latest(self.prefix + signal)
        self._pvs.watch(self.prefix + "State", self._seen_state)
        self._pvs.watch(self.prefix + "Number", self._seen_number)

    @property
    def hold(self) -> str:
        """Why servers may not be commanded by other clients, from its monitors."""
        return self._words(self._state, self._number)

    async def asked(self) -> str:
        """Why servers may not be commanded by other clients, as it answers now."""
        signals = ("State", "Result", "Number")
        asks = (self._pvs.ask(self.prefix + signal) for signal in signals)
        state, result, number = await asyncio.gather(*asks)
        if result.value in (None, Result.BUSY):
            return ""
        return self._words(state, number)

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        """Call `show` now, and whenever `hold` may have changed."""
        self._shows.append(show)
        show(self, ())

    async def stop(self) -> None:
        """Stop the run by its button.

        Raises:
            OperationError: it failed; with the run's own message.
            LinkError: its process is not reachable, or the connection was lost.
        """
        try:
            await self._pvs.put(self.prefix + "Stop", "1")
        except OperationError as error:
            said = self._pvs.latest(self.prefix + "LastError").value
            raise OperationError(said or str(error)) from error

    def _words(self, state: Reading, number: Reading) -> str:
        if state.value not in OPEN or number.value is None:
            return ""
        return run_is_open(number.value, self.prefix)

    def _seen_state(self, reading: Reading) -> None:
        self._state = reading
        self._tell()

    def _seen_number(self, reading: Reading) -> None:
        self._number = reading
        self._tell()

    def _tell(self) -> None:
        for show in self._shows:
            show(self, ("hold",))
