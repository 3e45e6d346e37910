"""Folds repeated events: the first are emitted singly, the others are counted.

Nothing is lost: the counts of the emitted events add up to what happened. A fault that
goes on for hours is emitted a few times, and then once a minute.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from daqpv.core.events.event import Event, Folding

WINDOW = 60.0  # [s] after which counted events are emitted
MOST = 10_000  # different series at a time; they take about 1 kB each

_Sort = tuple[str, str]  # device and name
_Key = tuple[str, str, str | None]  # and `Folding.same`; None: too many kinds


@dataclass(slots=True)
class _Series:
    """Repetitions of one event.

    Attributes:
        end: of its present minute, by the clock.
        left: how often it is still emitted singly.
        last: the last one that was counted only.
        count: how many were counted only.
    """

    end: float
    left: int
    last: Event | None = None
    count: int = 0


class Folder:
    """Decides which events are emitted at once, and emits the others with a count.

    Args:
        clock: that never jumps [s].
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._series: dict[_Key, _Series] = {}  # in the order of their ends
        self._kinds: Counter[_Sort] = Counter()

    def emits(self, event: Event, folding: Folding) -> bool:
        """Whether to emit `event` now; it is counted if not."""
        series = self._find(event, folding)
        if series is None:
            return True
        if series.left:
            series.left -= 1
            return True
        series.last = event
        series.count += event.count
        return False

    def _find(self, event: Event, folding: Folding) -> _Series | None:
        """The series of `event`; None: it has none, and is emitted."""
        sort = (event.device, event.name)
        key: _Key = (*sort, folding.same)
        series = self._series.get(key)
        if series is None:
            kinds = MOST if folding.kinds is None else folding.kinds
            if self._kinds[sort] >= kinds or len(self._series) >= MOST:
                if folding.kinds is None:
                    return None
                key = (*sort, None)
                series = self._series.get(key)
            if series is None:
                end = self._clock() + WINDOW
                left = folding.singly if key[2] is not None else 0
                series = self._series[key] = _Series(end, left)
                self._kinds[sort] += 1
        return series

    def due(self) -> Iterator[Event]:
        """What was counted in minutes that are over; to be called regularly.

        A series that went on in its last minute is not emitted singly in the next one.
        """
        now = self._clock()
        while self._series:
            key = next(iter(self._series))
            if self._series[key].end > now:
                return
            yield from self._close(key, now)

    def _close(self, key: _Key, now: float) -> Iterator[Event]:
        series = self._series.pop(key)
        sort = key[:2]
        self._kinds[sort] -= 1
        if not self._kinds[sort]:
            del self._kinds[sort]
        if series.last is None:
            return
        self._series[key] = _Series(now + WINDOW, 0)
        self._kinds[sort] += 1
        yield _counted(series.last, series.count)

    def rest(self) -> Iterator[Event]:
        """What was counted and is not emitted yet, when the process ends."""
        for series in tuple(self._series.values()):
            if series.last is not None:
                yield _counted(series.last, series.count)
        self._series.clear()
        self._kinds.clear()


def _counted(last: Event, count: int) -> Event:
    if count == 1:
        return last
    text = f"{last.text} ({count} times, this was the last)"
    return replace(last, text=text, count=count)
