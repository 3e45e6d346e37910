"""Lines for people, written by a thread: a stopped terminal holds up nobody."""

from __future__ import annotations

import select
import sys

import click

from daqpv.core import Event, EventSeverity, last_name
from daqpv.core.lines import one_line, shortened
from daqpv.core.timing.utc import clock_text
from daqpv.links.files.writer_thread import WriterThread

WAITING = 1000  # lines that may wait for the terminal; what comes then is left out

COLOURS = {
    EventSeverity.INFORMATION: None,
    EventSeverity.WARNING: "yellow",
    EventSeverity.ERROR: "red",
}


def nobody_reads() -> bool:
    """Whether the terminal of standard output has gone, or the reader of its pipe."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # hang-ups and errors are always told
    return bool(poll.poll(0))


def line(event: Event) -> str:
    """`event` for people: time (UTC), what happened, and who did it."""
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
        failure: why nothing is written any more; None while that goes well.
    """

    def __init__(self) -> None:
        super().__init__("console", room=WAITING)
        self.failure: OSError | None = None

    def __call__(self, event: Event) -> None:
        """Print `event`, unless it is for the record alone."""
        if not event.is_aside:
            self._offer(event)

    def say(self, text: str) -> bool:
        """Print `text`, soon; False: it is left out, the terminal has not kept up."""
        return self._offer(text)

    def _write(self) -> None:
        encoding = sys.stdout.encoding
        for what in self._each():
            text = what if isinstance(what, str) else _coloured(what)
            try:
                click.echo(text.encode(encoding, "backslashreplace").decode(encoding))
            except OSError as error:  # whoever read it has gone, or a disk is full
                self.failure = error
                return
