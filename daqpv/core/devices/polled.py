"""The base class of devices that are polled."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Generic, TypeVar, Unpack

from daqpv.core.devices.device import Device
from daqpv.core.devices.poller import Poller
from daqpv.core.devices.shown import Surroundings
from daqpv.core.devices.snapshot import Condition, DeviceSnapshot

P = TypeVar("P", bound=DeviceSnapshot)
A = TypeVar("A")


class Polled(Device[P], Generic[P, A]):
    """A device whose snapshot follows from polls.

    Args:
        name: as of `Shown`.
        snapshot: as of `Shown`.
        period: between two polls [s].
        timeout: for one poll [s].
        more: the others of `Shown`.

    Attributes:
        poller: polls it.
    """

    def __init__(
        self,
        name: str,
        snapshot: P,
        *,
        period: float = 1.0,
        timeout: float = 3.0,
        **more: Unpack[Surroundings],
    ) -> None:
        super().__init__(name, snapshot, **more)
        self._period = period
        self.poller: Poller[A] = Poller(
            self.poll,
            answered=self.answered,
            lost=self.lost,
            period=self.period,
            timeout=timeout,
            enabled=snapshot.enabled,
            name=name,
        )
        if not snapshot.enabled:
            self.change(replace(self.snapshot, condition=Condition.DISABLED))

    async def run(self) -> None:
        """Poll the device until cancelled."""
        await self.poller.run()

    def enabled_changed(self) -> None:
        """Begin to poll, or stop it."""
        self.poller.enable(self.snapshot.enabled)

    @abstractmethod
    async def poll(self) -> A | None:
        """Ask the device once; None: it answered, and there is nothing new.

        Raises:
            LinkError: there was no good answer.
            ValueError: its answer is not valid; it becomes a ProtocolError.
        """

    def noted(self, answer: A) -> P:
        """Hook: the snapshot with what `poll` returned; nothing is changed yet.

        ::

            return replace(self.snapshot, pressure=answer)
        """
        return self.snapshot

    def answered(self, answer: A, is_back: bool) -> None:
        """Show an answer of the device; with an event, if it was lost.

        Args:
            answer: what `poll` returned.
            is_back: the device was not known or lost before.
        """
        if not self.snapshot.enabled:  # disabled during the poll
            return
        again = " again" if self.snapshot.last_seen else ""
        noted = self.noted(answer)
        self.change(
            replace(
                noted,
                known=True,
                online=True,
                condition=Condition.OK,
                last_seen=self.seen(),
                message=f"Connected{again}" if is_back else noted.message,
            ),
            at=self.clock.time(),
        )
        if is_back:
            self.emit("online", f"{self.name} answers{again}")

    def period(self) -> float:
        """Until the next poll [s]."""
        return self._period
