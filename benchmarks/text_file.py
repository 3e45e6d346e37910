"""python -m benchmarks.text_file: the first reading of a large text file.

A process reads the file as an instrument does, and answers the questions of another
process meanwhile, over TCP on its event loop: so long would a get take at least. Its
memory is compared with what it was before the reading began.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.figure import Figure
from daqpv.core import Events
from daqpv.errors import LinkError
from daqpv.instruments.driver import Block, Frame
from daqpv.instruments.settings import Channel, ChannelType, Columns
from daqpv.instruments.textfiles.layout import Layout
from daqpv.links.textfiles.driver import TextFiles
from daqpv.links.textfiles.follower import Follower
from daqpv.links.textfiles.positions_file import PositionsFile

COLUMNS = 10
MEGABYTES = 100.0  # of a benchmark's file
EVERY = 0.002  # [s] between two questions

_ASK = """
import socket, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        start = time.perf_counter()
        line.sendall(b"?")
        if not line.recv(1):
            break
        print(time.perf_counter() - start)
        time.sleep(float(sys.argv[2]))
"""


class Result(NamedTuple):
    """What was measured.

    Attributes:
        rows: of the file.
        seconds: for all of them.
        memory: at most, above that before [MB].
        answers: round trips of questions meanwhile, rising [s].
    """

    rows: int
    seconds: float
    memory: float
    answers: Sequence[float]

    def answer(self, share: float) -> float:
        """The round trip that `share` of the questions did not exceed [ms]."""
        return self.answers[int(share * (len(self.answers) - 1))] * 1e3


class Counting:
    """Counts what it hears, until the present value comes."""

    def __init__(self) -> None:
        self.rows = 0
        self.present = asyncio.Event()
        self.most = 0

    def heard(self, frame: Frame | Block) -> None:
        """Count lines, and look at the memory."""
        self.rows += frame.good
        self.most = max(self.most, psutil.Process().memory_info().rss)
        if isinstance(frame, Frame) and not frame.is_history and frame.values:
            self.present.set()

    def broken(self, error: LinkError) -> None:
        """Fail."""
        raise error


def write(path: Path, megabytes: float, form: str) -> None:
    """Write a file of `COLUMNS` columns, the first of them the time."""
    generator = random.Random(1)
    separator, point = (";", ",") if form == "comma" else (",", ".")
    rows = []
    for _ in range(5000):
        values = (f"{generator.gauss(20, 5):.6g}" for _ in range(COLUMNS - 1))
        rows.append(separator.join(values).replace(".", point))
    begin, number = 1.6e9, 0
    with path.open("w") as file:
        while file.tell() < megabytes * 1e6:
            for row in rows:
                stamp = begin + number * 0.1
                file.write(f"{_time(stamp, form)}{separator}{row}\n")
                number += 1


def _time(stamp: float, form: str) -> str:
    if form == "unix":
        return f"{stamp:.1f}"
    when = datetime.fromtimestamp(stamp, UTC)
    return f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 100_000}"


def driver(path: Path, form: str) -> TextFiles:
    """An instrument of that file."""
    names = [f"c{number}" for number in range(COLUMNS - 1)]
    columns = Columns(
        separator=";" if form == "comma" else ",",
        decimal="," if form == "comma" else ".",
        time=("unix",) if form == "unix" else ("%Y-%m-%d %H:%M:%S.%f",),
        names=tuple(names),
    )
    channels = {name: Channel() for name in names}
    if form == "text":  # it cannot be read many lines at once
        channels[names[-1]] = Channel(type=ChannelType.TEXT)
    layout = Layout(columns, channels)
    return TextFiles(
        "bench",
        Follower(str(path), layout),
        positions=PositionsFile(path.with_suffix(".positions")),
        events=Events(process="bench", prefix="B:"),
        period=0.1,
    )


async def read(path: Path, form: str) -> Result:
    """Read the file, and answer meanwhile."""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while await reader.read(1):
            writer.write(b"!")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    asking = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _ASK,
        str(port),
        str(EVERY),
        stdout=asyncio.subprocess.PIPE,
    )
    files, counting = driver(path, form), Counting()
    before = psutil.Process().memory_info().rss
    files.listen(counting)
    start = time.perf_counter()
    await files.open()
    await counting.present.wait()
    seconds = time.perf_counter() - start
    await files.close()
    asking.terminate()
    output, _ = await asking.communicate()
    server.close()
    answers = sorted(float(text) for text in output.split())
    memory = (counting.most - before) / 1e6
    return Result(counting.rows, seconds, memory, answers)


def run(megabytes: float, form: str, folder: Path | None = None) -> Result:
    """Write a file, and read it in this process."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / "x.csv"
        write(path, megabytes, form)
        return asyncio.run(read(path, form))


def measure() -> Iterator[Figure]:
    """Yield the figures of one run."""
    result = run(MEGABYTES, "iso")
    per_row = result.seconds / result.rows * 1e6
    yield Figure("text file: time per row of 10 columns", per_row, 3.3, "us")
    yield Figure("... memory above the empty process", result.memory, 200, "MB")
    yield Figure("... a question meanwhile, p99", result.answer(0.99), 10, "ms")


def main() -> None:
    """Print the figures of a file of any size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=1000.0, help="of the file [MB]")
    parser.add_argument(
        "--form", choices=("iso", "unix", "comma", "text"), default="iso"
    )
    parser.add_argument("--folder", type=Path, help="for the file")
    arguments = parser.parse_args()
    result = run(arguments.size, arguments.form, arguments.folder)
    print(f"load {os.getloadavg()[0]:.1f}, {arguments.size:g} MB, {arguments.form}")
    print(f"{result.rows:,} rows in {result.seconds:.1f} s")
    print(f"{result.rows / result.seconds:,.0f} rows/s of {COLUMNS} columns")
    print(f"{result.memory:.0f} MB above the empty process")
    trips = ", ".join(f"{result.answer(share):.2f}" for share in (0.5, 0.99, 1.0))
    print(f"questions meanwhile: p50, p99, worst {trips} ms ({len(result.answers):,})")


if __name__ == "__main__":
    main()
