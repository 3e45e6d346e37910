"""Which line is the present one: the newest. All others are history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from daqpv.instruments.driver import Block, Frame
from daqpv.instruments.textfiles.batch import frame_of, rows_of

SET_BACK = 3
"""After so many passes in a row with late lines only, the logger's clock was set
back, and what is written now is the present again."""


class Newest:
    """Parts what is read into the present and history.

    Attributes:
        time: of the newest line so far, UTC [s since 1970]; None: there was none.
    """

    def __init__(self) -> None:
        self.time: float | None = None
        self._held: Frame | None = None  # the newest of history: present in the end
        self._late = 0  # passes in a row
        self._has_late = self._has_present = False  # in this pass

    def live(self, frame: Frame) -> Frame:
        """A line that has just been written, as the present or as late."""
        if self._is_older(frame):
            self._has_late = True
            return replace(frame, is_history=True, late=1)
        self._has_present = True
        if frame.time is not None:
            self.time = frame.time
        return frame

    def history(self, frame: Frame) -> Iterator[Frame]:
        """A line of history; it is held back as long as it is the newest."""
        if self._is_older(frame):
            yield replace(frame, is_history=True)
            return
        if self._held is not None and self._held.time is not None:
            yield replace(self._held, is_history=True)
        self._held = frame
        if frame.time is not None:
            self.time = frame.time

    def block(self, block: Block) -> Iterator[Frame | Block]:
        """Many lines of history; the newest of them is held back."""
        last = len(block.times) - 1 - int(np.argmax(block.times[::-1]))
        if self.time is None or block.times[last] >= self.time:
            yield from self.history(frame_of(block, last))
            block = _without(block, last)
        if len(block.times):
            yield block

    def settle(self) -> Frame | None:
        """At the end of a pass: the newest line of history is the present now."""
        held, self._held = self._held, None
        if held is not None or self._has_present:
            self._late = 0
        elif self._has_late:
            self._late += 1
            if self._late >= SET_BACK:
                self._late, self.time = 0, None
        self._has_late = self._has_present = False
        return held

    def _is_older(self, frame: Frame) -> bool:
        if frame.time is None or self.time is None:
            return False
        return frame.time < self.time


def _without(block: Block, line: int) -> Block:
    if line == len(block.times) - 1:  # as a view, for it is mostly the last
        return rows_of(block, slice(line))
    rest = np.ones(len(block.times), dtype=bool)
    rest[line] = False
    return rows_of(block, rest)
