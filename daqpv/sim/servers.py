"""Simulates the ECC servers and data routers of an experiment file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from daqpv.core.stage import Stage
from daqpv.ecc.settings import EccSettings, Role
from daqpv.errors import SimulatorError
from daqpv.routers import RouterSettings
from daqpv.sim.ecc import EccSimulator
from daqpv.sim.ecc.port import is_loopback
from daqpv.sim.experiment import ServerPlan, plan_from, simulate
from daqpv.sim.router import RouterSimulator


class Running:
    """The running ECC simulators: data routers write while they take data."""

    def __init__(self) -> None:
        self.simulators: Sequence[EccSimulator] = ()


class SimulatedServers:
    """Simulators of ECC servers (daqpv.core.stage.Simulated).

    Args:
        settings: of all ECC servers, by name.
        stage: without a folder, the simulators listen at the addresses of the file.

    Raises:
        SimulatorError: an address is not one of this computer.
    """

    def __init__(self, settings: Mapping[str, EccSettings], stage: Stage) -> None:
        self.title = f"{len(settings)} simulated ECC servers"
        self._speed = stage.speed
        self._running = stage.shared(Running)
        self._logins = [name for name, one in settings.items() if one.ssh]
        self.plans = [_plan(name, one) for name, one in settings.items()]
        if stage.folder is not None:
            self.plans = [replace(one, host="127.0.0.1", port=0) for one in self.plans]
        if far := [plan.name for plan in self.plans if not is_loopback(plan.host)]:
            raise SimulatorError(
                f"{', '.join(far)}: not at a loopback address, and simulators run on "
                "this computer only. Use --local OUT"
            )

    async def run(self, ready: Callable[[], None]) -> None:
        """Simulate until cancelled."""

        def begun(simulators: Sequence[EccSimulator]) -> None:
            self._running.simulators = simulators
            ready()

        await simulate(self.plans, ready=begun, speed=self._speed)

    def places(self) -> Mapping[str, str]:
        """The address of each simulator."""
        return {one.name: f"at {one.url}" for one in self._running.simulators}

    def changes(self) -> Mapping[tuple[str, ...], object]:
        """Their addresses, and no SSH login to the real servers."""
        logins: dict[tuple[str, ...], object] = {(n, "ssh"): None for n in self._logins}
        return {(one.name, "url"): one.url for one in self._running.simulators} | logins


def _plan(name: str, settings: EccSettings) -> ServerPlan:
    return plan_from(
        name,
        settings.url,
        config=settings.config,
        senders=[link.sender for link in settings.links],
        is_mutant=settings.role in (Role.MUTANT, Role.MUTANT_SLAVE),
    )


class SimulatedRouters:
    """Simulators of the data routers of the file.

    Each writes to a directory of its own while ECC servers that send to it are Running.

    Args:
        settings: of all data routers, by name.
        folder: of these directories.
        servers: the settings of the ECC servers, by name.
        running: their simulators.
    """

    title = ""

    def __init__(
        self,
        settings: Mapping[str, RouterSettings],
        folder: Path,
        servers: Mapping[str, EccSettings],
        running: Running,
    ) -> None:
        self.simulators = [
            router_of(name, folder / name, servers, running)
            for name, one in settings.items()
            if one.watch is not None
        ]

    async def run(self, ready: Callable[[], None]) -> None:
        """Simulate until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for router in self.simulators:
                tasks.create_task(router.run())
            ready()

    def places(self) -> Mapping[str, str]:
        """The directory of each."""
        return {one.name: f"in {one.directory}" for one in self.simulators}

    def changes(self) -> Mapping[tuple[str, ...], object]:
        """Their directories."""
        return {
            (one.name, "watch"): {"directory": one.directory} for one in self.simulators
        }


def router_of(
    name: str, directory: Path, servers: Mapping[str, EccSettings], running: Running
) -> RouterSimulator:
    """The simulator of the data router `name`, for the senders that `servers` link."""
    senders = {
        server: [link.sender for link in one.links if link.router == name]
        for server, one in servers.items()
    }
    return RouterSimulator(
        name,
        directory,
        senders=[sender for each in senders.values() for sender in each],
        states=lambda: [one.state for one in running.simulators if senders[one.name]],
    )
