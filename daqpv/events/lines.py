"""Formats events as lines for the PVs of the log."""

from __future__ import annotations

from collections.abc import Iterable

from daqpv.core import Event, EventSeverity, last_name
from daqpv.core.lines import one_line
from daqpv.core.timing.utc import clock_text, time_text

LONGEST = 400  # characters of a line of Text
MOST = 15_900  # [bytes] of Text: with its head less than clients take by default

_MARKS = {
    EventSeverity.INFORMATION: "",
    EventSeverity.WARNING: "warning ",
    EventSeverity.ERROR: "ERROR ",
}


def long_line(event: Event) -> str:
    """``2026-11-20 15:18:04 ERROR CoBo3: Offline: no answer [ann@hut]``, UTC."""
    by = f" [{event.origin}]" if event.origin else ""
    text = f"{time_text(event.time)} {_MARKS[event.severity]}{_what(event)}"
    return one_line(f"{text}{by}")


def short_line(event: Event) -> str:
    """``15:18:04 E CoBo3: Offline: no connect``, cut to 39 bytes."""
    mark = _MARKS[event.severity][:1].upper()
    return one_line(f"{clock_text(event.time)} {mark and f'{mark} '}{_what(event)}")


def newest_lines(lines: Iterable[str]) -> str:
    """As many of the last lines as a PV holds, each cut to `LONGEST`."""
    kept: list[str] = []
    size = 0
    for line in reversed(tuple(lines)):
        cut = line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
        size += len(cut.encode()) + 1
        if size > MOST:
            break
        kept.append(cut)
    return "\n".join(reversed(kept))


def _what(event: Event) -> str:
    device = last_name(event.device)
    return event.text if event.text.startswith(device) else f"{device}: {event.text}"
