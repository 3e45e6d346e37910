"""A command slot: one command at a time, and its device writes down how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from daqpv.core.devices.command import Command, Goal
from daqpv.core.timing.clock import Clock
from daqpv.errors import BusyError, RefusedError


class Recorder(Protocol):
    """What a slot needs of its device; `Commanded` has it."""

    clock: Clock

    def command_begun(self, command: Command) -> None:
        """Write down that `command` runs."""

    def command_ended(self, command: Command, error: BaseException | None) -> None:
        """Write down how `command` ended."""

    def busy_with(self, running: Command) -> str:
        """The sentence about the running command, for one that is refused."""


class Slot:
    """Holds one command at a time.

    Most devices have one. A device whose parts are commanded independently has one for
    each part.

    Args:
        name: of the device or part, for sentences.
        recorder: writes down what becomes of the commands.

    Attributes:
        running: the command that holds it; None if it is free.
    """

    def __init__(self, name: str, recorder: Recorder) -> None:
        self.running: Command | None = None
        self._name = name
        self._recorder = recorder

    @contextmanager
    def command(self, what: str, *, goal: Goal | None = None) -> Iterator[Command]:
        """Hold the slot; the device writes result, message and event of the command.

        Args:
            what: what the command does, in the imperative: "go to Ready".
            goal: where it leads, so that other commands can join it.

        Raises:
            BusyError: another command holds the slot.
        """
        command = Command(what, goal=goal, clock=self._recorder.clock)
        with self.recording(command), self.holding(command):
            yield command

    @contextmanager
    def recording(self, command: Command) -> Iterator[None]:
        """Write down how `command` ends, whether or not it came to hold the slot."""
        try:
            yield
        except BaseException as error:
            self._recorder.command_ended(command, error)
            raise
        self._recorder.command_ended(command, None)

    @contextmanager
    def holding(self, command: Command) -> Iterator[None]:
        """Hold the slot.

        Raises:
            BusyError: another command holds it.
        """
        if self.running is not None:
            busy = self._recorder.busy_with(self.running)
            raise BusyError(f"{self._name} is busy: {busy}")
        self.running = command
        try:
            self._recorder.command_begun(command)
            yield
        finally:
            self.running = None

    def abort(self) -> None:
        """End the running command before its next step; a sent request goes on."""
        if self.running is not None:
            self.running.abort()

    async def join_or_make_way(
        self, what: str, goal: Goal, *, is_there: Callable[[], bool]
    ) -> bool:
        """Join a running command that leads to `goal`, or end it if that is lower.

        Commands that have a goal call it before `command`.

        Args:
            what: what the new command does; the same one is joined.
            goal: where it leads.
            is_there: whether the device is where an exact goal ends.

        Returns:
            True if a command was joined and has reached its end.

        Raises:
            DaqError: the command that was joined has ended so; refused only if it
                was the same.
        """
        while (running := self.running) is not None:
            if running.is_aborted:
                await running.ended()
            elif running.what == what or goal.is_met_by(running.goal):
                try:
                    await running.join()
                except RefusedError:
                    if running.what == what:
                        raise
                    continue  # that one could not be begun: this may be another matter
                if not goal.exact or is_there():
                    return True
            elif goal.overtakes(running.goal):
                running.abort()
                await running.ended()
            else:
                return False  # the command slot refuses it, and says why
        return False
