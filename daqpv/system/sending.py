"""Sends an operation to all servers of a group at once, and waits for their ends."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from daqpv.core import Command, Tasks
from daqpv.core.job import Step
from daqpv.ecc import Operation, Server
from daqpv.errors import (
    AbortedError,
    DaqError,
    LinkError,
    RefusedError,
    UnknownOutcomeError,
)
from daqpv.system.plural import are


class Sending:
    """Sends for one command of the system.

    Args:
        command: its abort withdraws operations that are not sent yet.
        tasks: own sent operations, which an abort does not end.

    Attributes:
        has_sent: whether an operation may have reached a server.
    """

    def __init__(self, command: Command, tasks: Tasks) -> None:
        self._command = command
        self._tasks = tasks
        self.has_sent = False

    async def send(
        self,
        label: str,
        operation: Operation,
        group: Sequence[Server],
        *,
        within: float | None = None,
    ) -> dict[Server, DaqError]:
        """Send `operation` to all of `group`, and wait for their ends.

        Args:
            label: of the step.
            operation: to be sent.
            group: the servers.
            within: longest wait [s]; servers that have not ended then have failed.

        Returns:
            The servers that failed, and why.

        Raises:
            AbortedError: the command was aborted; the text names servers that go on.
        """
        self._command.check()
        round_ = _Round(operation, self._command.step(label, len(group)))
        works = {one: self._tasks.begin(round_.operate(one)) for one in group}
        try:
            async with asyncio.timeout(within):
                all_ends = self._tasks.begin(_all(works.values()))
                await self._command.over(all_ends)
        except TimeoutError:
            text = f"no end of {operation.label} within {within:g} s"
            late = UnknownOutcomeError(text)
            open_ = [one for one, work in works.items() if not work.done()]
            round_.errors |= dict.fromkeys(open_, late)
        except AbortedError as aborted:
            raise _withdrawn(operation, works, aborted) from None
        self.has_sent = self.has_sent or round_.was_reached
        return dict(round_.errors)


class _Round:
    """One operation of a group, and its results.

    Attributes:
        errors: of servers that have failed.
    """

    def __init__(self, operation: Operation, step: Step) -> None:
        self._operation = operation
        self._step = step
        self.errors: dict[Server, DaqError] = {}

    async def operate(self, server: Server) -> None:
        """Send it to `server`, and wait for its end."""
        try:
            await server.operate(self._operation)
        except DaqError as error:
            self.errors[server] = error
        else:
            self._step.advance()

    @property
    def was_reached(self) -> bool:
        """Whether the operation may have reached a server."""
        unsent = (RefusedError, LinkError)
        errors = self.errors.values()
        return bool(self._step.done) or not all(
            isinstance(one, unsent) for one in errors
        )


def _withdrawn(
    operation: Operation,
    works: Mapping[Server, asyncio.Task[None]],
    aborted: AbortedError,
) -> AbortedError:
    """Withdraw operations that are not sent yet; return a text about the others."""
    open_ = [one for one, work in works.items() if not work.done()]
    going = [one for one in open_ if one.snapshot.doing is operation.transition]
    for server in open_:
        if server not in going:
            server.abort()
    goes_on = f"; {are(going)}, and that goes on to its end" if going else ""
    return AbortedError(f"{aborted}{goes_on}")


async def _all(works: Collection[asyncio.Task[None]]) -> None:
    await asyncio.wait(works)
