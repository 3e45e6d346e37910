"""Devices that are polled."""

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
    """A device whose snapshot follows what polls find.

    Args:
        name: as of `Shown`.
        snapshot: as of `Shown`.
        timeout: for one poll [s].
        more: the others of `Shown`.

    Attributes:
        poller: polls it.
    """

    def __init__(
        self, name: str, snapshot: P, *, timeout: float, **more: Unpack[Surroundings]
    ) -> None:
        super().__init__(name, snapshot, **more)
        self.poller: Poller[A] = Poller(
            self.poll,
            answered=self.answered,
            lost=self.lost,
            period=self.period,
            timeout=timeout,
            enabled=snapshot.enabled,
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
        """

    @abstractmethod
    def answered(self, answer: A, is_back: bool) -> None:
        """Show an answer of the device.

        Args:
            answer: what `poll` returned.
            is_back: the device was not known or lost before.
        """

    @abstractmethod
    def period(self) -> float:
        """Until the next poll [s]."""
