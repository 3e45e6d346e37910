"""PVs of this process, read without a connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from daqpv.core import READ_ELEMENTS, Alarm, Reading, Severity, Status
from daqpv.serve.pv.filtered import Filtered
from daqpv.serve.pv.follower import Writer
from daqpv.serve.pv.masks import DBE_ALARM, DBE_VALUE
from daqpv.serve.pv.outbox import Outbox
from daqpv.serve.pv.source import Source
from daqpv.serve.server import Server
from daqpv.serve.values.forms import Choice

_log = logging.getLogger(__name__)

Show = Callable[[Reading], None]


class LocalPvs:
    """The PVs of a server, for those who live in its process.

    They hear what clients with a monitor hear, a loop turn later.

    Args:
        server: whose PVs they are.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def latest(self, pv: str) -> Reading | None:
        """What `pv` is now; None: it is not served here."""
        source = self._find(pv)
        return None if source is None else _reading(source)

    def watch(self, pv: str, show: Show) -> Callable[[], None] | None:
        """Call `show` at once and with each event of `pv`.

        Returns:
            What ends it, when called; None: it is not served here.
        """
        source = self._find(pv)
        if source is None:
            return None
        listener = _Listener(source, self._server.outbox, show)
        show(_reading(source))
        return listener.end

    def _find(self, pv: str) -> Source | None:
        source = self._server.find(pv.encode())
        if source is None or isinstance(source, Filtered):  # which needs a client
            return None
        source.refresh_now()
        return source


class _Listener:
    """Takes the events of a source, as filters do, and sends them to nobody.

    What hears of them may post to other PVs: not while the outbox is drained.
    """

    def __init__(self, source: Source, outbox: Outbox, show: Show) -> None:
        outbox.drain()  # what was before is no event
        self._source = source
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._has_ended = False
        source.follow(self, outbox)

    def changed(self, mask: int, writers: set[Writer]) -> int:
        """Something of the source has changed; no client is concerned."""
        if mask & (DBE_VALUE | DBE_ALARM):
            self._loop.call_soon(self._tell, _reading(self._source))
        return 0

    def _tell(self, reading: Reading) -> None:
        if self._has_ended:
            return
        try:
            self._show(reading)
        except Exception:  # one listener's bug must not cost clients their events
            _log.exception("%s: a listener failed", self._source.name)

    def end(self) -> None:
        """Hear nothing any more."""
        self._has_ended = True
        self._source.unfollow(self)


def _reading(source: Source) -> Reading:
    alarm = source.alarm
    if alarm.severity is Severity.INVALID and alarm.status is Status.UDF:
        return Reading(value=None, alarm=alarm, time=source.time)
    value, label = _plain(source.value), ""
    if isinstance(source.form, Choice):
        labels = source.meta.labels
        label = labels[value] if value < len(labels) else ""
    return Reading(value=value, label=label, alarm=Alarm(*alarm), time=source.time)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value[:READ_ELEMENTS].tolist()
    return list(value[:READ_ELEMENTS]) if isinstance(value, tuple) else value
