"""Offers batches of entries to the store in a thread, with a deadline."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Protocol

from daqpv.core import EventSeverity
from daqpv.core.threads import Crew
from daqpv.errors import StoreError
from daqpv.store.tables.rows import Entry, Source

_log = logging.getLogger(__name__)

PATIENCE = 1.3  # [s] deadline of an offer: longer than engine.LOCKED
RETRY = 1.0  # [s] between two offers to a store that is away
AWAY = 2.0  # [s] of failures after which an event reports them

_SLICE = 0.1  # [s] in which a shorter deadline is noticed

Tell = Callable[[EventSeverity, str, str], None]
"""Takes severity, name and text of what happens to the store; from any thread."""


class Journal(Protocol):
    """The way into the store (daqpv.store.writing.journal)."""

    def write(self, source: Source, entries: Sequence[Entry]) -> list[Entry]:
        """Write the new entries; return those that the store refuses."""

    def close(self) -> None:
        """Close the connection."""


class RetryQueue:
    """Offers entries to the store, one batch at a time, in a thread of its own.

    An offer without an answer in time is given up, and its entries may be offered
    again: the journal skips those in the store. Until the thread of that offer returns,
    the store counts as away. To be used by one thread.

    Args:
        connect: makes the way into the store; may raise StoreError.
        name: of the store, for people: its URL without password.
        tell: reports what happens to it.

    Attributes:
        patience: how long an offer may take [s]; any thread may shorten it.
        online: whether the store takes records; None: not tried yet.
        reason: why not.
        errors: how many offers failed.
    """

    def __init__(self, connect: Callable[[], Journal], name: str, tell: Tell) -> None:
        self._connect = connect
        self._url = name
        self._name = f"The store {name}"
        self._tell = tell
        self._journal: Journal | None = None
        self._crew = Crew("store connection", 1)
        self._offer: Future[list[Entry]] | None = None
        self._offered = 0.0
        self._next = 0.0
        self._failing_since: float | None = None
        self.patience = PATIENCE
        self.online: bool | None = None
        self.reason = ""
        self.errors = 0

    @property
    def can(self) -> bool:
        """Whether it makes sense to offer something now."""
        if self._offer is not None and self._offer.done():
            self._conclude(self._offer)
        elif self._offer is not None:
            self._waits()
        return self._offer is None and time.monotonic() >= self._next

    def make(self, source: Source, entries: Sequence[Entry]) -> bool:
        """Offer `entries`, if `can`; return whether they are in the store."""
        if not self.can:
            return False
        self._offered = time.monotonic()
        offer = self._offer = self._crew.submit(lambda: self._write(source, entries))
        while not offer.done() and time.monotonic() < self._offered + self.patience:
            wait([offer], min(self.patience, _SLICE))
        if offer.done():
            return self._conclude(offer)
        self._waits()
        return False

    def _write(self, source: Source, entries: Sequence[Entry]) -> list[Entry]:
        if self._journal is None:
            self._journal = self._connect()
        return self._journal.write(source, entries)

    def _conclude(self, offer: Future[list[Entry]]) -> bool:
        self._offer = None
        try:
            offer.result()
        except StoreError as error:
            self._failed(str(error))
            return False
        except Exception as error:  # else the error would be lost
            _log.exception("an offer to the store failed")
            self._failed(f"{type(error).__name__}: {error}")
            return False
        self._succeeded()
        return True

    def _failed(self, reason: str) -> None:
        self.errors += 1
        self._next = time.monotonic() + RETRY
        self._say_failing(reason)

    def _waits(self) -> None:
        """Handle an offer that has taken too long."""
        waited = time.monotonic() - self._offered
        if not self.reason or waited > AWAY:
            self._say_failing(f"no answer for {waited:.0f} s")

    def _say_failing(self, reason: str) -> None:
        self.reason = reason
        if self._failing_since is None:
            self._failing_since = self._offered
        if self.online is False or time.monotonic() - self._failing_since < AWAY:
            return
        self.online = False
        self._tell(
            EventSeverity.ERROR,
            "store away",
            f"{self._name} takes no records: {reason.removeprefix(f'{self._url}: ')}. "
            "They wait, and are written when it takes records again.",
        )

    def _succeeded(self) -> None:
        if self.online is False and self._failing_since is not None:
            self._tell(
                EventSeverity.INFORMATION,
                "store back",
                f"{self._name} takes records again, after "
                f"{time.monotonic() - self._failing_since:.0f} s.",
            )
        self.online, self._failing_since, self.reason = True, None, ""

    def close(self, timeout: float) -> None:
        """Close the connection; do not wait for an offer that has no answer yet."""
        closed = self._crew.submit(self._close)
        self._crew.close()
        if self._offer is None:
            wait([closed], timeout)

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
