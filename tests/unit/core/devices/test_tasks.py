"""Tasks of a device: they begin while it is followed, and end with that."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Tasks
from daqpv.errors import AbortedError


async def wait() -> int:
    await asyncio.sleep(5)
    return 7


async def test_a_task_runs_while_they_are_open() -> None:
    tasks = Tasks()
    async with tasks:
        assert await tasks.begin(wait()) == 7
    assert not tasks.are_open


async def test_nothing_begins_before_and_after() -> None:
    tasks = Tasks()
    with pytest.raises(AbortedError):
        tasks.begin(wait())
    async with tasks:
        pass
    with pytest.raises(AbortedError):
        tasks.begin(wait())


async def test_what_runs_is_cancelled_with_its_owner() -> None:
    tasks, begun = Tasks(), []

    async def follow() -> None:
        async with tasks:
            begun.append(tasks.begin(wait()))
            await asyncio.sleep(3600)

    following = asyncio.ensure_future(follow())
    await asyncio.sleep(1)
    following.cancel()
    await asyncio.wait({following})
    assert begun[0].cancelled()


async def test_they_can_be_opened_again() -> None:
    tasks = Tasks()
    for _ in range(2):
        async with tasks:
            assert await tasks.begin(wait()) == 7
