"""Keeps settings and states of devices in a JSON file, beside or without the store."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from daqpv.core import (
    DeviceState,
    Events,
    EventSeverity,
    Milestones,
    Origin,
    Remembered,
    Setting,
)
from daqpv.core.devices.places import key_of
from daqpv.core.timing.utc import iso_text
from daqpv.errors import StoreError
from daqpv.links.files.writer_thread import RETRY, WriterThread

LOCKED = 5.0  # [s] to wait for the lock of another process

Key = tuple[type[Remembered], str, str]


class _Line(NamedTuple):
    """A record as a line of the file."""

    time: float
    text: str


class _News(NamedTuple):
    """A record to write; earlier records have lower numbers."""

    number: int
    record: Remembered


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device: str
    field: str
    value: Any
    file: Any
    by: str
    time: AwareDatetime


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device: str
    field: str
    value: Any
    time: AwareDatetime


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    settings: list[_Entry]
    states: list[_State] = []  # files of versions before 0005 have none


class SettingsFile(WriterThread[_News]):
    """Keeps settings and states of devices; use it as a context manager.

    A thread writes at once, to a new file that replaces the old one when it is on the
    disk. Several processes of one host may share the file: each adds its records to
    those of the others, under a lock.

    Args:
        path: the file; it and its directory are created with the first record.
        events: receives errors.
    """

    def __init__(self, path: Path, events: Events) -> None:
        super().__init__("settings file")
        self._path = path
        self._events = events
        self._lines: dict[Key, _Line] = {}  # content of the file when it was `_seen`
        self._seen: tuple[int, ...] = ()
        self._count = 0  # of added records; guarded by `_changed`
        self._kept = Milestones()
        self._trouble = ""  # the one that was reported last

    def read(self) -> Iterable[Remembered]:
        """All settings and states in the file.

        An invalid file is renamed, and an event reports it.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            return self._parsed()
        except OSError as error:
            raise StoreError(
                f"{self._path}: the settings in it cannot be read: {error.strerror}. "
                "Settings that are stored only there are not restored."
            ) from error

    def add(self, record: Remembered, /) -> None:
        """Write `record` soon."""
        with self._changed:
            self._count += 1
            self._offer(_News(self._count, record), key=key_of(record))

    async def kept(self, *, timeout: float) -> bool:
        """Wait until all added records are in the file; False at once if that fails."""
        if self._trouble:
            return False
        return await self._kept.reached(self._count, timeout=timeout)

    # The thread

    def _write(self) -> None:
        while news := self._all():
            while not self._is_written([one.record for one in news]):
                if self._ends_within(RETRY):
                    return
            self._kept.reach(max(one.number for one in news))

    def _is_written(self, records: Sequence[Remembered]) -> bool:
        """Write `records`; return whether it succeeds. Changes of that are events."""
        try:
            with self._locked():
                self._rewrite(records)
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
        """Hold the lock for writing."""
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

    def _rewrite(self, news: Sequence[Remembered]) -> None:
        """Add `news` to the records in the file, also those of other processes."""
        if self._signature() != self._seen:
            self._read_again()
        for one in news:
            self._lines[key_of(one)] = _Line(one.time, _text(one))
        new = self._path.with_name(f".{self._path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            file.write(f'{{"settings": [\n{self._listed(Setting)}\n]')
            if states := self._listed(DeviceState):
                file.write(f',\n"states": [\n{states}\n]')
            file.write("}\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._seen = self._signature()

    def _listed(self, kind: type[Remembered]) -> str:
        lines = ((key[1:], line) for key, line in self._lines.items() if key[0] is kind)
        return ",\n".join(line.text for _, line in sorted(lines))

    # The file

    def _signature(self) -> tuple[int, ...]:
        """A value that changes when any process writes; () if there is no file."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return ()
        return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _read_again(self) -> None:
        """Read records that other processes have written."""
        seen, self._lines = self._signature(), {}
        for one in self._parsed():
            key = key_of(one)
            if key not in self._lines or self._lines[key].time <= one.time:
                self._lines[key] = _Line(one.time, _text(one))
        self._seen = seen

    def _parsed(self) -> list[Remembered]:
        """Parse the file; an invalid one is renamed."""
        try:
            content = _Content.model_validate_json(self._path.read_bytes())
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
                f"{where + ': ' if where else ''}{first['msg']}. The file is renamed "
                f"to {bad.name}; settings that are stored only there are not restored.",
                severity=EventSeverity.WARNING,
            )
            return []
        return [*map(_setting, content.settings), *map(_state, content.states)]


def _setting(entry: _Entry) -> Setting:
    return Setting(
        time=entry.time.timestamp(),
        device=entry.device,
        field=entry.field,
        value=entry.value,
        file=entry.file,
        origin=Origin.parse(entry.by),
    )


def _state(entry: _State) -> DeviceState:
    return DeviceState(
        time=entry.time.timestamp(),
        device=entry.device,
        field=entry.field,
        value=entry.value,
    )


def _text(record: Remembered) -> str:
    entry: dict[str, Any] = {
        "device": record.device,
        "field": record.field,
        "value": record.value,
    }
    if isinstance(record, Setting):
        entry |= {"file": record.file, "by": str(record.origin or "")}
    entry["time"] = iso_text(record.time)
    text = json.dumps(entry, ensure_ascii=False)
    return text.encode(
        errors="replace"
    ).decode()  # names of clients may contain any character
