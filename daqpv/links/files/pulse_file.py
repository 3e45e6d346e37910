"""Keeps the pulse of a process in a small file that is rewritten every second."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from daqpv.core import CLOCK, Beat, Clock
from daqpv.core.timing.clock import STEP
from daqpv.core.timing.pulse import Facts
from daqpv.links.files.writer_thread import RETRY, WriterThread

SIZE = 512  # [bytes]: one sector, which a disk writes completely or not at all
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    boot: str
    steady: float
    time: float
    facts: dict[str, float]


class PulseFile(WriterThread[_Content]):
    """Keeps the newest beat in a file (daqpv.core.Pulse); use it as a context manager.

    A thread writes. The file is created with the first beat. A write error is not
    reported here, but for the settings in the same directory.

    Args:
        path: of the file.
        clock: that gives the times.
    """

    def __init__(self, path: Path, *, clock: Clock = CLOCK) -> None:
        super().__init__("pulse")
        self._path = path
        self._clock = clock
        self._boot = _boot()

    def last(self) -> Beat | None:
        """The beat in the file; None if there is none, or it is not readable."""
        try:
            content = _Content.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None
        now, wall = self._clock.both()
        if content.boot and content.boot == self._boot and now >= content.steady:
            age = now - content.steady
            step = wall - age - content.time
            step = step if abs(step) >= STEP else 0.0
            return Beat(facts=content.facts, age=age, step=step)
        return Beat(facts=content.facts, age=max(wall - content.time, 0.0))

    def beat(self, facts: Facts, /) -> None:
        """Write `facts` soon."""
        now, wall = self._clock.both()
        content = _Content(boot=self._boot, steady=now, time=wall, facts=dict(facts))
        self._offer(content, key="the newest alone")

    def _write(self) -> None:
        for content in self._each():
            try:
                self._write_one(content)
            except OSError:
                if self._ends_within(RETRY):
                    return

    def _write_one(self, content: _Content) -> None:
        data = json.dumps(content.model_dump()).encode().ljust(SIZE - 1) + b"\n"
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(file, data, 0)
            os.fdatasync(file)
        finally:
            os.close(file)


def _boot() -> str:
    """The identifier of this start of the computer; "" if the kernel has none."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
