"""Serves the PVs of `daqpv bench ioc` by caproto's own server: PREFIX N M RATE.

Prints "ready" when clients can connect.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import numpy as np
from caproto import ChannelDouble, ChannelEnum, ChannelInteger, ChannelString
from caproto.asyncio.server import Context


class Slow(ChannelDouble):  # type: ignore[misc]
    """A put takes 5 s, and no other client waits."""

    async def verify_value(self, data: Any) -> Any:  # noqa: D102
        await asyncio.sleep(5)
        return data


class Block(ChannelDouble):  # type: ignore[misc]
    """A put blocks the loop for 100 ms."""

    async def verify_value(self, data: Any) -> Any:  # noqa: D102
        time.sleep(0.1)  # noqa: ASYNC251, to measure its effect
        return data


async def main(prefix: str, n: int, m: int, rate: float) -> None:
    """Serve until the process is ended."""
    counters = [ChannelDouble(value=0.0) for _ in range(m)]
    rate_pv = ChannelDouble(value=rate)
    labels = ["zero", "one", "two"]
    pvs = {
        "rate": rate_pv,
        "e": ChannelEnum(value="zero", enum_strings=labels),
        "l": ChannelInteger(value=0),
        "s": ChannelString(value=""),
        "w": ChannelDouble(value=np.zeros(1_000_000), max_length=1_000_000),
        "slow": Slow(value=0.0),
        "block": Block(value=0.0),
    }
    pvs |= {f"d{i}": ChannelDouble(value=0.0) for i in range(n)}
    pvs |= {f"m{i}": counter for i, counter in enumerate(counters)}
    named = {f"{prefix}{name}": pv for name, pv in pvs.items()}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Context(named).run())
        print("ready", flush=True)
        number, due = 0.0, time.monotonic()
        while True:
            due += 1 / rate_pv.value
            await asyncio.sleep(max(due - time.monotonic(), 0))
            number += 1
            for counter in counters:
                await counter.write(number, verify_value=False, update_fields=False)


if __name__ == "__main__":
    _, prefix, n, m, rate = sys.argv
    asyncio.run(main(prefix, int(n), int(m), float(rate)))
