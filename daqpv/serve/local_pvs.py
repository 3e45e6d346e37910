"""Access to PVs of this process without a connection."""

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
    """The PVs of a server, for code in the same process.

    Watchers receive the same events as clients with a monitor, one loop turn later.

    Args:
        server: serves the PVs.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def latest(self, pv: str) -> Reading | None:
        """The present reading of `pv`; None: it is not served here."""
        source = self._find(pv)
        return None if source is None else _reading(source)

    def watch(self, pv: str, show: Show) -> Callable[[], None] | None:
        """Call `show` at once and with each event of `pv`.

        Returns:
            A function that ends the watch; None: `pv` is not served here.
        """
        source = self._find(pv)
        if source is None:
            return None
        listener = _Listener(source, self._server.outbox, show)
        show(_reading(source))
        return listener.end

    def _find(self, pv: str) -> Source | None:
        source = self._server.find(pv.encode())
        if source is None or isinstance(source, Filtered):  # needs a client
            return None
        source.refresh_now()
        return source


class _Listener:
    """Receives the events of a source, as filters do, and sends none to clients.

    A watcher may post to other PVs, so it is not called while the outbox is drained.
    """

    def __init__(self, source: Source, outbox: Outbox, show: Show) -> None:
        outbox.drain()  # earlier changes are not events
        self._source = source
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._has_ended = False
        source.follow(self, outbox)

    def changed(self, mask: int, writers: set[Writer]) -> int:
        """The source has changed; no event goes to clients."""
        if mask & (DBE_VALUE | DBE_ALARM):
            self._loop.call_soon(self._deliver, _reading(self._source))
        return 0

    def _deliver(self, reading: Reading) -> None:
        if self._has_ended:
            return
        try:
            self._show(reading)
        except Exception:  # an error of a listener must not cost clients their events
            _log.exception("%s: a listener failed", self._source.name)

    def end(self) -> None:
        """Stop; no more calls follow."""
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
