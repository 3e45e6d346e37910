"""The lines that could not be read: counted, and the last of them kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from daqpv.errors import quoted

KEPT = 100
"""So many are kept; all are counted."""

_MOST = 200  # characters of a line


class BadLine(NamedTuple):
    """A line that could not be read, or not all of it.

    Attributes:
        file: its path.
        line: its number in the file, from 1.
        offset: of its first byte.
        text: of the line; of a long one the beginning.
        reason: why.
    """

    file: str
    line: int
    offset: int
    text: str
    reason: str

    @property
    def sentence(self) -> str:
        """For LastBad: "the text: the reason", with its place."""
        place = f"{self.file} line {self.line}"
        return f"{quoted(self.text)}: {self.reason} ({place})"


def bad_line(file: str, line: int, offset: int, text: str, reason: str) -> BadLine:
    """Make a `BadLine` of a text of any length."""
    text = text if len(text) <= _MOST else f"{text[:_MOST]}..."
    return BadLine(file, line, offset, text, reason)


class BadLines:
    """Counts bad lines, and keeps the last ones."""

    def __init__(self) -> None:
        self._last: deque[BadLine] = deque(maxlen=KEPT)
        self.count = 0

    @property
    def last(self) -> Sequence[BadLine]:
        """The last of them, the newest last."""
        return tuple(self._last)

    def add(self, lines: Sequence[BadLine]) -> None:
        """Count and keep `lines`."""
        self.count += len(lines)
        self._last.extend(lines)
