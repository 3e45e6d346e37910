"""Threads that may be left behind."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import daqpv
from daqpv.core.threads import Crew, Crews
from daqpv.errors import NoAnswerError, NotConnectedError

LONG = 20.0  # [s] a deadline that no test is meant to meet
SHORT = 0.05  # [s] a deadline that passes


class Disk:
    """It hangs until it is `free`."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.entered = threading.Semaphore(0)

    def read(self, text: str = "") -> str:
        self.entered.release()
        assert self.free.wait(LONG)
        return text


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.free.set()


async def all_back(crew: Crew) -> None:
    async with asyncio.timeout(LONG):
        while crew.stuck:  # noqa: ASYNC110 - threads set no asyncio.Event
            await asyncio.sleep(0.001)


async def test_a_call_returns_what_its_work_returns() -> None:
    assert await Crew("the disk").call(divmod, 7, 2, timeout=LONG) == (3, 1)


async def test_a_call_raises_what_its_work_raises() -> None:
    crew = Crew("the disk")
    with pytest.raises(ValueError, match="invalid literal"):
        await crew.call(int, "x", timeout=LONG)
    assert await crew.call(int, "7", timeout=LONG) == 7


async def test_a_timeout_of_the_work_itself_is_its_outcome() -> None:
    def work() -> None:
        raise TimeoutError(110, "Connection timed out")

    with pytest.raises(TimeoutError, match="Connection timed out"):
        await Crew("the disk").call(work, timeout=LONG)


async def test_a_call_that_is_late_names_its_resource(disk: Disk) -> None:
    crew = Crew("the disk of /data")
    with pytest.raises(
        NoAnswerError, match=r"^the disk of /data has not answered in 0\.05 s$"
    ) as caught:
        await crew.call(disk.read, timeout=SHORT)
    assert caught.value.timed_out
    assert crew.stuck == 1


async def test_calls_fail_at_once_while_all_threads_are_stuck(disk: Disk) -> None:
    crew = Crew("the disk", 2)
    for _ in range(2):
        with pytest.raises(NoAnswerError):
            await crew.call(disk.read, timeout=SHORT)
    with pytest.raises(
        NotConnectedError, match=r"^the disk hangs: 2 calls did not return"
    ):
        await crew.call(disk.read, timeout=LONG)
    disk.free.set()
    await all_back(crew)
    assert await crew.call(disk.read, "here", timeout=LONG) == "here"


async def test_a_call_that_waits_in_vain_is_not_made(disk: Disk) -> None:
    crew = Crew("the disk")
    first = asyncio.create_task(crew.call(disk.read, timeout=LONG))
    await asyncio.to_thread(disk.entered.acquire)
    made: list[int] = []
    with pytest.raises(
        NotConnectedError, match=r"^the disk is busy: other calls lasted for"
    ):
        await crew.call(made.append, 1, timeout=SHORT)
    assert not crew.stuck  # the first is within its deadline
    disk.free.set()
    await first
    await crew.call(made.append, 2, timeout=LONG)
    assert made == [2]


async def test_a_call_whose_caller_is_cancelled_is_left_behind(disk: Disk) -> None:
    crew = Crew("the disk")
    call = asyncio.create_task(crew.call(disk.read, timeout=LONG))
    await asyncio.to_thread(disk.entered.acquire)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert crew.stuck == 1
    disk.free.set()
    await all_back(crew)


async def test_calls_share_no_more_threads_than_allowed(disk: Disk) -> None:
    crew = Crew("the disk of this test", 3)
    calls = [
        asyncio.create_task(crew.call(disk.read, str(number), timeout=LONG))
        for number in range(10)
    ]
    for _ in range(3):
        await asyncio.to_thread(disk.entered.acquire)
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("the disk of this test") == 3
    disk.free.set()
    assert await asyncio.gather(*calls) == [str(number) for number in range(10)]


async def test_a_resource_that_hangs_takes_no_thread_from_another(disk: Disk) -> None:
    dead, alive = Crew("the dead disk"), Crew("the disk")
    with pytest.raises(NoAnswerError):
        await dead.call(disk.read, timeout=SHORT)
    assert await alive.call(int, "7", timeout=LONG) == 7


def test_without_a_loop_a_call_gives_a_future() -> None:
    crew = Crew("the disk")
    assert crew.submit(lambda: 7).result(LONG) == 7
    crew.close()


def test_who_asks_for_the_same_resource_gets_the_same_crew() -> None:
    crews = Crews()
    assert crews.of("the disk of /a") is crews.of("the disk of /a")
    assert crews.of("the disk of /a") is not crews.of("the disk of /b")


def test_nothing_uses_the_threads_that_all_share() -> None:
    """The default executor of asyncio: a dead disk takes it, and delays the end."""
    package = Path(daqpv.__file__).parent
    words = r"to_thread|run_in_executor|ThreadPool|(?<!socket)\.getaddrinfo"
    files = [*package.rglob("*.py"), *package.joinpath("iocs").rglob("*.py")]
    assert len(files) > 200
    users = [file for file in files if re.search(words, file.read_text())]
    assert users == [package / "core" / "threads.py"]  # which says why not
