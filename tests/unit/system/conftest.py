"""Several ECC servers in memory and the system over them, on a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.system import SLAVES, Lab, laboratory
from tests.support.virtual import clock, pytest_asyncio_loop_factories

__all__ = ["clock", "pytest_asyncio_loop_factories"]


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
