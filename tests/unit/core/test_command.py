"""A command that runs: joined, aborted, and told how it ended."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Command, Origin, origin
from daqpv.errors import AbortedError, CommandError, DaqError, OperationError


async def work(gate: asyncio.Event, result: int = 7) -> int:
    await gate.wait()
    return result


async def test_over_gives_the_result_of_the_work() -> None:
    gate = asyncio.Event()
    gate.set()
    assert await Command("go").over(asyncio.create_task(work(gate))) == 7


async def test_an_abort_ends_the_waiting_and_not_the_work() -> None:
    gate, command = asyncio.Event(), Command("go")
    task = asyncio.create_task(work(gate))
    waiting = asyncio.create_task(command.over(task))
    await asyncio.sleep(0)
    command.abort()
    with pytest.raises(AbortedError, match="go: aborted"):
        await waiting
    gate.set()
    assert await task == 7


async def test_an_abort_in_the_instant_of_the_end_comes_too_late() -> None:
    gate, command = asyncio.Event(), Command("go")
    task = asyncio.create_task(work(gate))
    waiting = asyncio.create_task(command.over(task))
    gate.set()
    await task
    command.abort()
    assert await waiting == 7


async def test_an_aborted_command_takes_no_further_step() -> None:
    command = Command("go")
    command.check()
    command.abort()
    with pytest.raises(AbortedError):
        command.check()


async def test_an_abort_says_who() -> None:
    command = Command("go")
    token = origin.set(Origin("eve", "bar"))
    command.abort()
    origin.reset(token)
    with pytest.raises(AbortedError, match="go: aborted by eve@bar"):
        command.check()


async def test_the_first_abort_counts() -> None:
    command = Command("go")
    command.abort()
    token = origin.set(Origin("eve", "bar"))
    command.abort()
    origin.reset(token)
    with pytest.raises(AbortedError, match=r"aborted$"):
        command.check()


async def test_work_within_is_cancelled_by_an_abort() -> None:
    command, cancelled = Command("go"), asyncio.Event()

    async def lasting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(command.within(lasting()))
    await asyncio.sleep(0)
    command.abort()
    with pytest.raises(AbortedError):
        await waiting
    assert cancelled.is_set()


async def test_an_error_of_the_work_is_the_commands() -> None:
    async def failing() -> None:
        raise OperationError("stuck")

    with pytest.raises(OperationError, match="stuck"):
        await Command("go").within(failing())


async def test_work_that_daqpv_gives_up_aborts_the_command() -> None:
    task = asyncio.create_task(asyncio.Event().wait())
    waiting = asyncio.create_task(Command("go").over(task))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(AbortedError, match="given up, because daqpv ends"):
        await waiting


@pytest.mark.parametrize(
    ("error", "told", "text"),
    [
        (OperationError("stuck"), OperationError, "stuck"),
        (ZeroDivisionError("by zero"), CommandError, "go: ZeroDivisionError: by zero"),
        (asyncio.CancelledError(), AbortedError, "go: given up, because daqpv ends"),
    ],
)
async def test_who_joined_is_told_in_a_sentence(
    error: BaseException, told: type[DaqError], text: str
) -> None:
    command = Command("go")
    command.end(error)
    with pytest.raises(told) as joined:
        await command.join()
    assert str(joined.value) == text


async def test_who_waits_for_the_end_is_not_told_the_error() -> None:
    command = Command("go")
    waiting = asyncio.create_task(command.ended())
    await asyncio.sleep(0)
    assert not command.is_over
    command.end(OperationError("stuck"))
    await waiting
    assert command.is_over


async def test_an_abort_after_the_end_is_nothing() -> None:
    command = Command("go")
    command.end(None)
    command.abort()
    await command.join()
