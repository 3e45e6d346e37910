"""Compares store and files with what happened in the runs of the soak."""

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

LOOKS = 0.01  # [s] between two scans of the folders where routers write
TICK = 0.3  # [s] from the start of servers to the first write, on a busy computer


@dataclass(slots=True)
class Expected:
    """The record of a run.

    Attributes:
        begun: when its start was put; its files are not older.
        started: the latest time of its start.
        stopping: the earliest time of its end.
        stopped: the latest time of its end.
        ends: the ends that the store may have.
        paused: the least and the greatest time in Paused [s].
        unseen: the greatest live time that daqpv did not see [s].
        notes: patterns that its note must match.
        title: as it was put, with success.
        comment: as it was put while the run was open; None: without success.
        answered: names of the events that came before a put was answered.
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
    """Records the files in the folders where routers write.

    Attributes:
        sizes: the least size of each file, by name and inode.
    """

    def __init__(self, folders: list[Path]) -> None:
        self.sizes: dict[tuple[str, int], int] = {}
        self._folders = folders
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> None:
        """Stop the scans."""
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


def untruths(lab: RunLab, runs: dict[int, Expected], scout: Scout) -> Iterator[str]:
    """Yield the differences of store and directories from what happened."""
    with closing(sqlite3.connect(lab.store)) as store:
        rows = [_row(*row) for row in store.execute(_RUNS)]
        paths = dict(store.execute("SELECT path, size FROM run_file"))
        changes = set(store.execute(_CHANGES).fetchall())
        events = store.execute("SELECT name, text FROM event").fetchall()
    yield from _of_numbers(rows, runs)
    for row in rows:
        if expected := runs.get(row.number):
            yield from _of_run(row, expected)
            yield from _of_books(row, expected, changes, events)
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


def _of_numbers(rows: list[Row], runs: dict[int, Expected]) -> Iterator[str]:
    numbers = [row.number for row in rows]
    if numbers != sorted(set(numbers)):
        yield f"numbers do not rise: {numbers}"
    if set(numbers) != set(runs):
        yield f"the store and the operator differ in runs {set(numbers) ^ set(runs)}"


def _of_run(row: Row, expected: Expected) -> Iterator[str]:
    run = f"run {row.number}"
    if row.entry not in expected.ends:
        yield f"{run} is {row.entry}, not {' or '.join(expected.ends)}: {expected}"
    if not expected.begun <= row.start <= expected.started:
        yield f"{run} has not started at {row.start}: {expected}"
    if row.stop is None or not expected.stopping <= row.stop <= expected.stopped:
        yield f"{run} has not stopped at {row.stop}: {expected}"
    elif row.stop < row.start:
        yield f"{run} stops before it starts"
    least = expected.stopping - expected.started - expected.paused[1] - expected.unseen
    most = expected.stopped - expected.begun - expected.paused[0]
    if not least <= row.live_time <= most:
        yield f"{run} was live for {row.live_time}, not {least} to {most}: {expected}"


def _of_books(
    row: Row,
    expected: Expected,
    changes: set[tuple[int, str]],
    events: list[tuple[str, str]],
) -> Iterator[str]:
    """Check the changes of a run: those that were answered must be there."""
    run = f"run {row.number}"
    for pattern in expected.notes:
        if not re.search(pattern, row.note):
            yield f"{run}: its note says nothing of {pattern!r}: {row.note!r}"
    if row.title != expected.title:
        yield f"{run} has the title {row.title!r}, not {expected.title!r}"
    if expected.comment is not None:
        if row.comment != expected.comment:
            yield f"{run} has the comment {row.comment!r}, not {expected.comment!r}"
        if (row.number, expected.comment) not in changes:
            yield f"{run}: the change of its comment is missing"
    for name in sorted(expected.answered):
        count = sum(
            1 for one in events if one[0] == name and f"Run {row.number} " in one[1]
        )
        if count != 1:
            yield f"{run}: {count} events {name!r}"


def _of_files(
    lab: RunLab,
    rows: dict[int, Row],
    runs: dict[int, Expected],
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
    path: Path, rows: dict[int, Row], runs: dict[int, Expected], paths: dict[str, int]
) -> Iterator[str]:
    begun = datetime.fromisoformat(path.name.split("_")[2]).astimezone().timestamp()
    within = [
        number
        for number, expected in runs.items()
        if expected.begun - 0.001 <= begun <= expected.stopped + TICK
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
    """Whether a file was begun in a run, not in a start right after it.

    That start may have failed, and the operator may have seen the end of the run late.
    """
    return row.start <= begun and (not row.stop or begun <= row.stop + TICK)
