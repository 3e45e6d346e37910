"""A plain asyncio loop that asks instruments and splits their answers; nothing else.

python -m benchmarks.instruments.plain PORT COUNT PERIOD
"""

from __future__ import annotations

import asyncio
import sys


async def follow(port: int, period: float, values: list[float]) -> None:
    """Ask one instrument for ever."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    beat = loop.time()
    while True:
        writer.write(b"PR1\r\n")
        line = await reader.readline()
        values[:] = [float(part) for part in line.split(b",")]
        beat += period
        await asyncio.sleep(beat - loop.time())


async def main(port: int, count: int, period: float) -> None:
    """Ask them all."""
    async with asyncio.TaskGroup() as tasks:
        for n in range(count):
            tasks.create_task(follow(port, period, []))
            if n % 20 == 0:
                await asyncio.sleep(0.01)
        print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
