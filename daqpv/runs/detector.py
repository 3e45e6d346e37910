"""What a run asks of the detector and of the data routers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from daqpv.core import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A server or router, as far as its part in a run goes.

    Attributes:
        name: of it.
        prefix: of its PVs, for the cures.
        enabled: whether it is followed; a disabled one is not asked anything.
        is_known: whether it was read or found lost.
        is_there: whether it answers.
        state: "Running", "Idle"; "Offline" if it does not answer; of a disabled one
            what it was when last seen, "" if it never was.
        may_take_data: whether it takes data, or may without anybody knowing.
        routers: names of the data routers to which it sends.
        has_states: whether it has to be in one state or another; a router has none.
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
    """What something is that is lost: "Offline", "Hung", "in error"."""
    return "in error" if condition is Condition.ERROR else condition.label


class Detector(Protocol):
    """What takes the data: the ECC servers as one (daqpv.system.System fulfils it).

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
        """Servers in use that are lost or broken, each with what it is."""

    @property
    def unready(self) -> Sequence[str]:
        """Servers in use that are not Ready, each with what it is."""

    @property
    def missing_clock(self) -> Member | None:
        """A MuTAnT that the file has and that is not in use."""

    @property
    def configs(self) -> str:
        """Configure names of the servers in use, joined by ", "."""

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        """Call `show` now, and whenever one of the above may have changed."""

    async def start(self) -> None:
        """Start all, in order; done when each was read back as Running.

        Raises:
            RefusedError: it cannot be done as things are; nothing was sent.
            DaqError: it has halted; what ran was stopped, as far as that was possible.
        """

    async def stop(self) -> None:
        """Stop whatever takes data; never refused.

        Raises:
            DaqError: somebody may still take data.
        """

    async def pause(self) -> None:
        """Pause all, in order. Errors as `start`."""

    async def resume(self) -> None:
        """Resume all, in order. Errors as `start`."""

    def abort(self) -> None:
        """End what runs before its next step."""


class Storage(Protocol):
    """Where data are written: a data router.

    Attributes:
        name: of the router.
        prefix: of its PVs.
        snapshot: with known, online, message (why it is lost), enabled, directory,
            staging_empty (None: not known), staged (names of files there), files,
            process (tells its process apart from the one before; ""), growing (files
            that are to be moved still grow), is_lost, condition, bytes, rate [byte/s],
            disk_free [byte], disk_time_left [s; 9999 h: it does not fill; NaN: not
            known], silent (no data come though they should).
    """

    name: str
    prefix: str
    snapshot: Any

    def watch(self, show: Callable[[Any, Collection[str]], None]) -> None:
        """Call `show(snapshot, fields)` now with all fields, and then per change."""

    def expect_data(self, expected: bool) -> None:
        """From now on data should come, or not: its own alarm goes by that."""

    async def has_run(self, experiment: str, number: int) -> bool:
        """Whether it has a directory for that run already.

        Raises:
            DaqError: it cannot be known.
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
            DaqError: not all could be moved; those are still where they were.
        """

    async def sweep(self) -> str:
        """Move what is left in staging to ``unassigned/<UTC>/``; return that path.

        Returns:
            The path; "" if there was nothing.

        Raises:
            DaqError: not all could be moved.
        """
