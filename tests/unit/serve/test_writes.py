"""Puts of clients that no client library sends."""

from __future__ import annotations

import pytest

from tests.support.lamp import Lamp, LampGroup
from tests.support.memory import Served, turns

MANY = 20_000
PUT_FAIL = 160


@pytest.mark.parametrize("dbr", [7, 14, 77])
async def test_many_elements_of_a_type_that_is_no_put_are_refused(dbr: int) -> None:
    """They were once, by an error that ended the server."""
    served = Served(LampGroup(Lamp()))
    client = served.connect()
    sid = client.create("L:Names")
    client.send(19, dbr, MANY, sid, 5, b"x" * 40)
    found: list[tuple[int, int, int]] = []

    def answered() -> bool:
        found.extend((m.command, m.p1, m.p2) for m in client.received())
        return bool(found)

    await turns(answered)
    assert found == [(19, PUT_FAIL, 5)]
    client.send(23)
    assert [m.command for m in client.received()] == [23]
    await served.desk.tasks.close()
