"""Several ECC servers in memory and the system over them, on a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.system import SLAVES, Lab, laboratory
from tests.support.virtual import Clock, clock, pytest_asyncio_loop_factories

__all__ = ["clock", "pytest_asyncio_loop_factories"]


@pytest.fixture(autouse=True)
def system_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr("daqpv.system.following.time", clock)
    return clock


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """A MuTAnT and three CoBos, Idle and seen."""
    async with laboratory() as lab:
        yield lab


@pytest.fixture
async def slaves() -> AsyncIterator[Lab]:
    """A MuTAnT, a slave and two CoBos, Idle and seen."""
    async with laboratory(SLAVES) as lab:
        yield lab
