"""Finds the PVs of a server for clients, and the fields that identify the server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from caproto.server import PVGroup

from daqpv.core import NO_ALARM
from daqpv.serve.groups.group import Group
from daqpv.serve.names import Names
from daqpv.serve.pv.alarmed import AlarmLog
from daqpv.serve.pv.identity import IDENTITY, SINCE, OwnIdentity
from daqpv.serve.pv.source import Source
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.texts import Text

_PATIENCE = 5.0  # [s] that a search for a device's PVs may wait for its state


class Directory:
    """Finds PVs for clients.

    Args:
        identity: sent to other daqpv processes.

    Attributes:
        names: the PVs of all groups.
    """

    def __init__(self, identity: Callable[[], Mapping[str, Any]]) -> None:
        self.names = Names()
        self._identity = OwnIdentity(identity)
        self._since = Source("", Text(), Meta(), "", NO_ALARM, time.time())
        self._young: dict[str, list[Group[Any]]] = {}
        self._grown = 0.0

    @property
    def since(self) -> str:
        """Start time of this server, unique among servers; "" before."""
        return str(self._since.value)

    def add(self, *groups: PVGroup, alarm_log: AlarmLog) -> None:
        """Add all PVs of `groups`, or none.

        Raises:
            ServeError: a PV name is used twice.
        """
        self.names.add(*groups, alarm_log=alarm_log)
        for group in groups:
            if isinstance(group, Group):
                self._young.setdefault(group.prefix, []).append(group)

    def open(self) -> None:
        """Begin to serve the PVs."""
        self._since.value = f"{time.time_ns():020} {secrets.token_hex(4)}"
        self._grown = time.monotonic() + _PATIENCE

    def find(self, name: bytes) -> Source | None:
        """Find the source of `name`; each PV has fields that identify its server."""
        found = self.names.find(name)
        if found is not None:
            return found
        if name.endswith(SINCE):
            return self._since if self.names.find(name.removesuffix(SINCE)) else None
        if name.endswith(IDENTITY) and self.names.find(name.removesuffix(IDENTITY)):
            return self._identity.asked()
        return None

    def offer(self, name: bytes) -> Source | None:
        """Find the source of `name`, if a search may find it now.

        The PVs of a device are offered when its state is known, after a few seconds at
        most: so clients that reconnect after a restart do not read an unknown state.
        """
        source = self.find(name)
        if source is None or not self._young:
            return source
        if time.monotonic() > self._grown:
            self._young.clear()
        groups = self._young.pop(source.prefix, None)
        if groups is None or not any(group.awaits_states for group in groups):
            return source
        self._young[source.prefix] = groups
        return None
