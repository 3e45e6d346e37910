"""An instrument whose values come from text files: they can be read again."""

from __future__ import annotations

from dataclasses import replace

from daqpv.config.moments import moment_of
from daqpv.errors import RefusedError
from daqpv.instruments.device.instrument import Instrument
from daqpv.instruments.driver import Rereads


class TextFileInstrument(Instrument):
    """An instrument that appends to text files."""

    async def reparse(self, text: str) -> None:
        """Read lines of text files again; the settings of columns were wrong.

        Args:
            text: from when on: "2 d", "2026-11-28", "14:00".

        Raises:
            RefusedError: it has no text files, or the time cannot be read.
            LinkError: the files cannot be read.
        """
        with self.command(f"read the lines since {text} again"):
            self.refuse_unless_followed()
            if not isinstance(self.driver, Rereads):
                raise RefusedError(f"{self.name} has no text files")
            try:
                since = moment_of(text, self.clock.time())
            except ValueError as error:
                raise RefusedError(str(error)) from None
            lines = await self.driver.reparse(since)
            self.change(replace(self.snapshot, reparsed=f"{text}: {lines} lines"))
