"""CPU time of an exchange with an instrument that speaks in lines.

200 instruments on TCP (another process) are asked for five values, ten times a second:
by `LineDriver`, and by a plain asyncio protocol that writes, splits and converts.

    python -m benchmarks.instruments.lines [--instruments 200] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from daqpv.instruments.driver import Read
from daqpv.links.stream.kinds import TCP
from tests.support.talker import driver

QUESTION, ANSWER = b"PRX\r\n", b"1.25E-05,2.5E-04,23.50,+1.013E+03,0.0\r\n"
CHANNELS = ("a", "b", "c", "d", "e")

Ask = Callable[[], Awaitable[object]]


class Instrument(asyncio.Protocol):
    """Answers every line."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self.transport.write(ANSWER * data.count(b"\n"))  # type: ignore[attr-defined]


def serve(ready: Connection) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Instrument, "127.0.0.1", 0, backlog=1000)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Plain(asyncio.Protocol):
    """What one would write by hand, with a deadline for each answer."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep it up to the end of a line."""
        self._buffer += data
        if self._buffer.endswith(b"\r\n") and self._answer is not None:
            line, self._buffer = self._buffer, b""
            self._answer.set_result(line)

    async def ask(self) -> dict[str, float]:
        """Five values."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(QUESTION)  # type: ignore[attr-defined]
        async with asyncio.timeout(1):
            line = await self._answer
        values = line.decode().strip().split(",")
        return dict(zip(CHANNELS, map(float, values), strict=True))


async def plain(port: int) -> Ask:
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(Plain, "127.0.0.1", port)
    return protocol.ask


async def lines(port: int) -> Ask:
    answer = ",".join(f"{{{name}:g}}" for name in CHANNELS)
    one = driver(
        f"tcp://127.0.0.1:{port}",
        kind=TCP,
        read={"ask": "PRX", "answer": answer},
        channels={name: {} for name in CHANNELS},
    )
    await one.open()
    return lambda: one.exchange(Read())


async def follow(ask: Ask, period: float, cycles: int) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    for cycle in range(cycles):
        await ask()
        await asyncio.sleep(start + (cycle + 1) * period - loop.time())


async def measure(
    make: Callable[[int], Awaitable[Ask]], port: int, options: argparse.Namespace
) -> float:
    """CPU time of an exchange [s]."""
    asks = [await make(port) for _ in range(options.instruments)]
    period, cycles = 1 / options.rate, int(options.seconds * options.rate)
    begun = time.process_time()
    async with asyncio.TaskGroup() as group:
        for ask in asks:
            group.create_task(follow(ask, period, cycles))
    return (time.process_time() - begun) / (cycles * len(asks))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instruments", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=10, help="per second")
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    process.start()
    port = here.recv()
    for _ in range(3):
        costs = [asyncio.run(measure(make, port, options)) for make in (plain, lines)]
        print(
            f"plain {costs[0] * 1e6:.1f} us, LineDriver {costs[1] * 1e6:.1f} us, "
            f"ratio {costs[1] / costs[0]:.2f}"
        )
    process.terminate()


if __name__ == "__main__":
    main()
