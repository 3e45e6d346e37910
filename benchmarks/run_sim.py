"""Simulates ECC servers and routers with exact times: python run_sim.py FILE SECONDS.

Every operation takes SECONDS; routers write to the staging folders of FILE, 0.1 s after
their servers run. Prints "ready:".
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from daqpv.cli.common import run_until_signal
from daqpv.config import Experiment, installed_kinds, load
from daqpv.core.stage import Stage
from daqpv.ecc import Operation
from daqpv.routers import RouterSettings
from daqpv.sim.experiment import build
from daqpv.sim.servers import Running, SimulatedServers, router_of


async def simulate(experiment: Experiment, seconds: float) -> None:
    """Run all of them until cancelled."""
    stage = Stage(experiment.sections, folder=None, speed=1.0)
    servers: Any = experiment.sections["ecc"]
    running = Running()
    running.simulators = build(SimulatedServers(servers, stage).plans)
    for simulator in running.simulators:
        simulator.behaviour.jitter = 0.0
        simulator.behaviour.durations = dict.fromkeys(Operation, seconds)
    async with AsyncExitStack() as stack:
        for simulator in running.simulators:
            await stack.enter_async_context(simulator)
        async with asyncio.TaskGroup() as tasks:
            for name, settings in experiment.sections["routers"].items():
                assert isinstance(settings, RouterSettings)
                assert settings.watch is not None
                assert settings.watch.staging is not None
                folder = Path(settings.watch.staging)
                router = router_of(name, folder, servers, running)
                tasks.create_task(router.run())
            print("ready:", flush=True)


if __name__ == "__main__":
    experiment = load(Path(sys.argv[1]), installed_kinds().kinds)
    run_until_signal(simulate(experiment, float(sys.argv[2])))
