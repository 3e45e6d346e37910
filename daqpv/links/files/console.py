"""Prints lines to standard output from a thread, so that a terminal delays nothing."""

from __future__ import annotations

import select
import sys

import click

from daqpv.core import Event, EventSeverity, last_name
from daqpv.core.lines import one_line, shortened
from daqpv.core.timing.utc import clock_text
from daqpv.links.files.writer_thread import WriterThread

WAITING = 1000  # lines in the queue; further ones are dropped

COLOURS = {
    EventSeverity.INFORMATION: None,
    EventSeverity.WARNING: "yellow",
    EventSeverity.ERROR: "red",
}


def nobody_reads() -> bool:
    """Whether the terminal is closed, or the pipe of standard output has no reader."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # hang-ups and errors are always reported
    return bool(poll.poll(0))


def line(event: Event) -> str:
    """Format `event` for people: time (UTC), what happened, and the user."""
    by = f"  [{event.origin}]" if event.origin else ""
    device = last_name(event.device)
    named = event.text.startswith(device)
    who = "" if named else f"{device}: "
    return one_line(f"{clock_text(event.time)} {who}{shortened(event.text)}{by}")


def _coloured(event: Event) -> str:
    return click.style(line(event), fg=COLOURS[event.severity])


class Console(WriterThread[Event | str]):
    """Standard output, and a sink of events; use it as a context manager.

    Attributes:
        failure: why writing failed; None while it succeeds.
    """

    def __init__(self) -> None:
        super().__init__("console", room=WAITING)
        self.failure: OSError | None = None

    def __call__(self, event: Event) -> None:
        """Print `event`, unless it is for the record only."""
        if not event.is_aside:
            self._offer(event)

    def say(self, text: str) -> bool:
        """Print `text` soon; False: it is dropped, because the terminal is too slow."""
        return self._offer(text)

    def _write(self) -> None:
        encoding = sys.stdout.encoding
        for what in self._each():
            text = what if isinstance(what, str) else _coloured(what)
            try:
                click.echo(text.encode(encoding, "backslashreplace").decode(encoding))
            except OSError as error:  # the reader has gone, or a disk is full
                self.failure = error
                return
