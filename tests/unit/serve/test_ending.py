"""Clients that still ask while the server ends."""

from __future__ import annotations

import asyncio
import logging

import pytest

from daqpv.core import Events, Shown, Snapshot
from daqpv.serve import Group, Server, longout
from tests.support.ports import free_port
from tests.support.serve import DEADLINE, Raw, loopback


class Slow(Group[Shown[Snapshot]]):
    """Its command takes its time, also to be given up."""

    wish = longout("Wish", put=lambda group, value: group.act(value))

    def __init__(self) -> None:
        super().__init__("T:", Shown("slow", Snapshot(), events=Events()))
        self.begun: list[int] = []
        self.given_up = asyncio.Event()
        self.may_end = asyncio.Event()

    async def act(self, value: int) -> None:
        self.begun.append(value)
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()
            await self.may_end.wait()


async def test_a_put_that_comes_while_the_server_ends_is_not_begun(
    caplog: pytest.LogCaptureFixture,
) -> None:
    group = Slow()
    server = Server(environ=loopback(free_port()))
    server.add(group)
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(server.run(ready.set_result))
    raw = await Raw.connect(await ready)
    sid = (await raw.create("T:Wish")).p2
    raw.send(19, 5, 1, sid, 1, (1).to_bytes(4, "big"))
    async with asyncio.timeout(DEADLINE):
        await raw.synchronise()
        running.cancel()
        await group.given_up.wait()
        raw.send(19, 5, 1, sid, 2, (2).to_bytes(4, "big"))
        await raw.synchronise()
        group.may_end.set()
        await asyncio.wait({running})
    await raw.close()
    assert group.begun == [1]
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
