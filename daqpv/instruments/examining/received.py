"""What an instrument has sent while it was examined, and what is missing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from daqpv.core import Clock, Finding, Reading, Severity, Status
from daqpv.errors import LinkError, counted, sentence
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.driver import Block, Frame

_SHOWN = 8  # values, and bad lines, that are shown
_LONGEST = 200  # characters of a bad line
_NOT_SENT = (
    "Does a question or a pattern name it, and does the instrument have it? What it "
    "has not: `leave_out`."
)
_NO_ANSWER = frozenset({Status.TIMEOUT, Status.COMM})


class Received:
    """Keeps the readings of an instrument; it is the `Listener` of its driver.

    Args:
        who: the instrument, as its driver names it.
        channels: that the instrument should send.
        units: of numbers, by channel.
        clock: of this computer.

    Attributes:
        frames: that have come.
        loss: of the connection, the last one.
        offset: the time of the newest values, minus ours at their arrival [s]; None:
            the instrument gives no time.
    """

    def __init__(
        self, who: str, channels: Channels, units: Mapping[str, str], clock: Clock
    ) -> None:
        self._who = who
        self._channels, self._units, self._clock = channels, units, clock
        self._readings: dict[str, Reading] = {}
        self._bad: list[str] = []  # the first ones
        self._unreadable = 0
        self._news = asyncio.Event()
        self.frames = 0
        self.loss: LinkError | None = None
        self.offset: float | None = None

    def heard(self, frame: Frame | Block) -> None:
        """Take what has come; of history, what could not be read."""
        self.frames += 1
        if isinstance(frame, Block):
            frame = frame.counts
        if frame.is_history:
            self._note(frame.bad)
            return
        now, wall = self._clock.monotonic(), self._clock.time()
        readings, bad = self._channels.taken(
            frame,
            self._readings,
            now=now,
            time=wall if frame.time is None else frame.time,
        )
        self._readings |= readings
        self._note([*frame.bad, *bad])
        if frame.time is not None:
            offset = frame.time - wall
            self.offset = offset if self.offset is None else max(self.offset, offset)
        self._news.set()

    def broken(self, error: LinkError) -> None:
        """The connection is gone."""
        self.loss = error
        self._news.set()

    async def first(self) -> None:
        """Wait for the first values, or a loss."""
        await self._news.wait()

    async def complete(self) -> None:
        """Wait until each channel has been heard, or the connection is lost."""
        while self._missing() and self.loss is None:
            self._news.clear()
            await self._news.wait()

    def findings(self) -> Iterator[Finding]:
        """Whether each channel has got a value or its words; then what is wrong."""
        problems = [*self._unread(), *self._unheard()]
        if self.loss is not None:
            problems.append(Finding("parse", False, str(self.loss)))
        names = self._channels.names
        got = len(names) - len(self._missing())
        text = f"{got} of {counted(len(names), 'channel')} came"
        facts = {name: _fact(one) for name, one in self._readings.items()}
        yield Finding(
            "parse",
            not problems,
            f"{text}: {self._shown()}." if got else f"{text}.",
            facts={"values": facts},
        )
        yield from problems

    def _unread(self) -> Iterator[Finding]:
        """The lines that could not be read."""
        for line in self._bad:
            text = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
            yield Finding(
                "parse",
                False,
                f"It cannot be read: {sentence(text)}",
                cure="Correct the pattern, or add the text to `words`.",
                facts={"line": line},
            )
        if self._unreadable > len(self._bad):
            more = counted(self._unreadable - len(self._bad), "more line")
            yield Finding("parse", False, f"{more} could not be read.")

    def _unheard(self) -> Iterator[Finding]:
        """The channels without a value, by the reason."""
        reasons: dict[str, list[str]] = {}
        for name in self._missing():
            reading = self._readings.get(name)
            reason = "" if reading is None else reading.alarm.reason
            reasons.setdefault(reason, []).append(name)
        for reason, names in reasons.items():
            text = f"No value of {', '.join(names)}"
            if reason and not self._is_told(reason):
                text += f": {reason}"
            yield Finding(
                "parse",
                False,
                sentence(text),
                cure="" if reason else _NOT_SENT,
                facts={"missing": names},
            )

    def _note(self, bad: Sequence[str]) -> None:
        self._unreadable += len(bad)
        self._bad = list(dict.fromkeys([*self._bad, *bad[:_SHOWN]]))[:_SHOWN]

    def _missing(self) -> list[str]:
        return [name for name in self._channels.names if self._is_missing(name)]

    def _is_missing(self, name: str) -> bool:
        """Whether a channel has got neither a value nor words of the instrument."""
        reading = self._readings.get(name)
        if reading is None:
            return True
        if reading.value is not None or reading.severity is not Severity.INVALID:
            return False
        alarm = reading.alarm
        if not self._channels.has_words(name):
            return True
        if alarm.status in _NO_ANSWER:
            return True
        # what daqpv says of the instrument, or of a bad line, is no word of it
        return alarm.reason.startswith(self._who) or self._is_told(alarm.reason)

    def _is_told(self, reason: str) -> bool:
        """Whether a bad line has the same reason."""
        return any(
            bad.startswith(reason) or bad.partition(": ")[2].startswith(reason)
            for bad in self._bad
        )

    def _shown(self) -> str:
        """The first values."""
        gone = set(self._missing())
        found = [
            f"{name} {shown(one, self._units.get(name, ''))}"
            for name, one in self._readings.items()
            if name not in gone
        ]
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return ", ".join(found[:_SHOWN]) + more


def shown(reading: Reading, units: str = "") -> str:
    """A reading for people: its value, and its alarm."""
    value = reading.shown
    if hasattr(value, "shape"):
        text = f"({len(value)} numbers)"
    elif isinstance(value, float):
        text = f"{value:.6g} {units}".rstrip()
    else:
        text = "" if value is None else f"{value} {units}".rstrip()
    if reading.severity is Severity.NO_ALARM:
        return text
    why = reading.alarm.reason or reading.alarm.status.name
    return f"{text} ({why}, {reading.severity.name})".lstrip()


def _fact(reading: Reading) -> dict[str, Any]:
    """A reading for programs."""
    value = reading.shown
    if hasattr(value, "tolist"):
        value = value.tolist()
    found: dict[str, Any] = {"value": value}
    if reading.alarm.severity is not Severity.NO_ALARM:
        found |= {
            "severity": reading.alarm.severity.name,
            "words": reading.alarm.reason,
        }
    return found
