"""Who waits for a thread hears when it has come so far."""

from __future__ import annotations

import asyncio
import threading

from daqpv.core import Milestones


async def test_what_is_done_already_needs_no_wait() -> None:
    stones = Milestones()
    assert await stones.reached(0, timeout=0)
    stones.reach(5)
    assert await stones.reached(5, timeout=0)


async def test_each_waits_for_its_own_number() -> None:
    stones = Milestones()
    first, second = (
        asyncio.create_task(stones.reached(number, timeout=30)) for number in (3, 7)
    )
    await asyncio.sleep(0)
    threading.Thread(target=stones.reach, args=[3]).start()
    assert await first
    assert not second.done()
    threading.Thread(target=stones.reach, args=[8]).start()
    assert await second


async def test_who_waits_too_long_gives_up() -> None:
    stones = Milestones()
    assert not await stones.reached(1, timeout=0.01)
    stones.reach(1)
    assert await stones.reached(1, timeout=0.01)
