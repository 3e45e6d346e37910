"""Moves the files of ended runs to the directories of the runs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from daqpv.core import Cure, EventSeverity
from daqpv.core.job import Job, running
from daqpv.errors import (
    DaqError,
    LinkError,
    OperationError,
    ResultCode,
    counted,
    sentence,
)
from daqpv.runs.checks import go_without, storages_in_use
from daqpv.runs.detector import Storage
from daqpv.runs.record.records import Owed, RunFile
from daqpv.runs.states import RunState

KEPT = 60.0  # [s] for the records of many files to be in the store or the spool
RETRY = 10.0  # [s] between two tries to move files, after a link was cut

_NEWS = frozenset({"enabled", "known", "condition", "online"})


class Sorter:
    """Moves the files of ended runs, one run after the other, all routers at once.

    Files at a router that is disabled then are owed: they are moved when the router is
    enabled again, if they can only be of that run.

    Args:
        storages: the routers.
        run: its snapshot lists the files to move (unsorted, owed) and the progress.
    """

    def __init__(self, storages: Sequence[Storage], run: Any) -> None:
        self._storages = {one.name: one for one in storages}
        self._run = run
        self._work: asyncio.Task[None] | None = None
        self._cut: dict[str, str] = {}  # by router: why its files are not sorted yet
        self._mixed: set[str] = set()  # routers with files of several runs, as reported
        self._paying: Owed | None = None  # the owed files that are being moved
        self._news = asyncio.Event()
        self._is_sweeping = False
        self._job = Job("sort files", clock=run.clock)
        self._step = self._job.step("Files are on their way")
        for storage in storages:
            storage.watch(self._seen)

    def _seen(self, snapshot: Any, changed: Collection[str]) -> None:
        if not _NEWS.isdisjoint(changed):
            self._news.set()

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Sort the unsorted files in a task of `tasks`."""
        if self._is_sweeping or (self._work is not None and not self._work.done()):
            return
        if self._run.snapshot.unsorted or self._due():
            self._run.change(replace(self._run.snapshot, sorting=True))
            self._work = tasks.create_task(self._sort_all())

    async def done(self, *, within: float) -> bool:
        """Wait until all is sorted, for at most `within` [s]; return whether it is."""
        if self._work is None:
            return True
        done, _ = await asyncio.wait({self._work}, timeout=within)
        return bool(done)

    @property
    def why_not(self) -> str:
        """Why it is not done yet: a sentence for each router concerned."""
        used = storages_in_use(list(self._storages.values()))
        why = list(self._cut.values())
        for name in (one.name for one in used if one.snapshot.growing):
            writers = ", ".join(self._run.writing_to(name))
            by = f": {writers}, which was disabled, sends to it" if writers else ""
            why.append(f"Files at {name} still grow{by}.")
        return " ".join(why) or f"{self._job.progress}."

    async def sweep(self) -> None:
        """Move the files in staging to ``unassigned``, after giving up all other moves.

        Raises:
            DaqError: not all could be moved.
        """
        self._is_sweeping = True
        try:
            await self._sweep_all()
        finally:
            self._is_sweeping = False

    async def _sweep_all(self) -> None:
        if self._work is not None and self._work.cancel():
            await asyncio.wait({self._work})
        used = storages_in_use(list(self._storages.values()))
        works = [self._sweep(storage) for storage in used]
        failed = [one for one in await asyncio.gather(*works) if one is not None]
        if failed:
            raise OperationError(" ".join(failed))
        names = {one.name for one in used}
        owed = tuple(o for o in self._run.snapshot.owed if o.router not in names)
        self._mixed -= names
        self._run.change(replace(self._run.snapshot, unsorted=(), owed=owed))

    async def _sweep(self, storage: Storage) -> str | None:
        """Move the files in staging to ``unassigned``; return why some stay."""
        try:
            path = await storage.sweep()
        except DaqError as error:
            is_lost = not storage.snapshot.online
            cure = f" {go_without(storage)}" if is_lost else ""
            return f"Router {storage.name}: {sentence(error)}{cure}"
        if path:
            text = f"{storage.name}: left-over files are now in {path}"
            self._run.emit("swept", text, router=storage.name, path=path)
        return None

    async def _sort_all(self) -> None:
        try:
            while unsorted := self._run.snapshot.unsorted:
                await self._sort(unsorted[0])
                # after a kill before this, all files are reported again
                await self._run.settled(timeout=KEPT)
                left = [o for o in self._run.snapshot.unsorted if o != unsorted[0]]
                self._run.change(replace(self._run.snapshot, unsorted=tuple(left)))
            while due := self._due():
                await self._sort_owed(due[0])
        finally:
            self._run.change(replace(self._run.snapshot, sorting=False))

    async def _sort(self, number: int) -> None:
        storages = self._storages.values()
        with self._sorting(number, storages):
            works = (self._sort_one(storage, number) for storage in storages)
            files = [one for found in await asyncio.gather(*works) for one in found]
            if files:
                self._run.weighed(number, sum(one.size for one in files))
        self._show_moved(number)

    @contextmanager
    def _sorting(self, number: int, storages: Iterable[Storage]) -> Iterator[None]:
        """Count the moved files of a run, and report their number at the end."""
        total = sum(len(one.snapshot.staged) for one in storages)
        self._job = job = Job(
            f"sort the files of run {number}", total=total, clock=self._run.clock
        )
        self._step = job.step(f"Files of run {number}", total)
        with running(job, partial(self._emit, number)):
            yield
            job.summary = self._moved_text(number)

    def _emit(self, number: int, text: str, severity: EventSeverity) -> None:
        """Emit an event: the job runs, is done, or has failed."""
        names = {None: "sorting", ResultCode.NONE: "files sorted"}
        name = names.get(self._job.outcome, "sorting failed")
        files = int(self._job.done)
        self._run.emit(name, text, severity=severity, number=number, files=files)

    def _moved_text(self, number: int) -> str:
        files = counted(int(self._job.done), "file")
        return f"Run {number}: {files} moved to its directory"

    def _show_moved(self, number: int) -> None:
        """Report that a run is sorted, in place of older messages."""
        text = self._moved_text(number)
        snapshot = self._run.snapshot
        is_idle = snapshot.state is RunState.STOPPED and not snapshot.busy
        if is_idle and not snapshot.spoilt and not snapshot.owed:
            self._run.change(replace(self._run.snapshot, message=text))

    # Files at routers that were disabled

    def _due(self) -> list[Owed]:
        """The owed files that can be moved now."""
        if self._run.snapshot.state is not RunState.STOPPED:
            return []
        due = []
        for owed in self._run.snapshot.owed:
            storage = self._storages.get(owed.router)
            seen = None if storage is None else storage.snapshot
            if seen is None or not (seen.enabled and seen.known) or seen.is_lost:
                continue
            if not self._is_mixed(owed.router):
                due.append(owed)
        return due

    def _is_mixed(self, router: str) -> bool:
        """Whether a router may have files of several runs; reported once."""
        runs = [o.number for o in self._run.snapshot.owed if o.router == router]
        if len(runs) < 2:
            return False
        if router not in self._mixed:
            self._mixed.add(router)
            self._run.failed(
                "files of several runs",
                f"Files at {router} are of the runs {', '.join(map(str, runs))}, and "
                f"which is of which is not known. To put them aside: "
                f"{Cure(self._run.prefix, 'Sweep', 1)}",
            )
        return True

    async def _sort_owed(self, owed: Owed) -> None:
        """Move the owed files; a kill before the end leaves them owed."""
        storage = self._storages[owed.router]
        self._paying = owed
        try:
            with self._sorting(owed.number, [storage]):
                files = await self._sort_one(storage, owed.number)
        finally:
            self._paying = None
        if not storage.snapshot.enabled:
            return  # it was disabled again
        closed = self._run.snapshot.closed_run
        if files and closed is not None and closed.number == owed.number:
            size = sum(one.size for one in files)
            self._run.weighed(owed.number, closed.data + size)
        await self._run.settled(timeout=KEPT)
        left = tuple(o for o in self._run.snapshot.owed if o != owed)
        self._run.change(replace(self._run.snapshot, owed=left))
        self._show_moved(owed.number)

    def _owe(self, storage: Storage, number: int) -> None:
        """Remember that files of a run are at a disabled router."""
        owed = Owed(number=number, router=storage.name)
        if owed in self._run.snapshot.owed:
            return
        self._run.change(
            replace(self._run.snapshot, owed=(*self._run.snapshot.owed, owed))
        )
        text = (
            f"Run {number}: {storage.name} is disabled, so its files stay where they "
            f"are. They are moved when it is enabled: "
            f"{Cure(storage.prefix, 'Enable', 1)}"
        )
        self._run.say("files stay", text, is_good=False, router=storage.name)

    # One router

    async def _sort_one(self, storage: Storage, number: int) -> list[RunFile]:
        """Move the files of one router, again after each cut of the link.

        Returns:
            The records of the files.
        """
        files: list[RunFile] = []

        def moved(path: str, size: int) -> None:
            now = self._run.clock.time()
            file = RunFile(
                number=number, router=storage.name, path=path, size=size, time=now
            )
            files.append(file)
            self._run.keep(file)
            self._step.advance()

        self._cut.pop(storage.name, None)
        while not await self._is_sorted(storage, number, moved):
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY):
                    await self._news.wait()
        self._cut.pop(storage.name, None)
        return files

    async def _is_sorted(self, storage: Storage, number: int, moved: Any) -> bool:
        """Try to move the files of one router; return whether all are done."""
        if not storage.snapshot.enabled:
            if self._has_part(storage, number):
                self._owe(storage, number)
            return True
        others = (o for o in self._run.snapshot.owed if o != self._paying)
        if any(o.router == storage.name for o in others):
            self._owe_too(storage, number)
            return True
        try:
            experiment = self._run.snapshot.experiment
            await storage.sort(experiment, number, moved=moved)
        except LinkError as error:
            text = (
                f"Run {number}: files at {storage.name} not sorted yet. "
                f"{sentence(error)}"
            )
            if text != self._cut.get(storage.name):
                self._run.failed("sorting cut", text)
            self._cut[storage.name] = text
            return False
        except DaqError as error:
            text = (
                f"Run {number}: files at {storage.name} are not sorted. "
                f"{sentence(error)} To put aside what stays: "
                f"{Cure(self._run.prefix, 'Sweep', 1)}"
            )
            self._run.failed("sorting failed", text)
        return True

    def _has_part(self, storage: Storage, number: int) -> bool:
        """Whether a router that is disabled may have files of that run.

        A disabled router may go on writing.
        """
        closed = self._run.snapshot.closed_run
        if closed is None or closed.number != number:
            return True
        owed = {one.router for one in self._run.snapshot.owed}
        return storage.name in owed.union(self._run.snapshot.writers)

    def _owe_too(self, storage: Storage, number: int) -> None:
        owed = Owed(number=number, router=storage.name)
        if owed not in self._run.snapshot.owed:
            self._run.change(
                replace(self._run.snapshot, owed=(*self._run.snapshot.owed, owed))
            )
        self._is_mixed(storage.name)
