"""Declares the interfaces of a run to the detector and the data routers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from daqpv.core import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A server or router as a member of a run.

    Attributes:
        name: its name.
        prefix: of its PVs, for the cures.
        enabled: whether it is polled.
        is_known: whether it was read or found lost.
        is_there: whether it answers.
        state: "Running", "Idle"; "Offline" if it does not answer; of a disabled one
            its last known state, "" without one.
        may_take_data: whether it takes data, or may do so unseen.
        routers: names of the data routers to which it sends.
        has_states: whether it has run states; a router has none.
    """

    name: str
    prefix: str
    enabled: bool
    is_known: bool
    is_there: bool
    state: str
    may_take_data: bool
    routers: tuple[str, ...] = ()
    has_states: bool = True


def lost_word(condition: Condition) -> str:
    """The state of a lost device: "Offline", "Hung", "in error"."""
    return "in error" if condition is Condition.ERROR else condition.label


class Detector(Protocol):
    """The ECC servers as one device (implemented by daqpv.system.System).

    Attributes:
        prefix: of its PVs, for the cures.
    """

    prefix: str

    @property
    def is_settled(self) -> bool:
        """Whether each server in use was read or found lost, and one answers."""

    @property
    def is_running(self) -> bool:
        """Whether all servers in use that answer take data."""

    @property
    def is_paused(self) -> bool:
        """Whether all servers in use that answer are Paused."""

    @property
    def takes_data(self) -> bool:
        """Whether a server that answers takes data, or soon may."""

    @property
    def members(self) -> Sequence[Member]:
        """All servers, in use or not."""

    @property
    def troubled(self) -> Sequence[str]:
        """Servers in use that are lost or broken, each with its state."""

    @property
    def unready(self) -> Sequence[str]:
        """Servers in use that are not Ready, each with its state."""

    @property
    def missing_clock(self) -> Member | None:
        """A MuTAnT in the file that is not in use."""

    @property
    def configs(self) -> str:
        """Configure names of the servers in use, joined by ", "."""

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        """Call `show` now, and whenever one of the above may have changed."""

    async def start(self) -> None:
        """Start all, in order; done when each was read back as Running.

        Raises:
            RefusedError: the present states do not allow it; nothing was sent.
            DaqError: it has halted; servers that ran were stopped where possible.
        """

    async def stop(self) -> None:
        """Stop all servers that take data; never refused.

        Raises:
            DaqError: a server may still take data.
        """

    async def pause(self) -> None:
        """Pause all, in order. Errors as `start`."""

    async def resume(self) -> None:
        """Resume all, in order. Errors as `start`."""

    def abort(self) -> None:
        """End what runs before its next step."""


class Storage(Protocol):
    """A data router, which writes the data files.

    Attributes:
        name: of the router.
        prefix: of its PVs.
        snapshot: with known, online, message (why it is lost), enabled, directory,
            staging_empty (None: not known), staged (names of files there), files,
            process (identifies its process; ""), growing (files
            that are to be moved still grow), is_lost, condition, bytes, rate [byte/s],
            disk_free [byte], disk_time_left [s; 9999 h: it does not fill; NaN: not
            known], silent (no data, though expected).
    """

    name: str
    prefix: str
    snapshot: Any

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        """Call `show(snapshot, fields)` now with all fields, and then per change."""

    def expect_data(self, expected: bool) -> None:
        """Set whether data should come from now on: its alarm depends on that."""

    async def has_run(self, experiment: str, number: int) -> bool:
        """Whether it has a directory for that run already.

        Raises:
            DaqError: the router does not answer.
        """

    async def sort(
        self, experiment: str, number: int, *, moved: Callable[[str, int], None]
    ) -> None:
        """Move the files in staging to the directory of the run.

        They must have stopped growing; it waits for that. Nothing is overwritten.

        Args:
            experiment: name of the experiment, part of the directory.
            number: of the run.
            moved: called with path and size [bytes] of each file that was moved.

        Raises:
            DaqError: some files were not moved; they are still in staging.
        """

    async def sweep(self) -> str:
        """Move all files in staging to ``unassigned/<UTC>/``; return that path.

        Returns:
            The path; "" if there was nothing.

        Raises:
            DaqError: not all could be moved.
        """
