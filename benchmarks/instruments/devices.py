"""Simulated instruments in a process of their own, which notes when it is asked.

    python -m benchmarks.instruments.devices PERIOD

Prints its port; answers each line with five numbers. At the end of its input it prints,
as JSON, how late questions came [s]: each against the schedule of its own connection.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time

ANSWER = b"1.0000,2.0000,3.0000,4.0000,%.4f\r\n"


class Device(asyncio.Protocol):
    """One connection: when it was asked."""

    all: list[Device] = []  # noqa: RUF012 - one list for the process

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.all.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each question."""
        for _ in range(data.count(b"\n")):
            self.asked.append(time.perf_counter())
            self._transport.write(ANSWER % (len(self.asked) % 1000))


def lateness(asked: list[float], period: float, skip: int = 20) -> list[float]:
    """How late each question came, against the usual phase of its connection [s].

    Args:
        asked: when questions came [s].
        period: between two of them [s].
        skip: questions at the beginning that do not count.
    """
    times = asked[skip:]
    if len(times) < 10:
        return []
    turns = [2 * math.pi * (one % period) / period for one in times]
    mean = math.atan2(sum(map(math.sin, turns)), sum(map(math.cos, turns)))
    offsets = [(one / period - mean / (2 * math.pi) + 0.5) % 1 - 0.5 for one in times]
    usual = sorted(offsets)[len(offsets) // 10]  # few come earlier
    return [max(0.0, (offset - usual) * period) for offset in offsets]


async def serve(period: float) -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Device, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    end = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), end.set)
    await end.wait()
    late = [one for device in Device.all for one in lateness(device.asked, period)]
    late.sort()
    asked = sum(len(device.asked) for device in Device.all)
    worst: dict[str, float] = {"asked": asked, "connections": len(Device.all)}
    if late:
        worst |= {
            "p50": late[len(late) // 2],
            "p99": late[int(len(late) * 0.99)],
            "most": late[-1],
        }
    print(json.dumps(worst), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
