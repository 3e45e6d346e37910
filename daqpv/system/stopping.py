"""Stops all servers that take data, and verifies at the end that none does."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from daqpv.core import Command
from daqpv.ecc import EccSnapshot, Server
from daqpv.errors import LinkError, RefusedError
from daqpv.system.means import Means
from daqpv.system.plan import STOP, Step
from daqpv.system.plural import are, named, where
from daqpv.system.sending import Sending
from daqpv.system.servers import is_there, may_take_data, spread, standing

DEADLINE = 15.0  # [s] for a group to stop; then the next one is stopped
BACK = 8.0  # [s] for servers whose process was started anew to be seen again
_LOOKS = 3  # stops, for servers that have come back meanwhile


class Stopping:
    """Stops servers for one command of the system.

    Args:
        command: its abort ends the waiting.
        sending: sends to groups of servers.
        means: servers and their order.
    """

    def __init__(self, command: Command, sending: Sending, means: Means) -> None:
        self._command = command
        self._sending = sending
        self._means = means
        self._unsent: set[str] = set()  # servers that never got the Stop
        self._refused: set[str] = set()  # servers that did not do it

    def _enabled(self) -> list[Server]:
        return [one for one in self._means.servers if one.snapshot.enabled]

    async def stop(self, among: Collection[Server] | None = None) -> dict[str, str]:
        """Stop all servers that take data, group after group, and nothing else.

        A group has 15 s; then, as after any failure, the next one is stopped.

        Args:
            among: only these; None: all.

        Returns:
            The servers that may still take data, and why.
        """
        failures: dict[str, str] = {}
        row = self._means.table.rows["stop"]
        for group in row.order:
            members = [
                one
                for one in self._enabled()
                if standing(one)[0] in group and (among is None or one in among)
            ]
            here = [one for one in members if is_there(one.snapshot)]
            going = [one for one in here if may_take_data(one.snapshot)]
            if going:
                failures |= await self._stop_group(going)
            lost = [one for one in members if not is_there(one.snapshot)]
            lost = [one for one in lost if one.name not in failures]
            self._unsent.update(one.name for one in lost if one not in going)
            failures |= {one.name: self._lost(one) for one in lost}
        return failures

    async def _stop_group(self, going: Sequence[Server]) -> dict[str, str]:
        label = Step(self._means.table.rows["stop"], spread(going)).label
        errors = await self._sending.send(label, STOP, going, within=DEADLINE)
        for one in going:
            error = errors.get(one)
            is_unsent = isinstance(error, RefusedError | LinkError)
            (self._unsent.add if is_unsent else self._unsent.discard)(one.name)
            # one that has done it and takes data was started again by another client
            (self._refused.discard if error is None else self._refused.add)(one.name)
        return {
            one.name: named(one, errors.get(one) or are([one]))
            for one in going
            if may_take_data(one.snapshot)
        }

    async def stop_all(self) -> dict[str, str]:
        """Stop all servers that take data; then check again.

        A server that has come back meanwhile may take data and never have got the Stop:
        it gets it now.

        Returns:
            The servers that may still take data now, why, and which never got the Stop.
        """
        failures = await self.stop()
        for _ in range(_LOOKS):
            await self._wait_for_unseen()
            missed = [
                one
                for one in self._enabled()
                if is_there(one.snapshot)
                and may_take_data(one.snapshot)
                and (one.name in self._unsent or one.name not in self._refused)
            ]
            if not missed:
                break
            failures |= await self.stop(missed)
        return self._as_now(failures)

    async def _wait_for_unseen(self) -> None:
        """Wait a moment for servers that are not served, or not read yet."""

        async def all_seen() -> None:
            while any(not o.known or not o.served for o in self._snapshots()):
                self._means.news.clear()
                await self._means.news.wait()

        with suppress(TimeoutError):
            async with asyncio.timeout(BACK):
                await self._command.within(all_seen())

    def _snapshots(self) -> list[EccSnapshot]:
        return [one.snapshot for one in self._enabled()]

    def _as_now(self, failures: Mapping[str, str]) -> dict[str, str]:
        """Of servers that failed, and all others, those that may take data now."""
        found = {}
        for one in self._enabled():
            if not is_there(one.snapshot):
                found[one.name] = failures.get(one.name) or self._lost(one)
            elif may_take_data(one.snapshot):
                found[one.name] = failures.get(one.name) or are([one])
        return found

    def _lost(self, server: Server) -> str:
        text = f"{server.name} is {where(server.snapshot)}: it may still take data"
        never = server.name in self._unsent
        return f"{text}, and it never got the Stop" if never else text
