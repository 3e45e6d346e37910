"""A simulated logger: a text file that grows."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from daqpv.core.threads import Crew
from daqpv.errors import SimulatorError
from daqpv.instruments.settings import Columns
from daqpv.instruments.textfiles.layout import TIME, Layout
from daqpv.sim.instruments.simulator import InstrumentSimulator

_log = logging.getLogger(__name__)


class TextFilePlace:
    """An instrument as a text file that gets a line in each period.

    Args:
        simulator: of the instrument.
        folder: of the file; it gets a folder of its own there.

    Raises:
        SimulatorError: the settings of its columns do not fit together.
    """

    def __init__(self, simulator: InstrumentSimulator, folder: Path) -> None:
        self._simulator = simulator
        settings = simulator.settings
        pattern = Path(settings.file or "log.txt").name
        self._folder = folder / simulator.name
        self._file = self._folder / _without_wildcards(pattern)
        self._pattern = self._folder / pattern
        self._columns = settings.columns or Columns()
        try:
            self._layout = Layout(self._columns, settings.channels)
        except ValueError as error:
            raise SimulatorError(f"{simulator.name}: {error}") from error
        self._disk = Crew(f"the disk of {self._file}")

    @property
    def url(self) -> str:
        """The file, with the wildcards of the settings."""
        return str(self._pattern)

    async def start(self) -> None:
        """Begin the file.

        Raises:
            SimulatorError: it cannot be written.
        """
        head = [f"header {n + 1}" for n in range(self._columns.header)]
        try:
            await self._disk.call(self._begin, head, timeout=10.0)
        except OSError as error:
            raise SimulatorError(
                f"{self._simulator.name}: {self._file}: {error.strerror}"
            ) from error

    def stream(self) -> None:
        """Write a line, or one for each channel."""
        own = self._simulator.play.streamed()
        now = time.time()
        lines = list(self._lines(now)) if own is None else [own.decode()]
        self._disk.submit(partial(self._append, lines))

    def hang_up(self) -> None:
        """There are no connections."""

    def close(self) -> None:
        """Write no more."""
        self._disk.close()

    def _begin(self, lines: Sequence[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._file.exists():
            self._append(lines)

    def _append(self, lines: Sequence[str]) -> None:
        try:
            with self._file.open("a", encoding=self._columns.encoding) as file:
                file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            _log.error("%s: %s", self._file, error.strerror)

    def _lines(self, now: float) -> Iterator[str]:
        columns = self._columns
        times = self._times(now)
        if columns.alias is not None and columns.value is not None:
            for name in self._simulator.settings.channels:
                texts = self._placed(times, max(columns.alias, columns.value))
                texts[columns.alias - 1] = _alias(name, columns)
                texts[columns.value - 1] = self._value(name)
                yield columns.between.join(texts)
        elif columns.slices:
            yield self._sliced(" ".join(times))
        else:
            texts = self._placed(times, self._layout.count)
            for cell in self._layout.cells:
                texts[cell.index] = self._value(cell.channel)
            yield (columns.between or " ").join(texts)

    def _times(self, now: float) -> list[str]:
        """The time as each of its forms has it; some have blanks."""
        stamps, forms = self._layout.stamps, self._columns.time or ()
        text = "" if stamps is None else stamps.written(now)
        if len(forms) < 2:
            return [text] * len(forms)
        words, texts = iter(text.split(" ")), []
        for form in forms:
            texts.append(" ".join(islice(words, form.count(" ") + 1)))
        return texts

    def _placed(self, times: Sequence[str], count: int) -> list[str]:
        """The texts of a line, with its time and zeros."""
        places = self._layout.times
        texts = ["0"] * max(count, *(place + 1 for place in places), 0)
        if len(times) < len(places):
            times = times[0].split(" ", len(places) - 1)
        for place, text in zip(places, times, strict=False):
            texts[place] = text
        return texts

    def _sliced(self, when: str) -> str:
        """A line of columns with fixed widths."""
        slices = self._columns.slices
        line = [" "] * max(last for _, last in slices.values())
        for name, (first, last) in slices.items():
            text = when if name == TIME else self._value(name)
            width = last - first + 1
            line[first - 1 : last] = text[:width].rjust(width)
        return "".join(line)

    def _value(self, name: str) -> str:
        value = self._simulator.play.point(name)
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        if self._columns.decimal != ".":
            text = text.replace(".", self._columns.decimal)
        quote = self._columns.quote
        return f"{quote}{text}{quote}" if quote and isinstance(value, str) else text


def _alias(name: str, columns: Columns) -> str:
    """The name of a channel in the file."""
    return next((text for text, one in columns.aliases.items() if one == name), name)


def _without_wildcards(name: str) -> str:
    """A name that fits a pattern."""
    return (
        re.sub(r"\[!?([^]])[^]]*\]", r"\1", name).replace("*", "sim").replace("?", "0")
    )
