"""Writes records to the store in a thread, or to the spool until the store is back."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from daqpv.core import EventSeverity, Milestones, StoreFigures
from daqpv.errors import StoreError
from daqpv.store.tables.rows import Entry, Source
from daqpv.store.tables.schema import Schema
from daqpv.store.writing.refused import CURE, Refuse, Refused, as_ascii
from daqpv.store.writing.retry_queue import RETRY, Journal, RetryQueue, Tell
from daqpv.store.writing.spool import Spool

_log = logging.getLogger(__name__)

BATCH = 1000  # entries of one transaction, at most
GATHER = 0.05  # [s] in which a batch may grow
LOOK = 5.0  # [s] between two checks of a store without new records
ENDING = 2.0  # [s] that an earlier process may still hold the spool
MEMORY = 128_000_000  # [bytes] of records in memory; above it informations are left out
_RECORD = 1000  # [bytes] of a record besides its text
_FOLD = 60.0  # [s] between two events that say how many were left out
_HURRY = 0.25  # [s] for the store and for its connection, at the end


class Writer:
    """Numbers records, and writes them to the store in this order.

    One thread has the queue and the spool, and another one the connection: a store that
    does not answer blocks neither the event loop nor the spool.

    Args:
        connect: makes the journal, given the function that keeps refused records; may
            raise StoreError.
        name: of the store, for people: its URL without password.
        schema: the records that it keeps.
        folder: of this process's spool.
        limit: of the spool [bytes].
        process: ``name@host``.
        tell: reports what happens to the store; from any thread.
    """

    def __init__(
        self,
        connect: Callable[[Refuse], Journal],
        name: str,
        *,
        schema: Schema,
        folder: Path,
        limit: float,
        process: str,
        tell: Tell,
    ) -> None:
        self._source = Source(secrets.token_hex(16), process)
        self._schema = schema
        self._tell = tell
        self._folder = folder
        self._limit = limit
        self._refused = Refused(folder)
        self._queue = RetryQueue(lambda: connect(self._refused.keep), name, tell)
        self._next_look = 0.0
        self._spool = Spool(
            folder, self._source, schema=schema, limit=limit, say=self._lost
        )
        self._next_spool = self._began = 0.0
        self._spool_reason = ""
        self._spool_errors = 0
        self._pending: list[Entry] = []  # taken from the inbox, and not written yet
        self._pending_size = 0
        self._told = 0  # of those left out
        self._next_told = 0.0
        self._lost_text = ""
        self._told_refused = 0
        self._next_refused = 0.0

        self._kept = Milestones()
        self._lock = threading.Lock()  # of the inbox
        self._inbox: deque[tuple[int, int, object]] = deque()  # number, size
        self._number = 0
        self._memory = 0
        self._left_out = 0

        self._elsewhere = 0  # records that are neither in the inbox nor in the store
        self._gave_up = False
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    # -- for any thread ----------------------------------------------------------------

    def add(self, record: object) -> None:
        """Queue `record` for writing."""
        text = getattr(record, "text", "")
        size = _RECORD + (len(text) if isinstance(text, str) else 0)
        with self._lock:
            if self._memory + size > MEMORY and self._is_expendable(record):
                self._left_out += 1
                return
            self._number += 1
            self._memory += size
            self._inbox.append((self._number, size, record))
        self._wake.set()

    def figures(self) -> StoreFigures:
        """The current figures of the store."""
        return StoreFigures(
            online=self._queue.online,
            reason=self._queue.reason,
            spool_reason=self._spool_reason,
            backlog=len(self._inbox) + self._elsewhere,
            spool=self._spool.size,
            spool_limit=self._limit,
            write_errors=self._queue.errors + self._spool_errors + self._refused.kept,
            refused=self._refused.count,
            refused_reason=self._refused.reason,
            lost=self._spool.lost,
            lost_reason=self._lost_text,
        )

    async def kept(self, *, timeout: float) -> bool:
        """Wait until all added records are in the store or the spool.

        Returns:
            Whether they are; at once if neither takes them, else within `timeout` [s].
        """
        if self._spool_reason and not self._queue.online:
            return False
        return await self._kept.reached(self._number, timeout=timeout)

    def open(self) -> None:
        """Open the spool, with the records of an earlier start.

        If another process holds it, it is tried again later.

        Raises:
            OSError: it cannot be written, or read.
        """
        self._spool.open()
        self._elsewhere = self._spool.count
        self._refused.look()

    def waiting(self, table: str) -> Iterator[Entry]:
        """The records of an earlier start for a table, oldest first; before `begin`."""
        return self._spool.waiting(table)

    def begin(self) -> None:
        """Start to write."""
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def give_up(self) -> None:
        """Drop the added records, and take no more; before `begin`."""
        self._gave_up = True
        self._spool.close()

    def close(self, timeout: float) -> None:
        """Write the remaining records to the store or the spool, within `timeout` [s].

        Records that neither takes are lost, and an event reports them.
        """
        if self._gave_up:
            return
        self._queue.patience = _HURRY
        self._closing.set()
        self._wake.set()
        if self._thread is None:
            self.begin()
        assert self._thread is not None
        self._thread.join(timeout)
        if left := len(self._inbox) + len(self._pending):
            reasons = "; ".join(filter(None, (self._queue.reason, self._spool_reason)))
            text = f"{left} records are lost, for neither store nor spool took them"
            self._tell(EventSeverity.ERROR, "records lost", f"{text}: {reasons}")

    # -- the thread --------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                while self._turn() and not self._closing.is_set():
                    pass
            except Exception:  # else the error would be lost
                _log.exception("the store's writer failed; it goes on")
                self._closing.wait(RETRY)
            self._wake.wait(LOOK if self._is_idle else RETRY)
            self._wake.clear()
            self._closing.wait(GATHER)
        self._finish()

    @property
    def _is_idle(self) -> bool:
        return bool(not self._pending and self._spool.is_empty and self._queue.online)

    def _finish(self) -> None:
        self._next_spool = 0.0
        while (self._inbox or self._pending) and self._turn():
            pass
        self._queue.close(_HURRY)
        self._spool.close()

    def _turn(self) -> bool:
        """Write a batch; return whether more could be done at once."""
        self._with_spool(self._see_to_spool)
        if not self._pending:
            self._take()
        moved = self._bring_on()
        if not self._spool.is_empty:
            moved = self._with_spool(self._feed) or moved
        elif not self._pending and time.monotonic() > self._next_look:
            self._queue.make(self._source, ())
        if self._queue.online:
            self._next_look = time.monotonic() + LOOK
        self._elsewhere = len(self._pending) + self._spool.count
        self._tell_left_out()
        self._tell_refused()
        return moved and not self._pending

    def _take(self) -> None:
        """Take a batch of the inbox."""
        with self._lock:
            count = min(len(self._inbox), BATCH)
            taken = [self._inbox.popleft() for _ in range(count)]
            self._elsewhere += count
        self._pending = [self._entry(number, record) for number, _, record in taken]
        self._pending_size = sum(size for _, size, _ in taken)

    def _entry(self, number: int, record: object) -> Entry:
        return self._schema.entry(number, record, self._source.process)

    def _is_expendable(self, record: object) -> bool:
        return self._schema.is_expendable(self._entry(0, record))

    def _bring_on(self) -> bool:
        """Write the pending entries to the store or the spool; return whether done."""
        if not self._pending:
            return False
        direct = self._spool.is_empty and self._queue.make(self._source, self._pending)
        if not direct and not self._with_spool(self._to_spool):
            return False
        self._kept.reach(self._pending[-1].number)
        self._pending = []
        if self._spool.is_open:
            self._spool_reason = ""
        with self._lock:
            self._memory -= self._pending_size
        return True

    # -- the spool ---------------------------------------------------------------------

    def _see_to_spool(self) -> bool:
        self._spool.see()
        if self._spool.is_open or self._spool.open():
            return True
        now = time.monotonic()
        if now < self._began + ENDING:
            self._next_spool = now + RETRY / 4
            return False
        raise StoreError("another process uses it. Give each process its own --name")

    def _to_spool(self) -> bool:
        if not self._spool.is_open:
            return False
        self._spool.append(self._pending)
        return True

    def _feed(self) -> bool:
        """Write the oldest entries of the spool to the store; return whether done."""
        if not self._queue.can:
            return False
        source, entries = self._spool.read(BATCH)
        if not self._queue.make(source, entries):
            return False
        self._spool.taken()
        return True

    def _with_spool(self, act: Callable[[], bool]) -> bool:
        """Use the spool; False if nothing was done or the disk refused."""
        if time.monotonic() < self._next_spool:
            return False
        try:
            return act()
        except (OSError, StoreError) as error:
            self._spool_failed(getattr(error, "strerror", None) or str(error))
            return False

    def _spool_failed(self, reason: str) -> None:
        self._spool_errors += 1
        self._next_spool = time.monotonic() + RETRY
        if not self._spool_reason:
            self._tell(
                EventSeverity.ERROR,
                "spool away",
                f"The spool {self._folder} takes no records: {reason}. While the store "
                "takes none either, they wait in memory, and are lost if daqpv ends. "
                "Make room there.",
            )
        self._spool_reason = reason

    # -- what is lost ------------------------------------------------------------------

    def _lost(self, text: str) -> None:
        """Report losses of the spool; the torn end of a line is not a record yet."""
        severity = EventSeverity.WARNING
        if self._spool.lost:
            severity = EventSeverity.ERROR
            self._lost_text = text
        self._tell(severity, "records lost", text)

    def _tell_left_out(self) -> None:
        left_out = self._left_out + self._spool.left_out
        now = time.monotonic()
        if left_out == self._told or now < self._next_told:
            return
        count, self._told, self._next_told = (
            left_out - self._told,
            left_out,
            now + _FOLD,
        )
        text = f"{count} informations were left out: there was no room for them."
        self._tell(EventSeverity.WARNING, "records lost", text)

    def _tell_refused(self) -> None:
        """Report refused records, at most once in `_FOLD`: the event may be refused."""
        if self._refused.count:
            self._refused.look()
        count, now = self._refused.kept - self._told_refused, time.monotonic()
        if not count or now < self._next_refused:
            return
        self._told_refused, self._next_refused = self._refused.kept, now + _FOLD
        self._tell(
            EventSeverity.ERROR,
            "records refused",
            f"The store refuses {count} records: {self._refused.reason}. They are kept "
            f"in {as_ascii(str(self._refused.path))}: {CURE}.",
        )
