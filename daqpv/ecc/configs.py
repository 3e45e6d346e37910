"""Chooses the configuration of an ECC server, and checks it before use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches

from daqpv.core import Command, Cure, EventSeverity, Tasks
from daqpv.ecc.codes import EccState, Operation
from daqpv.ecc.following import Polling
from daqpv.ecc.link import ConfigId, EccLink
from daqpv.ecc.snapshot import NEEDS_CONFIG
from daqpv.errors import LinkError, RefusedError, quoted

_CHANGEABLE_UP_TO = {
    "describe": EccState.IDLE,
    "prepare": EccState.DESCRIBED,
    "configure": EccState.PREPARED,
}


LISTING_PERIOD = 10.0  # [s] least distance of two background reads of the list


class Configs:
    """The configurations that an ECC server lists, and the chosen one.

    An empty name would kill the server process, so only names of its list are sent.
    The list is read once per connection, and again before a configuration is used.

    Args:
        ecc: the server as a device.
        link: to the server.
        timeout: for reading the list [s].
        tasks: in which the list is read.
    """

    def __init__(
        self, ecc: Polling, link: EccLink, *, timeout: float, tasks: Tasks
    ) -> None:
        self._ecc = ecc
        self._link = link
        self._timeout = timeout
        self._tasks = tasks
        self._is_listed = False
        self._list_after = 0.0  # [s] monotonic
        self._trouble = ""  # the last one that was reported

    async def choose(self, text: str) -> None:
        """Choose the configuration `describe/prepare/configure`.

        Raises:
            BusyError: another command runs.
            RefusedError: it is not of this form, the server does not list it, or the
                server is beyond the state in which that part may change.
        """
        ecc = self._ecc
        with ecc.command(f"choose configuration {quoted(text)}") as command:
            try:
                config = ConfigId.parse(text)
            except ValueError as error:
                raise RefusedError(f"{ecc.name}: {error}") from None
            self._check_parts(config)
            await self._check_listed(command, config)
            self._check_parts(config)  # another client may have acted meanwhile
            ecc.change(replace(ecc.snapshot, config=config))

    async def refresh(self) -> None:
        """Read the list of configurations again.

        Raises:
            BusyError: another command runs.
            LinkError: the server cannot be reached.
        """
        with self._ecc.command("read the list of configurations") as command:
            await command.within(self._list_configs())

    def _check_parts(self, config: ConfigId) -> None:
        """Refuse a change of a part that the server has already used."""
        snapshot = self._ecc.snapshot
        if snapshot.config is None or not snapshot.known:
            return
        # Broken leads back to Prepared, with the parts that the server has used
        state = snapshot.heading or EccState.PREPARED
        now = snapshot.doing or snapshot.state
        for part, last in _CHANGEABLE_UP_TO.items():
            if getattr(config, part) != getattr(snapshot.config, part) and state > last:
                raise RefusedError(
                    f"{self._ecc.name} is {now.label}: the {part} part of its "
                    f"configuration may change up to {last.label}. First:",
                    cure=Cure(self._ecc.prefix, "Target", last.label),
                )

    async def check(self, command: Command, operations: Iterable[Operation]) -> None:
        """Refuse operations without their configuration: they kill the server."""
        if NEEDS_CONFIG.isdisjoint(operations):
            return
        config = self._ecc.snapshot.config
        if config is None:
            listed = map(str, self._ecc.snapshot.configs)
            one = next(listed, "describe/prepare/configure")
            raise RefusedError(
                f"{self._ecc.name} has no configuration. Choose one of "
                f"{self._ecc.prefix}ConfigList:",
                cure=Cure(self._ecc.prefix, "Config", one, is_long=True),
            )
        await self._check_listed(command, config)

    async def _check_listed(self, command: Command, config: ConfigId) -> None:
        """Refuse a configuration that the server does not list.

        If the list cannot be read now, the last one counts.
        """
        try:
            await command.within(self._list_configs())
        except LinkError as error:
            if config in self._ecc.snapshot.configs:
                return
            raise RefusedError(
                f"{self._ecc.name}: cannot check configuration {config}: {error}"
            ) from error
        if config in self._ecc.snapshot.configs:
            return
        listed = [str(one) for one in self._ecc.snapshot.configs]
        close = get_close_matches(str(config), listed, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise RefusedError(
            f"{self._ecc.name} does not list the configuration {config}.{hint} "
            f"See {self._ecc.prefix}ConfigList."
        )

    # The list

    def forget(self) -> None:
        """Read the list again soon: the server may be another process now."""
        self._is_listed = False

    def read_soon(self) -> None:
        """Read the list in the background, if it is not read yet."""
        now = self._ecc.clock.monotonic()
        if self._is_listed or now < self._list_after or not self._tasks.are_open:
            return
        self._list_after = now + LISTING_PERIOD
        self._tasks.begin(self._list_quietly())

    async def _list_quietly(self) -> None:
        try:
            await self._list_configs()
        except LinkError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._ecc.emit("configs", str(error), severity=EventSeverity.WARNING)

    async def _list_configs(self) -> None:
        configs = await self._link.configs(timeout=self._timeout)
        self._is_listed = True
        self._trouble = ""
        self._ecc.change(replace(self._ecc.snapshot, configs=tuple(configs)))
