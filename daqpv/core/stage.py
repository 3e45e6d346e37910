"""Simulates the hardware of an experiment; each kind simulates its devices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Simulated(Protocol):
    """The simulators of one kind's devices.

    Attributes:
        title: of all together, "2 simulated ECC servers"; "" if that is nothing
            to wait for.
    """

    title: str

    async def run(self, ready: Callable[[], None]) -> None:
        """Simulate until cancelled; `ready` is called when they can be used.

        Raises:
            SimulatorError: one cannot be started.
        """

    def places(self) -> Mapping[str, str]:
        """The place of each, by name, once it is ready: "at http://127.0.0.1:8083/"."""

    def changes(self) -> Mapping[tuple[str, ...], object]:
        """The settings of a file that uses them: path in the section, and value."""


class Stage:
    """A simulation of a whole experiment, as a kind's `simulate` sees it.

    Args:
        sections: settings by section and name.
        folder: where simulated devices write and nothing else does; None: simulators
            take the addresses of the file.
        speed: how many times faster than real devices.
    """

    def __init__(
        self,
        sections: Mapping[str, Mapping[str, Any]],
        *,
        folder: Path | None,
        speed: float,
    ) -> None:
        self.sections = sections
        self.folder = folder
        self.speed = speed
        self._shared: dict[Callable[[], Any], Any] = {}

    def shared(self, make: Callable[[], T]) -> T:
        """The result of `make`: made once, and shared by all kinds."""
        made: T = self._shared.setdefault(make, make())
        return made


async def simulate(parts: Sequence[Simulated], ready: Callable[[], None]) -> None:
    """Run the simulators of all kinds until cancelled; `ready` is called once.

    Raises:
        SimulatorError: one cannot be started.
    """
    left = len(parts)

    def one_ready() -> None:
        nonlocal left
        left -= 1
        if not left:
            ready()

    async with asyncio.TaskGroup() as tasks:
        for part in parts:
            tasks.create_task(part.run(one_ready))
