"""Simulates a data router: its files grow while its ECC servers are Running.

It writes as dataRouter with FrameStorage: a series of files for each AsAd board, opened
and closed for each write, so a file that is moved while data flow is created again
under its old name. A full disk is reported in its log only.

Source: GET software (GetBench), src/get/daq/FrameStorage.cpp, doc/tools.dox.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daqpv.core.threads import Crew
from daqpv.ecc import EccState
from daqpv.errors import NoAnswerError, NotConnectedError

_log = logging.getLogger(__name__)

FILE_LIMIT = 1024 * 2**20  # [bytes] after which a series goes on in the next file
TICK = 0.1  # [s] between two writes
PATIENCE = 10.0  # [s] for one write

_ASADS = 4  # boards of a CoBo
_FRAMES = os.urandom(2**16)  # the data of each write


def series_of(senders: Iterable[str]) -> list[str]:
    """How the file names of these senders begin: ``CoBo[0]`` has a series per AsAd."""
    found = []
    for sender in senders:
        if cobo := re.fullmatch(r"CoBo\[(\w+)\]", sender):
            found += [f"CoBo{cobo[1]}_AsAd{asad}" for asad in range(_ASADS)]
        else:
            found.append("MuTanT")
    return list(dict.fromkeys(found))


@dataclass(slots=True)
class _Series:
    """The files of one board in one run; their numbers begin at 0."""

    stem: str
    number: int = 0
    size: int = 0


class RouterSimulator:
    """A simulated dataRouter that writes to `directory`.

    Args:
        name: for messages.
        directory: where it writes; made if it does not exist.
        senders: the data senders that it writes: ``CoBo[0]``, ``Mutant[master]``.
        states: gives the states of the ECC servers of these senders.
        rate: of all its files together, while a server is Running [byte/s].
        limit: size of a file after which the next one is begun [bytes].
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        senders: Sequence[str],
        states: Callable[[], Iterable[EccState]],
        rate: float = 1e6,
        limit: int = FILE_LIMIT,
    ) -> None:
        self.name = name
        self.directory = directory
        self.rate = rate
        self._heads = series_of(senders)
        self._states = states
        self._disk = Crew(f"the disk of {directory}")
        self._limit = limit
        self._series: list[_Series] = []
        self._owed = 0.0  # [bytes] that the boards have sent and are not written yet

    async def run(self) -> None:
        """Write while a server is Running, until cancelled."""
        self.directory.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(TICK)
            now = loop.time()
            states = set(self._states())
            if EccState.RUNNING in states:
                self._owed += self.rate * (now - before)
                await self._write_in_time()
            elif EccState.PAUSED not in states:
                self._series = []  # event numbers begin at 0 in the next run
                self._owed = 0.0
            before = now

    async def _write_in_time(self) -> None:
        try:
            await self._disk.call(self._write, timeout=PATIENCE)
        except NoAnswerError as error:
            _log.error("%s: %s", self.name, error)
        except NotConnectedError:
            pass  # the disk still hangs

    def _write(self) -> None:
        if not self._series:
            stamp = datetime.now().astimezone().isoformat("T", "milliseconds")[:23]
            self._series = [_Series(f"{head}_{stamp}") for head in self._heads]
        share = int(self._owed / max(len(self._series), 1))
        self._owed -= share * len(self._series)
        for series in self._series:
            self._append(series, share)

    def _append(self, series: _Series, size: int) -> None:
        if series.size >= self._limit:
            series.number, series.size = series.number + 1, 0
        series.size += size
        path = self.directory / f"{series.stem}_{series.number:04d}.graw"
        try:
            with path.open("ab") as file:
                for begin in range(0, size, len(_FRAMES)):
                    file.write(_FRAMES[: size - begin])
        except OSError as error:
            _log.error("%s: %s: %s", self.name, path, error.strerror)
