"""The files of ended runs on their way to the directories of the runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from daqpv.errors import DaqError, LinkError, OperationError, counted, sentence
from daqpv.runs.checks import go_without, storages_in_use
from daqpv.runs.detector import Storage
from daqpv.runs.records import RunFile

RETRY = 10.0  # [s] between two tries to move files, after a link was cut


class Sorter:
    """Moves the files of ended runs, one run after the other, all routers at once.

    Args:
        storages: where the files are.
        run: whose snapshot says what is to be done (unsorted), and shows what is.
    """

    def __init__(self, storages: Sequence[Storage], run: Any) -> None:
        self._storages = storages
        self._run = run
        self._work: asyncio.Task[None] | None = None
        self._cut: dict[str, str] = {}  # by router: why its files are not sorted yet

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """See to what is unsorted, in a task of `tasks`."""
        if self._run.snapshot.unsorted and (self._work is None or self._work.done()):
            self._run.change(sorting=True)
            self._work = tasks.create_task(self._sort_all())

    async def done(self, *, within: float) -> bool:
        """Wait until all is sorted, for at most `within` [s]; return whether it is."""
        if self._work is None:
            return True
        done, _ = await asyncio.wait({self._work}, timeout=within)
        return bool(done)

    @property
    def why_not(self) -> str:
        """Why it is not done yet: a sentence for each router that does not do it."""
        return " ".join(self._cut.values()) or "Files are on their way."

    async def sweep(self) -> None:
        """Put aside what lies in staging, after what is on its way has been given up.

        Raises:
            DaqError: not all could be moved.
        """
        if self._work is not None and self._work.cancel():
            await asyncio.wait({self._work})
        used = storages_in_use(self._storages)
        works = [self._sweep(storage) for storage in used]
        failed = [one for one in await asyncio.gather(*works) if one is not None]
        if failed:
            raise OperationError(" ".join(failed))
        self._run.change(unsorted=())

    async def _sweep(self, storage: Storage) -> str | None:
        """Put aside what lies there; return why not all of it could be."""
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
                files = await self._sort(unsorted[0])
                left = [o for o in self._run.snapshot.unsorted if o != unsorted[0]]
                self._run.change(unsorted=tuple(left), sorted_files=tuple(files))
        finally:
            self._run.change(sorting=False)

    async def _sort(self, number: int) -> list[RunFile]:
        used = storages_in_use(self._storages)
        works = (self._sort_one(storage, number) for storage in used)
        files = [one for found in await asyncio.gather(*works) for one in found]
        if files:
            self._run.weighed(number, sum(one.size for one in files))
            text = f"Run {number}: {counted(len(files), 'file')} moved to its directory"
            self._run.emit("files sorted", text, number=number, files=len(files))
        return files

    async def _sort_one(self, storage: Storage, number: int) -> list[RunFile]:
        """Move the files of one router, again after each cut of the link.

        Returns:
            What the store was told of them.
        """
        files: list[RunFile] = []

        def moved(path: str, size: int) -> None:
            now = time.time()
            file = RunFile(
                number=number, router=storage.name, path=path, size=size, time=now
            )
            files.append(file)
            self._run.keep(file)

        experiment = self._run.snapshot.experiment
        self._cut.pop(storage.name, None)
        while True:
            try:
                await storage.sort(experiment, number, moved=moved)
            except LinkError as error:
                text = (
                    f"Run {number}: files at {storage.name} not sorted yet. "
                    f"{sentence(error)}"
                )
                if text != self._cut.get(storage.name):
                    self._run.failed("sorting cut", text)
                self._cut[storage.name] = text
                await asyncio.sleep(RETRY)
            except DaqError as error:
                text = (
                    f"Run {number}: files at {storage.name} are not sorted. "
                    f"{sentence(error)} To put aside what stays: "
                    f"caput {self._run.prefix}Sweep 1"
                )
                self._run.failed("sorting failed", text)
                break
            else:
                break
        self._cut.pop(storage.name, None)
        return files
