"""Shows the bytes that an instrument is sent, and those that it sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

Show: TypeAlias = Callable[[bool, bytes], None]
"""Is called with whether bytes were sent (True) or received, and the bytes."""


@runtime_checkable
class Traceable(Protocol):
    """A driver, or a part of one, that can show its bytes."""

    def trace(self, show: Show) -> None:
        """Call `show` for all bytes from now on; called once, before `open`."""
