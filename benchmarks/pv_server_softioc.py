"""Serves the PVs of `daqpv bench ioc` by pythonSoftIOC: PREFIX N M RATE.

Prints "ready" when clients can connect.
"""

from __future__ import annotations

import asyncio
import sys
import time

import numpy as np
from softioc import asyncio_dispatcher, builder, softioc


async def slow(_value: float) -> None:
    """A put that takes 5 s, and no other client waits."""
    await asyncio.sleep(5)


def block(_value: float) -> None:
    """A put that blocks its thread for 100 ms."""
    time.sleep(0.1)


def main(prefix: str, n: int, m: int, rate: float) -> None:
    """Serve until the process is ended."""
    dispatcher = asyncio_dispatcher.AsyncioDispatcher()
    builder.SetDeviceName(prefix.rstrip(":"))
    rate_pv = builder.aOut("rate", initial_value=rate)
    builder.mbbOut("e", "zero", "one", "two", initial_value=0)
    builder.longOut("l", initial_value=0)
    builder.stringOut("s", initial_value="")
    builder.WaveformOut("w", np.zeros(1_000_000))
    builder.aOut("slow", initial_value=0.0, on_update=slow, blocking=True)
    builder.aOut("block", initial_value=0.0, on_update=block, blocking=True)
    for i in range(n):
        builder.aOut(f"d{i}", initial_value=0.0)
    counters = [builder.aIn(f"m{i}", initial_value=0.0) for i in range(m)]
    builder.LoadDatabase()
    softioc.iocInit(dispatcher)

    async def step() -> None:
        number, due = 0.0, time.monotonic()
        while True:
            due += 1 / rate_pv.get()
            await asyncio.sleep(max(due - time.monotonic(), 0))
            number += 1
            for counter in counters:
                counter.set(number)

    asyncio.run_coroutine_threadsafe(step(), dispatcher.loop)
    print("ready", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    _, prefix, n, m, rate = sys.argv
    main(prefix, int(n), int(m), float(rate))
