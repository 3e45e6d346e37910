"""Defines the run control as a device, with its commands."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from daqpv.core import Command, Cure, EventSeverity, Goal, run_is_open
from daqpv.errors import AbortedError, DaqError, OperationError, RefusedError, sentence
from daqpv.runs.checks import Finding, check_all, findings_text, split
from daqpv.runs.following import Following
from daqpv.runs.record.numbers import LAST
from daqpv.runs.states import OPEN, TABLE, RunEvent, RunState

SORT_PATIENCE = 120.0  # [s] a start waits for the files of the last run

_UP = Goal(level=1, down=False)
_DOWN = Goal(level=0, down=True)

_HOLDING = OPEN | {RunState.STARTING, RunState.STOPPING}

_STOP_AGAIN = "The run is open until it is stopped again: {stop}"
_STOP_WHEN_MENDED = (
    "When it is mended, or left out by its Enable, again: {stop}; or close the run "
    "as it is: {reset}"
)
_START_MENDED = "When it is mended, to leave Failed: {stop}"


class Run(Following):
    """The run of an experiment; its arguments are those of `Following`."""

    async def reach(self, state: RunState) -> None:
        """Start or resume, pause, or stop.

        Raises:
            RefusedError: `state` is not allowed, or not now.
            DaqError: as of the command that leads there.
        """
        match state:
            case RunState.RUNNING if self.snapshot.state is RunState.PAUSED:
                await self.resume()
            case RunState.RUNNING if self.snapshot.state is RunState.RUNNING:
                with self.command("go to Running"):
                    self._admit(RunEvent.RESUME)  # it is in that state
            case RunState.RUNNING:
                await self.start()
            case RunState.PAUSED:
                await self.pause()
            case RunState.STOPPED:
                await self.stop()
            case _:
                error = RefusedError("Choose Running, Paused or Stopped.")
                self.refuse(f"go to {state.label}", error)
                raise error

    async def start(self) -> None:
        """Check everything, start all servers, and take the number.

        Raises:
            BusyError: another command runs.
            RefusedError: a run is open, or a check refuses; nothing was sent.
            DaqError: the start has halted.
        """
        what = "start a run"
        if await self.join_or_make_way(what, _UP, is_there=self._is_open):
            return
        with self.command(what, goal=_UP) as command:
            self._admit(RunEvent.START)
            command.watch(lambda progress: self._show_step(progress.step))
            await command.within(self._files_sorted(command))
            await command.within(self._check(command))
            tasks = self._followed()
            self._happens(RunEvent.START)
            self.change(
                replace(self.snapshot, taking=self._taking())
            )  # a server that leaves now leaves a run
            try:
                await self._done(command, tasks, self._detector.start())
            except RefusedError:
                self._happens(RunEvent.START_REFUSED)
                raise
            except DaqError as error:
                if command.is_aborted:  # Stop takes over from here
                    self._detector.abort()
                    raise
                self._happens(RunEvent.START_FAILED, why=sentence(error))
                raise self._halted(error, _START_MENDED) from error
            self._happens(RunEvent.STARTED)

    async def stop(self) -> None:
        """Stop all servers that take data, and close the run; never refused.

        Done when no server takes data. The files are sorted afterwards.

        Raises:
            DaqError: a server may still take data; the run stays open.
        """
        what = "stop the run" if self.snapshot.open_run else "stop"
        if await self.join_or_make_way(what, _DOWN, is_there=self._is_stopped):
            return
        with self.command(what, goal=_DOWN) as command:
            tasks = self._followed()
            self._happens(RunEvent.STOP)
            try:
                await self._done(command, tasks, self._detector.stop())
            except DaqError as error:
                self._happens(RunEvent.STOP_FAILED, why=sentence(error))
                is_aborted = isinstance(error, AbortedError)
                cure = _STOP_AGAIN if is_aborted else _STOP_WHEN_MENDED
                raise self._halted(error, cure) from error
            self._happens(RunEvent.STOPPED)

    async def pause(self) -> None:
        """Pause all servers. Live time stands still meanwhile."""
        with self.command("pause the run") as command:
            self._admit(RunEvent.PAUSE)
            await self._done(command, self._followed(), self._detector.pause())
            self._happens(RunEvent.SEEN_PAUSED)

    async def resume(self) -> None:
        """Resume all servers."""
        with self.command("resume the run") as command:
            self._admit(RunEvent.RESUME)
            await self._done(command, self._followed(), self._detector.resume())
            self._happens(RunEvent.SEEN_RUNNING)

    async def reset(self) -> None:
        """Leave Failed: close the run as it is. Nothing is sent to the servers.

        Raises:
            RefusedError: nothing has failed.
        """
        with self.command("reset"):
            self._admit(RunEvent.RESET)
            if self.snapshot.state is RunState.STOPPED:
                self.change(
                    replace(self.snapshot, left=())
                )  # the operator knows that they are stopped
            self._happens(RunEvent.RESET)
            if self._detector.takes_data:
                self.emit(
                    "run left behind",
                    "A server still takes data, now without a run. To stop it: "
                    f"{Cure(self._detector.prefix, 'Stop', 1)}",
                    severity=EventSeverity.WARNING,
                )

    async def enable(self, enabled: bool) -> None:
        """Allow runs, or not.

        Raises:
            RefusedError: a run is open.
        """
        if self.hold and not enabled:
            error = RefusedError(self.hold)
            self.refuse("disable", error)
            raise error
        await super().enable(enabled)

    async def sweep(self) -> None:
        """Move the files left in staging of the routers to ``unassigned``.

        They are not sorted any more, unless some of them could not be moved.

        Raises:
            RefusedError: data are being taken.
            DaqError: not all could be moved.
        """
        with self.command("sweep") as command:
            if self._detector.takes_data or self.snapshot.state in _HOLDING:
                raise RefusedError("Data are being taken. First:", cure=self._cure_stop)
            try:
                await command.within(self._sorter.sweep())
            except DaqError:
                self._sorter.start(self._followed())
                raise

    # Queries of other devices

    @property
    def hold(self) -> str:
        """Why other devices may not command servers now; "" if they may."""
        state, record = self.snapshot.state, self.snapshot.open_run
        if state not in _HOLDING:
            return ""
        if record is not None:
            return run_is_open(record.number, self.prefix)
        return f"A run is {state.label}. To stop it: {self._cure_stop}"

    def busy_with(self, running: Any) -> str:
        """The command that a refused put should wait for."""
        step = f"{self.snapshot.step}, " if self.snapshot.step else ""
        what = f"{step}{running.what} since {running.elapsed:.1f} s."
        if running.goal == _DOWN:
            return f"{what} Wait until it has ended: {self.prefix}State"
        return f"{what} Wait, or: {self._cure_stop}"

    @property
    def _cure_stop(self) -> Cure:
        return Cure(self.prefix, "Stop", 1)

    # Steps of the commands

    def _admit(self, event: RunEvent) -> None:
        """Check that the table allows `event` now.

        Raises:
            RefusedError: it does not, or the states of the servers are not known yet;
                with the cure.
        """
        if not self.snapshot.known:
            raise RefusedError(
                "The states of the servers are not known yet. Wait until they are "
                "read; to leave out a lost server, disable it with its Enable."
            )
        if not self.snapshot.enabled:
            raise RefusedError(
                "Runs are disabled. To enable them:",
                cure=Cure(self.prefix, "Enable", 1),
            )
        row = TABLE[self.snapshot.state, event]
        if row.after is None:
            raise RefusedError(self._words(row.why))

    def _halted(self, error: DaqError, cure: str) -> DaqError:
        """The text for a start or stop that has halted by `error`."""
        kind = AbortedError if isinstance(error, AbortedError) else OperationError
        return kind(f"{sentence(error)} {self._words(cure)}")

    def _followed(self) -> asyncio.TaskGroup:
        if self._tasks is None:
            raise RefusedError("The run is not followed now. Nothing was sent.")
        return self._tasks

    async def _done(
        self,
        command: Command,
        tasks: asyncio.TaskGroup,
        work: Coroutine[Any, Any, None],
    ) -> None:
        """Wait for the servers; after an abort they end by themselves.

        Raises:
            DaqError: the command was aborted, or the servers have not done it.
        """

        async def outcome() -> DaqError | None:  # a task of the group may not fail
            try:
                await work
            except DaqError as error:
                return error
            return None

        error = await command.over(tasks.create_task(outcome()))
        if error is not None:
            raise error

    async def _files_sorted(self, command: Command) -> None:
        """Wait until the files of the last run are sorted.

        Raises:
            RefusedError: it takes longer than SORT_PATIENCE.
        """
        number = self.snapshot.number
        command.step(f"Waits until the files of run {number} are sorted")
        is_done = await self._sorter.done(within=SORT_PATIENCE)
        command.step("")
        if not is_done:
            raise RefusedError(
                f"Files of run {number} are still being sorted. "
                f"{self._sorter.why_not} Wait for {self.prefix}Sorting, or put them "
                "aside:",
                cure=Cure(self.prefix, "Sweep", 1),
            )

    async def _check(self, command: Command) -> None:
        command.step("Checks")
        found = await check_all(
            self._detector,
            self._storages,
            experiment=self.snapshot.experiment,
            number=self.snapshot.next_number,
            disk_free=self._settings.checks.disk_free,
            prefix=self.prefix,
        )
        refusing, overlooked = split(found, self._settings.checks)
        number = self.snapshot.next_number
        if number in self._numbers:  # never overlooked: its record would be lost
            refusing.append(Finding("number", self._used(number)))
        command.step("")
        if refusing:
            raise RefusedError(findings_text(refusing))
        for one in overlooked:
            self.emit(
                "check overlooked",
                f"The check {one.check!r} is switched off in the file. It says: "
                f"{one.text}",
                severity=EventSeverity.WARNING,
                check=one.check,
            )

    def _used(self, number: int) -> str:
        end = " and no number after it" if number == LAST else ""
        return (
            f"There is a run {number} already{end}. To take another number: "
            f"{Cure(self.prefix, 'NextNumber', self._numbers.free_from(number))}"
        )

    def _is_open(self) -> bool:
        return self.snapshot.state in OPEN

    def _is_stopped(self) -> bool:
        return self.snapshot.state is RunState.STOPPED
