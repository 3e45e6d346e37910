"""Settings in a JSON file: all that is kept without a store, else a copy beside it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from daqpv.core import (
    Events,
    EventSeverity,
    Milestones,
    Origin,
    Setting,
)
from daqpv.core.timing.utc import iso_text
from daqpv.errors import StoreError
from daqpv.links.files.writer_thread import RETRY, WriterThread

LOCKED = 5.0  # [s] to wait for another process that writes

Key = tuple[str, str]


class _Line(NamedTuple):
    """A setting as it stands in the file, one per line."""

    time: float
    text: str


class _News(NamedTuple):
    """A setting that is to be written; what was added before has lower numbers."""

    number: int
    setting: Setting

    @property
    def key(self) -> Key:
        """By which the newest takes the place of those before."""
        return self.setting.device, self.setting.field


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device: str
    field: str
    value: Any
    file: Any
    by: str
    time: AwareDatetime


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    settings: list[_Entry]


class SettingsFile(WriterThread[_News]):
    """Keeps settings in a JSON file; use it as a context manager.

    A thread writes, at once: into a new file that takes the place of the old
    one when it is on the disk. Several processes of one host may share the file: each
    adds its settings to those of the others, under a lock.

    Args:
        path: the file; it and its folder are made when there is something to write.
        events: where troubles are said.
    """

    def __init__(self, path: Path, events: Events) -> None:
        super().__init__("settings file")
        self._path = path
        self._events = events
        self._lines: dict[Key, _Line] = {}  # what the file has, when it was `_seen`
        self._seen: tuple[int, ...] = ()
        self._count = 0  # of what was added; guarded by `_changed`
        self._kept = Milestones()
        self._trouble = ""  # the one that was said last

    def read(self) -> Iterable[Setting]:
        """All settings in the file.

        One that cannot be understood is put aside, and an event says so.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            return self._parsed()
        except OSError as error:
            raise StoreError(
                f"{self._path}: the settings in it cannot be read: {error.strerror}. "
                "Choices that stand there alone do not hold."
            ) from error

    def add(self, setting: Setting, /) -> None:
        """Write `setting` soon."""
        with self._changed:
            self._count += 1
            news = _News(self._count, setting)
            self._offer(news, key=news.key)

    async def kept(self, *, timeout: float) -> bool:
        """Wait until what was added is in the file; False at once if it fails."""
        if self._trouble:
            return False
        return await self._kept.reached(self._count, timeout=timeout)

    # The thread

    def _write(self) -> None:
        while news := self._all():
            while not self._is_written({one.key: one.setting for one in news}):
                if self._ends_within(RETRY):
                    return
            self._kept.reach(max(one.number for one in news))

    def _is_written(self, settings: Mapping[Key, Setting]) -> bool:
        """Write `settings`; whether that went well is an event when it changes."""
        try:
            with self._locked():
                self._rewrite(settings)
        except OSError as error:
            self._failed(error)
            return False
        if self._trouble:
            self._trouble = ""
            self._events.report("setting", f"{self._path}: settings are written again.")
        return True

    def _failed(self, error: OSError) -> None:
        trouble = error.strerror or str(error)
        if trouble != self._trouble:
            self._trouble = trouble
            self._events.report(
                "setting",
                f"{self._path}: settings that operators choose cannot be written: "
                f"{trouble}. It is tried again every {RETRY:g} s.",
                severity=EventSeverity.ERROR,
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only process that writes."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.with_name(f".{self._path.name}.lock")
        with lock.open("a") as file:
            end = time.monotonic() + LOCKED
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > end:
                        problem = "another process has held its lock for too long"
                        raise OSError(problem) from None
                    time.sleep(0.02)
                else:
                    break
            yield

    def _rewrite(self, news: Mapping[Key, Setting]) -> None:
        """Put `news` into the file, beside what other processes have written."""
        if self._signature() != self._seen:
            self._read_again()
        for key, setting in news.items():
            self._lines[key] = _Line(setting.time, _text(setting))
        lines = ",\n".join(line.text for _, line in sorted(self._lines.items()))
        new = self._path.with_name(f".{self._path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            file.write(f'{{"settings": [\n{lines}\n]}}\n')
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._seen = self._signature()

    # The file

    def _signature(self) -> tuple[int, ...]:
        """What differs when anybody has written; () if there is no file."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return ()
        return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _read_again(self) -> None:
        """See what other processes have written."""
        seen, self._lines = self._signature(), {}
        for one in self._parsed():
            key = one.device, one.field
            if key not in self._lines or self._lines[key].time <= one.time:
                self._lines[key] = _Line(one.time, _text(one))
        self._seen = seen

    def _parsed(self) -> list[Setting]:
        """What the file says; if nobody understands it, it is put aside."""
        try:
            entries = _Content.model_validate_json(self._path.read_bytes()).settings
        except FileNotFoundError:
            return []
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            bad = self._path.with_name(f"{self._path.name}.bad")
            self._path.replace(bad)
            self._events.report(
                "setting",
                f"{self._path}: the settings in it cannot be understood: "
                f"{where + ': ' if where else ''}{first['msg']}. The file is put aside "
                f"as {bad.name}; choices that stand there alone do not hold.",
                severity=EventSeverity.WARNING,
            )
            return []
        return [
            Setting(
                time=entry.time.timestamp(),
                device=entry.device,
                field=entry.field,
                value=entry.value,
                file=entry.file,
                origin=Origin.parse(entry.by),
            )
            for entry in entries
        ]


def _text(setting: Setting) -> str:
    entry = {
        "device": setting.device,
        "field": setting.field,
        "value": setting.value,
        "file": setting.file,
        "by": str(setting.origin or ""),
        "time": iso_text(setting.time),
    }
    text = json.dumps(entry, ensure_ascii=False)
    return text.encode(
        errors="replace"
    ).decode()  # clients may call themselves anything
