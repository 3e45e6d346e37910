"""Writes events to a log file that is limited in size by rotation.

A thread writes: a slow or full disk never holds up the event loop.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from contextlib import closing, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from daqpv.core import Event, EventSeverity
from daqpv.core.lines import one_line
from daqpv.core.timing.utc import iso_text
from daqpv.links.files.writer_thread import WriterThread

MAX_BYTES = 20_000_000
KEPT = 5
WAITING = 100_000  # events in the queue; further ones are dropped


def line(event: Event) -> str:
    """Format `event`: time (UTC), severity, device, name, text, user, fields."""
    by = f" by {event.origin}" if event.origin else ""
    facts = f" {json.dumps(dict(event.fields), default=str)}" if event.fields else ""
    stamp = iso_text(event.time, "milliseconds")
    head = f"{stamp} {event.severity:<11} {event.device or '-'}"
    return one_line(f"{head} {event.name}: {event.text}{by}{facts}")


class LogFile(WriterThread[Event]):
    """A sink of events; use it as a context manager, which ends when all is written.

    Args:
        path: the file; its directory must exist.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__("log file", room=WAITING, end_timeout=None)
        self._file = _Rotating(
            path, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8"
        )
        self._left_out = 0

    def __call__(self, event: Event) -> None:
        """Write `event` soon; it is dropped if the disk is too slow."""
        if self._left_out and self._offer(_missing(self._left_out)):
            self._left_out = 0
        if self._left_out or not self._offer(event):
            self._left_out += 1

    def _write(self) -> None:
        with closing(self._file):
            for event in self._each():
                self._file.handle(_record(event))
            if self._left_out:
                self._file.handle(_record(_missing(self._left_out)))


def _missing(count: int) -> Event:
    """The event in place of dropped ones."""
    return Event(
        time=time.time(),
        severity=EventSeverity.WARNING,
        name="left out",
        text=f"{count} events are missing here: the disk was too slow",
        count=count,
    )


def _record(event: Event) -> logging.LogRecord:
    return logging.LogRecord("", logging.INFO, "", 0, line(event), None, None)


class _Rotating(RotatingFileHandler):
    """Reports once that it cannot write, and once that it can again.

    A file that was renamed or removed from outside, by logrotate for example, is
    created again under its name.
    """

    _failing = False

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - logging's
        """Whether the file is full; a pipe never is, since it has no position."""
        if self.stream is not None and not self.stream.seekable():
            return False
        return bool(super().shouldRollover(record))

    def emit(self, record: logging.LogRecord) -> None:
        self._failed = False
        self._leave_moved()
        super().emit(record)
        if self._failing and not self._failed:
            print(f"{self.baseFilename}: written again", file=sys.stderr)
        self._failing = self._failed

    def _leave_moved(self) -> None:
        """Close the file if another one, or none, has its name."""
        if self.stream is None:
            return
        try:
            there = os.stat(self.baseFilename)
            moved = not os.path.samestat(there, os.fstat(self.stream.fileno()))
        except OSError as error:
            moved = isinstance(error, FileNotFoundError)
        if moved:
            stream, self.stream = self.stream, None  # the next line opens it again
            with suppress(OSError):
                stream.close()

    def close(self) -> None:
        with suppress(OSError):  # reported when it was written
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's
        self._failed = True
        if not self._failing:
            error = sys.exc_info()[1]
            print(f"{self.baseFilename}: cannot write: {error}", file=sys.stderr)
