"""The interface of an ECC server, of this process or of another one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from daqpv.ecc.codes import EccState, Operation
from daqpv.ecc.snapshot import EccSnapshot


class Server(Protocol):
    """An ECC server: `Ecc` in this process, or one that another process serves.

    Attributes:
        name: unique among the ECC servers of the experiment.
        prefix: of its PVs.
        snapshot: its present values.
        lag: greatest delay of the snapshot behind the process that serves it [s].
    """

    name: str
    prefix: str
    snapshot: EccSnapshot
    lag: float

    @property
    def configured(self) -> str:
        """The configuration that the last Configure of this process set, or ""."""

    def watch(self, show: Callable[[EccSnapshot, Collection[str]], None]) -> None:
        """Call `show` now with all fields, and then per change."""

    async def reach(self, target: EccState) -> None:
        """Walk to `target`; errors as `Ecc.reach`."""

    async def operate(self, operation: Operation | None) -> None:
        """Do exactly one operation; errors as `Ecc.operate`."""

    async def choose(self, text: str) -> None:
        """Choose a configuration; errors as `Ecc.choose`."""

    def abort(self) -> None:
        """End the running command before its next step."""
