"""The table of PV names: finds PVs, fields and long-string views by name."""

from __future__ import annotations

import logging
import re
from collections.abc import Coroutine, Iterator
from functools import lru_cache
from typing import Any

from caproto.server import PVGroup

from daqpv.core import PvInfo
from daqpv.errors import ServeError
from daqpv.serve.groups.declaration import Declared
from daqpv.serve.groups.foreign import AsyncioLayer, Foreign, adopt, hooks_of, shut_down
from daqpv.serve.groups.group import Group
from daqpv.serve.pv.alarmed import AlarmLog
from daqpv.serve.pv.channel import Channel
from daqpv.serve.pv.fields import find_field
from daqpv.serve.pv.filtered import Filtered
from daqpv.serve.pv.filters import parse
from daqpv.serve.pv.source import Source

_log = logging.getLogger(__name__)

_BRACKET = re.compile(rb"[\[{]")  # begins a filter; names may contain it too
_LONGEST = 400  # [bytes] of a name; longer ones are not searched


class Names:
    """The PVs of all groups, by name and by alias."""

    def __init__(self) -> None:
        self._pvs: list[Channel] = []
        self._channels: dict[bytes, Channel] = {}
        self._foreign: list[Foreign] = []
        self._layer = AsyncioLayer()

    def __len__(self) -> int:
        return len(self._pvs)

    def add(self, *groups: PVGroup, alarm_log: AlarmLog | None = None) -> None:
        """Add all PVs of `groups`, or none; `alarm_log` receives their alarms.

        Raises:
            ServeError: a name is used twice.
        """
        new: dict[str, Any] = {}
        for group in groups:
            for name, channel in _all_names(group):
                other = self._channels.get(name.encode(), new.get(name))
                if other is not None:
                    raise ServeError(
                        f"the PV {name} is served twice: by {_where(other)} "
                        f"and by {_where(channel)}"
                    )
                new[name] = channel
        for group in groups:
            self._take(group, alarm_log)

    def _take(self, group: PVGroup, alarm_log: AlarmLog | None) -> None:
        primary = group.primary_alarms() if isinstance(group, Group) else None
        for name, channel in group.pvdb.items():
            if not isinstance(channel, Channel):
                channel = adopt(name, channel)  # noqa: PLW2901, ours replaced by ours
                self._foreign.append(channel)
            self._pvs.append(channel)
            for one in (name, *_aliases(channel)):
                self._channels[one.encode()] = channel
            channel.alarm_log = alarm_log
            channel.is_primary_alarm = primary is None or name in primary

    def hooks(self) -> Iterator[Coroutine[Any, Any, None]]:
        """The startup hooks of third parties' groups."""
        for channel in self._foreign:
            yield from hooks_of(channel.data, self._layer)

    async def shut_down(self) -> None:
        """Run the shutdown hooks of third parties' groups."""
        for channel in self._foreign:
            await shut_down(channel.data, self._layer)

    def infos(self) -> Iterator[PvInfo]:
        """A row for each PV."""
        for channel in self._pvs:
            yield channel.info()

    def find(self, name: bytes) -> Source | None:
        """Find the source of `name`: a PV, a field of it, or a long-string view.

        ``X``, ``X.``, ``X.VAL``, ``X.DESC``, ``X.DESC$``, ``X$``, ``X.VAL$``; each also
        with filters: ``X.VAL[2:5]``, ``X.{dbnd:{abs:0.5}}``, ``X.[2:5]{ts:{}}``. None:
        not found, or the filters are not valid; the reason is logged once.
        """
        found = self._channels.get(name)
        if found is not None or len(name) > _LONGEST:
            return found
        return self._unfiltered(name) or self._filtered(name)

    def _filtered(self, name: bytes) -> Source | None:
        why = ""
        for bracket in _BRACKET.finditer(name):
            source = self._unfiltered(name[: bracket.start()])
            if source is None:
                continue
            try:
                filters = parse(name[bracket.start() :].decode())
            except ValueError as error:
                why = why or str(error)
            else:
                return Filtered(name.decode(), source, filters)
        if why:
            _warn_once(repr(name.decode(errors="replace")), why)
        return None

    def _unfiltered(self, name: bytes) -> Source | None:
        found = self._channels.get(name)
        if found is not None:
            return found
        record, dot, field = name.partition(b".")
        if not dot and record.endswith(b"$"):
            record, dot, field = record[:-1], b".", b"$"
        channel = self._channels.get(record) if dot else None
        if channel is None:
            return None
        text = field.decode(errors="replace")
        return find_field(channel, f"VAL{text}" if text in ("", "$") else text)


@lru_cache(maxsize=1000)  # clients repeat their searches
def _warn_once(name: str, why: str) -> None:
    _log.warning("a client searches %s: %s", name, why)


def _aliases(channel: object) -> tuple[str, ...]:
    return channel.aliases if isinstance(channel, Declared) else ()


def _all_names(group: PVGroup) -> Iterator[tuple[str, Any]]:
    """The names and aliases of its PVs, each with its PV."""
    for name, channel in group.pvdb.items():
        for one in (name, *_aliases(channel)):
            yield one, channel


def _where(channel: Any) -> str:
    group = getattr(channel, "group", None)
    return f"{type(group).__name__} {getattr(group, 'prefix', '')}".strip()
