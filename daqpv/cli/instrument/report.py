"""What ``daqpv instrument try`` prints: bytes, values, problems."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence

import click

from daqpv.core import Reading, Severity
from daqpv.core.lines import one_line
from daqpv.core.timing.utc import iso_text
from daqpv.errors import LinkError, counted
from daqpv.instruments.channels.values import Channels
from daqpv.instruments.driver import Block, Driver, Frame, awaited, unended
from daqpv.instruments.driver.trace import Traceable
from daqpv.instruments.settings import Channel, InstrumentSettings

_MOST = 200  # bytes of one line

_STYLES = {
    Severity.MINOR: "yellow",
    Severity.MAJOR: "red",
    Severity.INVALID: "magenta",
}


class Report:
    """Prints what happens; it is the listener of the driver.

    Args:
        name: of the instrument.
        settings: of it.
        is_terminal: whether there are colours.
        secrets: what is not shown of the bytes.

    Attributes:
        problems: how many there were.
    """

    def __init__(
        self,
        name: str,
        settings: InstrumentSettings,
        *,
        is_terminal: bool,
        secrets: Collection[bytes] = (),
    ) -> None:
        self.problems = 0
        self._name = name
        self._settings = settings
        self._has_colours = is_terminal
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._channels = self._judge(settings.channels)
        self._units = {
            channel.name or key: channel.units
            for key, channel in settings.channels.items()
        }
        self._driver: Driver | None = None
        self._readings: dict[str, Reading] = {}
        self._count = 0
        self._news = asyncio.Event()

    def begin(self, driver: Driver) -> None:
        """Say what is read."""
        self._driver = driver
        self._channels = self._judge(awaited(driver, self._settings.channels))
        self._say(driver.who, bold=True)
        if not isinstance(driver, Traceable):
            self._say("This driver does not show its bytes.", dim=True)

    def bytes(self, is_sent: bool, data: bytes) -> None:
        """Print bytes that were sent or received."""
        for secret in self._secrets:
            data = data.replace(secret, b"***")
        self._say(f"{_clock()} {'>' if is_sent else '<'} {shown(data)}", dim=True)

    def problem(self, text: str) -> None:
        """Print a problem, and count it."""
        self.problems += 1
        self._say(f"  problem: {one_line(text)}", fg="red")

    def heard(self, frame: Frame | Block) -> None:
        """Print the values of a frame; of history only how much there was."""
        counts = frame.counts if isinstance(frame, Block) else frame
        self._count += counts.good
        for text in counts.bad:
            self.problem(text)
        if counts.late:
            self.problem(f"{counts.late} answers came too late, and were dropped")
        if isinstance(frame, Block) or frame.is_history:
            self._say(f"  {counted(counts.good, 'line')} of history", dim=True)
        else:
            self._values(frame)
        self._news.set()

    def _values(self, frame: Frame) -> None:
        """Print present values."""
        when = time.time() if frame.time is None else frame.time
        taken, bad = self._channels.taken(
            frame, self._readings, now=time.monotonic(), time=when
        )
        for text in bad:
            self.problem(text)
        self._readings |= taken
        for name, reading in taken.items():
            self._value(name, reading)
        if frame.time is not None:
            self._say(f"  its time: {iso_text(frame.time)}", dim=True)

    def broken(self, error: LinkError) -> None:
        """Print that the connection is gone."""
        self.problem(str(error))

    async def waited(self) -> None:
        """Wait for lines that come unasked; none is a problem."""
        longest = max(self._settings.period, self._settings.stale or 10.0)
        try:
            async with asyncio.timeout(longest):
                await self._news.wait()
        except TimeoutError:
            self.problem(f"nothing to read came in {longest:g} s{self._unended()}")
        self._news.clear()

    def _unended(self) -> str:
        text = "" if self._driver is None else unended(self._driver)
        return f", but {text}" if text else ""

    def end(self) -> None:
        """Say what has never come, and count."""
        missing = [name for name in self._channels.names if name not in self._readings]
        if missing and self._count:
            self.problem(f"no value came of {', '.join(missing)}")
        answers = counted(self._count, "good answer")
        problems = counted(self.problems, "problem")
        self._say(f"{self._name}: {answers}, {problems}", bold=True)

    def _judge(self, channels: Mapping[str, Channel]) -> Channels:
        """What converts and judges the values of `channels`."""
        period = self._settings.period
        return Channels(channels, stale=None, slack=1.0, period=period)

    def _value(self, name: str, reading: Reading) -> None:
        words = reading.label or value_text(reading.value)
        units = self._units.get(name, "")
        text = f"  {name:<24} {words} {units}".rstrip()
        severity = reading.severity
        if severity is Severity.NO_ALARM:
            self._say(text)
            return
        self.problems += severity is Severity.INVALID
        reason = one_line(reading.alarm.reason)
        self._say(f"{text}   {severity.name}: {reason}", fg=_STYLES[severity])

    def _say(self, text: str, **style: object) -> None:
        click.echo(click.style(text, **style) if self._has_colours else text)  # type: ignore[arg-type]


def shown(data: bytes) -> str:
    """Bytes as text: ``\\r`` for CR, ``\\x06`` for what cannot be printed."""
    text = data[:_MOST].decode("ascii", "backslashreplace")
    escaped = "".join(one if one.isprintable() else _escaped(one) for one in text)
    return f"{escaped} ... ({len(data)} bytes)" if len(data) > _MOST else escaped


def _escaped(one: str) -> str:
    return {"\r": "\\r", "\n": "\\n", "\t": "\\t"}.get(one, f"\\x{ord(one):02x}")


def value_text(value: object) -> str:
    """A value in few characters."""
    if value is None:
        return "no value"
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Sequence) or hasattr(value, "shape"):
        return one_line(str(value))[:80]
    return str(value)


def _clock() -> str:
    now = time.time()
    return time.strftime("%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}"
