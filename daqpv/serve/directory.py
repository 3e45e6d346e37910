"""What a server answers for: its PVs, those it offers already, and who serves them."""

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

_PATIENCE = 5.0  # [s] that searches for a device's PVs wait for its state


class Directory:
    """Finds PVs for clients.

    Args:
        identity: what other daqpv processes read of this one.

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
        """When it was opened, unlike that of any other server; "" before."""
        return str(self._since.value)

    def add(self, *groups: PVGroup, alarm_log: AlarmLog) -> None:
        """Take in all PVs of `groups`, or none.

        Raises:
            ServeError: a PV name is used twice.
        """
        self.names.add(*groups, alarm_log=alarm_log)
        for group in groups:
            if isinstance(group, Group):
                self._young.setdefault(group.prefix, []).append(group)

    def open(self) -> None:
        """From now on this process serves the PVs."""
        self._since.value = f"{time.time_ns():020} {secrets.token_hex(4)}"
        self._grown = time.monotonic() + _PATIENCE

    def find(self, name: bytes) -> Source | None:
        """What stands behind `name`; any PV has fields that tell who serves it."""
        found = self.names.find(name)
        if found is not None:
            return found
        if name.endswith(SINCE):
            return self._since if self.names.find(name.removesuffix(SINCE)) else None
        if name.endswith(IDENTITY) and self.names.find(name.removesuffix(IDENTITY)):
            return self._identity.asked()
        return None

    def offer(self, name: bytes) -> Source | None:
        """What a search for `name` may find now.

        The PVs of a device are not offered before its state is known, for a few seconds
        at most: after a restart clients wait, and read no state that is unknown yet.
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
