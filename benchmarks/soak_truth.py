"""What must be true of the runs of the soak: the store and the files as it happened."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.run_lab import RunLab

LOOKS = 0.01  # [s] between two looks at where routers write
TICK = 0.3  # [s] routers write so much after their servers run, on a busy computer


@dataclass(slots=True)
class Told:
    """What happened to a run.

    Attributes:
        begun: when its start was asked for; so much may be in its files.
        started: until when it had started, at the latest.
        stopping: when its end began, at the earliest.
        stopped: until when it had ended, at the latest.
        ends: what the store may say of it.
        paused: for how long it was Paused at least and at most [s].
        unseen: live time that nobody saw, at most [s].
        notes: what its note must say: patterns.
        title: as it was put, and answered.
        comment: likewise, while it was open; None: it was not answered.
        answered: names of the events that were told before a put was answered.
    """

    begun: float
    started: float
    stopping: float = 0.0
    stopped: float = 0.0
    ends: set[str] = field(default_factory=set)
    paused: tuple[float, float] = (0.0, 0.0)
    unseen: float = 0.0
    notes: list[str] = field(default_factory=list)
    title: str = ""
    comment: str | None = None
    answered: set[str] = field(default_factory=set)


class Row(NamedTuple):
    """A run in the store; times UTC, all in s."""

    number: int
    entry: str
    start: float
    stop: float | None
    live_time: float
    title: str
    comment: str
    note: str


class Scout:
    """Notes the files that lie where routers write.

    Attributes:
        sizes: what each had at least, by name and inode.
    """

    def __init__(self, folders: list[Path]) -> None:
        self.sizes: dict[tuple[str, int], int] = {}
        self._folders = folders
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(LOOKS):
            for folder in self._folders:
                for entry in os.scandir(folder):
                    with suppress(FileNotFoundError):  # moved meanwhile
                        if entry.is_file():
                            seen = entry.stat()
                            key = entry.name, seen.st_ino
                            self.sizes[key] = max(self.sizes.get(key, 0), seen.st_size)


def untruths(lab: RunLab, runs: dict[int, Told], scout: Scout) -> Iterator[str]:
    """Yield what the store and the directories say and what did not happen."""
    with closing(sqlite3.connect(lab.store)) as store:
        rows = [_row(*row) for row in store.execute(_RUNS)]
        paths = dict(store.execute("SELECT path, size FROM run_file"))
        changes = set(store.execute(_CHANGES).fetchall())
        events = store.execute("SELECT name, text FROM event").fetchall()
    yield from _of_numbers(rows, runs)
    for row in rows:
        if told := runs.get(row.number):
            yield from _of_run(row, told)
            yield from _of_books(row, told, changes, events)
    yield from _of_files(lab, {row.number: row for row in rows}, runs, scout, paths)


_RUNS = (
    "SELECT number, entry, start, stop, live_time, title, comment, note FROM run "
    "ORDER BY start"
)
_CHANGES = "SELECT number, new FROM run_change WHERE field = 'comment'"


def _row(
    number: int, entry: str, start: int, stop: int | None, live: int, *texts: str
) -> Row:
    ended = None if stop is None else stop / 1e6
    return Row(number, entry, start / 1e6, ended, live / 1e6, *texts)


def _of_numbers(rows: list[Row], runs: dict[int, Told]) -> Iterator[str]:
    numbers = [row.number for row in rows]
    if numbers != sorted(set(numbers)):
        yield f"numbers do not rise: {numbers}"
    if set(numbers) != set(runs):
        yield f"the store and the operator differ in runs {set(numbers) ^ set(runs)}"


def _of_run(row: Row, told: Told) -> Iterator[str]:
    run = f"run {row.number}"
    if row.entry not in told.ends:
        yield f"{run} is {row.entry}, not {' or '.join(told.ends)}: {told}"
    if not told.begun <= row.start <= told.started:
        yield f"{run} has not started at {row.start}: {told}"
    if row.stop is None or not told.stopping <= row.stop <= told.stopped:
        yield f"{run} has not stopped at {row.stop}: {told}"
    elif row.stop < row.start:
        yield f"{run} stops before it starts"
    least = told.stopping - told.started - told.paused[1] - told.unseen
    most = told.stopped - told.begun - told.paused[0]
    if not least <= row.live_time <= most:
        yield f"{run} was live for {row.live_time}, not {least} to {most}: {told}"


def _of_books(
    row: Row,
    told: Told,
    changes: set[tuple[int, str]],
    events: list[tuple[str, str]],
) -> Iterator[str]:
    """What was written of a run: what was answered must be there."""
    run = f"run {row.number}"
    for pattern in told.notes:
        if not re.search(pattern, row.note):
            yield f"{run}: its note says nothing of {pattern!r}: {row.note!r}"
    if row.title != told.title:
        yield f"{run} has the title {row.title!r}, not {told.title!r}"
    if told.comment is not None:
        if row.comment != told.comment:
            yield f"{run} has the comment {row.comment!r}, not {told.comment!r}"
        if (row.number, told.comment) not in changes:
            yield f"{run}: nobody has changed its comment"
    for name in sorted(told.answered):
        count = sum(
            1 for one in events if one[0] == name and f"Run {row.number} " in one[1]
        )
        if count != 1:
            yield f"{run}: {count} events {name!r}"


def _of_files(
    lab: RunLab,
    rows: dict[int, Row],
    runs: dict[int, Told],
    scout: Scout,
    paths: dict[str, int],
) -> Iterator[str]:
    found: dict[tuple[str, int], Path] = {}
    for folder in lab.staging.values():
        for path in folder.rglob("*.graw"):
            key = path.name, path.stat().st_ino
            if key in found:
                yield f"{path} is {found[key]} as well"
            found[key] = path
    for key, size in scout.sizes.items():
        if key not in found:
            yield f"file {key[0]} is lost"
        elif found[key].stat().st_size < size:
            yield f"{found[key]} had {size} bytes"
    for path in found.values():
        yield from _of_file(path, rows, runs, paths)
    there = {str(path) for path in found.values()}
    yield from (f"{path} is only in the store" for path in {*paths} - there)


def _of_file(
    path: Path, rows: dict[int, Row], runs: dict[int, Told], paths: dict[str, int]
) -> Iterator[str]:
    begun = datetime.fromisoformat(path.name.split("_")[2]).astimezone().timestamp()
    within = [
        number
        for number, told in runs.items()
        if told.begun - 0.001 <= begun <= told.stopped + TICK
    ][-1:]  # the next start may come at once
    run = re.fullmatch(r"run_(\d{4,})", path.parent.name)
    if run is None:  # swept: of a start that has halted
        if "unassigned" not in path.parts:
            yield f"{path} was left"
        elif within and _is_in(rows[within[0]], begun):
            yield f"{path} is of run {within[0]}"
        return
    if [int(run[1])] != within:
        yield f"{path} is of the runs {within}"
    size, said = path.stat().st_size, paths.get(str(path))
    if said != size:
        yield f"{path} has {size} bytes, the store says {said}"


def _is_in(row: Row, begun: float) -> bool:
    """Whether a file was begun in a run, and not in a start right after it.

    That start may have halted, and the operator may have seen the end of the run late.
    """
    return row.start <= begun and (not row.stop or begun <= row.stop + TICK)
