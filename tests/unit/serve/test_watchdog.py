"""What blocks the event loop is measured and named; what only looks so is not."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from daqpv.core import Events, Shown, Snapshot
from daqpv.serve import Group, button
from daqpv.serve.watchdog import Block, Watchdog

DEADLINE = 20.0


async def block(group: Any, value: Any) -> None:
    calculate_for_long()


def calculate_for_long() -> None:
    time.sleep(0.5)  # what is left of it when others wanted the processor is told


def compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


class Blocking(Group[Shown[Snapshot]]):
    block = button("Block", put=block)


class Watched:
    """A watchdog on the running loop, and what it has told."""

    def __init__(self) -> None:
        self.blocks: asyncio.Queue[Block] = asyncio.Queue()
        self.dog = Watchdog(self.blocks.put_nowait)

    async def told(self) -> Block:
        """Wait for the next block."""
        return await asyncio.wait_for(self.blocks.get(), DEADLINE)


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    watched = Watched()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watched.dog.run())
        await asyncio.sleep(0)  # it runs
        yield watched
        running.cancel()


async def test_a_put_that_blocks_the_loop_is_named(bench: Any) -> None:
    blocks: list[Block] = []
    group = Blocking("W:", Shown("blocking", Snapshot(), events=Events()))
    server = await bench.serve(group, on_block=blocks.append)
    raw = await bench.client(server)
    sid = (await raw.create("W:Block")).p2
    server.take_loop_delay()
    assert await raw.put(sid, 1, struct.pack(">h", 1)) == 1
    await bench.until(lambda: bool(blocks))
    duration, where, task, _ = max(blocks)
    assert duration > 0.05
    assert "test_watchdog.py:31 calculate_for_long < tests/unit/serve/test_" in where
    assert " < daqpv/serve/groups/declaration.py:" in where
    assert task == "put to W:Block"
    assert server.take_loop_delay() > 0.2
    await bench.until(lambda: server.take_loop_delay() < 0.2)


async def test_a_computation_that_blocks_the_loop_is_named(watched: Watched) -> None:
    async def calibrate() -> None:
        compute(0.2)

    await asyncio.create_task(calibrate(), name="calibration")
    duration, where, task, _ = await watched.told()
    assert duration > 0.1  # computed: nobody else had the processor then
    assert "compute" in where
    assert task == "calibration"


async def test_a_callback_has_no_task(watched: Watched) -> None:
    asyncio.get_running_loop().call_soon(time.sleep, 0.2)
    asyncio.get_running_loop().call_soon(calculate_for_long)
    told = await watched.told()
    assert told.task == ""
    assert "calculate_for_long" in told.where
    assert "blocked for " in str(told)


async def test_many_short_turns_are_no_block(watched: Watched) -> None:
    end = time.thread_time() + 0.5
    while time.thread_time() < end:
        compute(0.002)
        await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(calculate_for_long)
    assert "calculate_for_long" in (await watched.told()).where  # the first


IDLE = """
import asyncio, sys
from daqpv.serve.watchdog import Watchdog

async def main():
    dog = Watchdog(lambda block: print("told:", block, flush=True))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(dog.run())
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        {work}
        running.cancel()

asyncio.run(main())
"""


class Process:
    """A process with a watchdog, that works until it is told to end."""

    def __init__(self, work: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", IDLE.replace("{work}", work)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.threads = Path(f"/proc/{self.process.pid}/task")
        assert self.line() == "ready"

    def line(self) -> str:
        """Wait for the next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def compute(self, seconds: float) -> None:
        """Let it have so much time of a processor."""
        own = psutil.Process(self.process.pid)
        enough = own.cpu_times().user + seconds
        end = time.monotonic() + DEADLINE
        while own.cpu_times().user < enough:
            assert time.monotonic() < end
            time.sleep(0.01)

    def end(self) -> list[str]:
        """Tell it to end; what it has printed."""
        text, _ = self.process.communicate("end\n", timeout=DEADLINE)
        return text.splitlines()


def test_a_process_that_was_suspended_blames_nobody() -> None:
    work = """
        line = loop.create_task(reader.readline())
        while not line.done():
            sum(range(20_000))
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        print("late:", dog.take_worst() > 0.1, flush=True)"""
    process = Process(work)
    for _ in range(5):
        process.process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        process.process.send_signal(signal.SIGCONT)
        process.compute(0.05)
    assert process.end() == ["late: True"]


def test_a_process_that_gets_no_processor_blames_nobody() -> None:
    work = """
        late = 0.0
        while late < 2:
            sum(range(20_000))
            await asyncio.sleep(0)
            turn = dog.take_worst()
            late += turn if turn > 0.05 else 0
        print("was late", flush=True)
        await reader.readline()
        await asyncio.sleep(0.2)"""
    process = Process(work)
    processors = os.sched_getaffinity(process.process.pid)
    processor = min(processors)
    threads = [int(one.name) for one in process.threads.iterdir()]
    for thread in threads:
        os.sched_setaffinity(thread, [processor])
        os.setpriority(os.PRIO_PROCESS, thread, 15)
    hog = f"import os; os.sched_setaffinity(0, [{processor}])\nwhile True: pass"
    other = subprocess.Popen([sys.executable, "-c", hog])
    try:
        assert process.line() == "was late"
    finally:
        other.kill()
        other.wait()
    for thread in threads:  # on a busy machine even its end may take long
        os.sched_setaffinity(thread, processors)
    assert process.end() == []
