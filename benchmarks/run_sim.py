"""ECC servers and data routers whose times are exact: python run_sim.py FILE SECONDS.

Every operation takes SECONDS; routers write to where FILE says that they are staging,
0.1 s after their servers run, and print "ready:".
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from daqpv.cli.common import run_until_signal
from daqpv.cli.sim.simulate import plans, router_plans
from daqpv.config import Experiment, installed_kinds, load
from daqpv.ecc import EccState, Operation
from daqpv.routers import RouterSettings
from daqpv.sim.ecc import EccSimulator
from daqpv.sim.experiment import RouterPlan, build
from daqpv.sim.router import RouterSimulator


async def simulate(experiment: Experiment, seconds: float) -> None:
    """Run all of them until cancelled."""
    simulators = build(plans(experiment, local=False))
    for simulator in simulators:
        simulator.behaviour.jitter = 0.0
        simulator.behaviour.durations = dict.fromkeys(Operation, seconds)
    routers = router_plans(experiment, Path())
    async with AsyncExitStack() as stack:
        for simulator in simulators:
            await stack.enter_async_context(simulator)
        async with asyncio.TaskGroup() as tasks:
            for plan in routers:
                router = _router(experiment, plan, simulators)
                tasks.create_task(router.run())
            print("ready:", flush=True)


def _router(
    experiment: Experiment, plan: RouterPlan, simulators: list[EccSimulator]
) -> RouterSimulator:
    settings = experiment.sections["routers"][plan.name]
    assert isinstance(settings, RouterSettings)
    assert settings.watch is not None
    assert settings.watch.staging is not None
    servers = [one for one in simulators if one.name in plan.sources]

    def states() -> list[EccState]:
        return [one.state for one in servers]

    senders = [sender for each in plan.sources.values() for sender in each]
    folder = Path(settings.watch.staging)
    return RouterSimulator(plan.name, folder, senders=senders, states=states)


if __name__ == "__main__":
    experiment = load(Path(sys.argv[1]), installed_kinds().kinds)
    run_until_signal(simulate(experiment, float(sys.argv[2])))
