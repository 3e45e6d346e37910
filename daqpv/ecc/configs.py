"""The configuration of an ECC server: chosen, and checked before it is used."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches

from daqpv.core import Command, Cure, EventSeverity
from daqpv.ecc.codes import EccState, Operation
from daqpv.ecc.link import ConfigId
from daqpv.ecc.snapshot import NEEDS_CONFIG
from daqpv.ecc.wire import OperatedEcc
from daqpv.errors import LinkError, RefusedError, quoted

_CHANGEABLE_UP_TO = {
    "describe": EccState.IDLE,
    "prepare": EccState.DESCRIBED,
    "configure": EccState.PREPARED,
}


LISTING_PERIOD = 10.0  # [s] least distance of two tries to read the list unasked


class ConfiguredEcc(OperatedEcc):
    """An ECC server that works by one of the configurations that it lists.

    An empty name would kill the server process, so none that is not in its list is
    ever sent. The list is read once per connection, and anew when it matters.
    """

    _is_listed = False
    _list_after = 0.0
    _list_trouble = ""  # the last one told

    async def choose(self, text: str) -> None:
        """Choose the configuration `describe/prepare/configure`.

        Raises:
            BusyError: another command runs.
            RefusedError: it is none, the server does not list it, or the server has
                gone beyond the state in which that part may change.
        """
        with self.command(f"choose configuration {quoted(text)}") as command:
            try:
                config = ConfigId.parse(text)
            except ValueError as error:
                raise RefusedError(f"{self.name}: {error}") from None
            self._check_parts(config)
            await self._check_listed(command, config)
            self._check_parts(config)  # another client may have acted meanwhile
            self.change(replace(self.snapshot, config=config))

    async def refresh_configs(self) -> None:
        """Read the list of configurations again.

        Raises:
            BusyError: another command runs.
            LinkError: the server cannot be reached.
        """
        with self.command("read the list of configurations") as command:
            await command.within(self._list_configs())

    async def filter_configs(self, text: str) -> None:
        """Show in the list only what has each word of `text`; "": all."""
        self.change(replace(self.snapshot, config_filter=text))

    def _check_parts(self, config: ConfigId) -> None:
        """Refuse a part that the server has already used on the way to its state."""
        snapshot = self.snapshot
        if snapshot.config is None or not snapshot.known:
            return
        # Broken leads back to Prepared, with what the server has used so far
        state = snapshot.heading or EccState.PREPARED
        now = snapshot.doing or snapshot.state
        for part, last in _CHANGEABLE_UP_TO.items():
            if getattr(config, part) != getattr(snapshot.config, part) and state > last:
                raise RefusedError(
                    f"{self.name} is {now.label}: the {part} part of its "
                    f"configuration may change up to {last.label}. First:",
                    cure=Cure(self.prefix, "Target", last.label),
                )

    async def _check_config(
        self, command: Command, operations: Iterable[Operation]
    ) -> None:
        """Refuse what needs a configuration that is not there: it kills the server."""
        if NEEDS_CONFIG.isdisjoint(operations):
            return
        config = self.snapshot.config
        if config is None:
            one = next(map(str, self.snapshot.configs), "describe/prepare/configure")
            raise RefusedError(
                f"{self.name} has no configuration. Choose one of "
                f"{self.prefix}ConfigList:",
                cure=Cure(self.prefix, "Config", one, is_long=True),
            )
        await self._check_listed(command, config)

    async def _check_listed(self, command: Command, config: ConfigId) -> None:
        """Refuse what the server does not list now; if it cannot tell, what it did."""
        try:
            await command.within(self._list_configs())
        except LinkError as error:
            if config in self.snapshot.configs:
                return
            raise RefusedError(
                f"{self.name}: cannot check configuration {config}: {error}"
            ) from error
        if config in self.snapshot.configs:
            return
        listed = [str(one) for one in self.snapshot.configs]
        close = get_close_matches(str(config), listed, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise RefusedError(
            f"{self.name} does not list the configuration {config}.{hint} "
            f"See {self.prefix}ConfigList."
        )

    # The list

    def _renewed(self) -> None:
        self._is_listed = False

    def _polled(self) -> None:
        """Read the list of configurations in the background, if it is not read yet."""
        snapshot = self.snapshot
        if self._is_listed or snapshot.is_lost or not snapshot.known:
            return
        if time.monotonic() < self._list_after or self._tasks is None:
            return
        self._list_after = time.monotonic() + LISTING_PERIOD
        self._tasks.create_task(self._list_quietly())

    async def _list_quietly(self) -> None:
        try:
            await self._list_configs()
        except LinkError as error:
            if str(error) != self._list_trouble:
                self._list_trouble = str(error)
                self.emit("configs", str(error), severity=EventSeverity.WARNING)

    async def _list_configs(self) -> None:
        configs = await self._link.configs(timeout=self._deadlines.configs)
        self._is_listed = True
        self._list_trouble = ""
        self.change(replace(self.snapshot, configs=tuple(configs)))
