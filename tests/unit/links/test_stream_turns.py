"""Who may use a line, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core.timing.turns import Turns
from daqpv.links.stream.step import Deadline
from daqpv.testing import run_virtual


async def _hold(turns: Turns, name: str, order: list[str], seconds: float = 1) -> None:
    async with turns:
        order.append(name)
        await asyncio.sleep(seconds)


def test_turns_come_in_the_order_of_asking() -> None:
    async def play() -> list[str]:
        turns, order = Turns(), list[str]()
        async with asyncio.TaskGroup() as tasks:
            for name in "abcd":
                tasks.create_task(_hold(turns, name, order))
        assert turns.is_mine()
        return order

    assert run_virtual(play()) == ["a", "b", "c", "d"]


def test_nobody_overtakes_those_who_wait() -> None:
    async def play() -> list[str]:
        turns, order = Turns(), list[str]()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_hold(turns, "a", order))
            tasks.create_task(_hold(turns, "b", order))
            await asyncio.sleep(1)  # a gives its turn to b
            assert not turns.is_mine()
            tasks.create_task(_hold(turns, "c", order))
        return order

    assert run_virtual(play()) == ["a", "b", "c"]


@pytest.mark.parametrize("when", [0.5, 1.0])
def test_one_that_leaves_gives_its_turn_on(when: float) -> None:
    """Also in the moment in which it gets it."""

    async def play() -> list[str]:
        turns, order = Turns(), list[str]()
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_hold(turns, "a", order))
            leaves = tasks.create_task(_hold(turns, "b", order))
            tasks.create_task(_hold(turns, "c", order))
            loop.call_later(when, leaves.cancel)
        assert turns.is_mine()
        return order

    assert run_virtual(play())[-1] == "c"


def test_a_deadline_is_that_of_the_present_exchange() -> None:
    async def play() -> list[float]:
        loop = asyncio.get_running_loop()
        over: list[float] = []
        deadline = Deadline(lambda: over.append(loop.time()))
        for _ in range(5):  # exchanges that end in time
            deadline.begin(loop, 1.0)
            await asyncio.sleep(0.6)
            deadline.end()
        deadline.begin(loop, 1.0)
        await asyncio.sleep(5)
        deadline.begin(loop, 10.0)
        deadline.end()
        deadline.begin(loop, 1.0)  # shorter than the one before
        await asyncio.sleep(20)
        deadline.begin(loop, 1.0)
        deadline.cancel()
        await asyncio.sleep(20)
        return over

    assert run_virtual(play()) == pytest.approx([4.0, 9.0])
