"""The interface of the store, and the records that daqpv itself keeps in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from daqpv.core.events.event import Origin

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting that an operator chose, to be restored after a restart.

    Attributes:
        time: of the choice, UTC [s since 1970].
        device: PV name part of the device, e.g. ``ECC:CoBo0``.
        field: of the device's snapshot.
        value: what was chosen, as JSON has it: None, bool, int, float, str, list, dict.
        file: what the experiment file said then, likewise; when the file says
            something else, the file wins.
        origin: the client that chose it; None if no client did.
    """

    time: float
    device: str
    field: str
    value: Any
    file: Any
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """State that a device needs after a restart, independent of the experiment file.

    Attributes:
        time: of the change, UTC [s since 1970].
        device: PV name part of the device, e.g. ``Run``.
        field: of the device's snapshot.
        value: as JSON has it.
    """

    time: float
    device: str
    field: str
    value: Any


Remembered = Setting | DeviceState
"""Records that devices read back after a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFigures:
    """How the store is.

    Attributes:
        kept: whether anything is kept at all; False: the experiment wants no store.
        online: whether the store takes records; None: it was not tried yet.
        reason: why not.
        spool_reason: why the spool accepts no records, either; "" if it does.
        backlog: records that are not in the store yet.
        spool: size of those in the spool [bytes].
        spool_limit: at which informations are left out [bytes].
        write_errors: attempts to write that failed, in the store or on the disk, and
            records that the store has refused.
        refused: records that the store has refused; they are kept in a file.
        refused_reason: why it refused the last of them.
        lost: records that were damaged or taken away on the disk since the start.
        lost_reason: how.
    """

    kept: bool = True
    online: bool | None = None
    reason: str = ""
    spool_reason: str = ""
    backlog: int = 0
    spool: int = 0
    spool_limit: float = 0.0
    write_errors: int = 0
    refused: int = 0
    refused_reason: str = ""
    lost: int = 0
    lost_reason: str = ""


class Store(Protocol):
    """Keeps records for good, in the order in which they are added, each once.

    No caller waits for it: records that it cannot write now it writes later.
    """

    def begin(self) -> None:
        """Begin to write; records that were added before wait."""

    def add(self, record: object) -> None:
        """Keep `record`. Synchronous; it never blocks and never raises.

        Args:
            record: of a kind that is registered (daqpv.core.records.kind.RecordKind).
        """

    def figures(self) -> StoreFigures:
        """How the store is now."""

    async def kept(self, *, timeout: float) -> bool:
        """Wait until all that was added is in the store or on the disk.

        Returns:
            Whether it is; at once if neither takes it, and else in `timeout` [s].
        """

    async def ask(self, query: Callable[[Any], T], *, timeout: float = 5.0) -> T:
        """Run `query` with a connection of its own (SQLAlchemy), in a thread.

        Raises:
            StoreError: the store is away, or has not answered within `timeout` [s].
        """

    async def change(self, work: Callable[[Any], T], *, timeout: float = 5.0) -> T:
        """Run `work`, in a thread, in a transaction that writes: a short one.

        Raises:
            StoreError: the store is away, or has not answered within `timeout` [s].
        """
