"""`daqpv serve`, and counters on the same PV server: python loaded.py FILE.

1,000 counters ``m0`` ... step 100 times a second, in the event loop of the devices.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from daqpv.app import App
from daqpv.bench.ioc import group_of, step
from daqpv.cli.common import run_until_signal
from daqpv.config import installed_kinds, load
from daqpv.core import Events

COUNTERS = 1000
RATE = 100.0  # [Hz]


async def serve(file: Path) -> None:
    kinds = installed_kinds().kinds
    experiment = load(file, kinds)
    app = App(experiment, kinds, Events())
    counters = group_of(experiment.prefix, 1, COUNTERS)
    counters.rate.post(RATE)
    app.server.add(counters)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(step(counters))
        await app.run(lambda port: print(f"ready: port {port}", flush=True))


if __name__ == "__main__":
    run_until_signal(serve(Path(sys.argv[1])))
