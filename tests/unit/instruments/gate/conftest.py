"""An instrument with settable channels in memory, on a clock that jumps."""

from __future__ import annotations

import pytest

from tests.support.gates import Supply
from tests.support.virtual import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]


@pytest.fixture
async def supply() -> Supply:
    """It has 10 V and 1 A."""
    supply = Supply()
    supply.has |= {"volts": 10.0, "amps": 1.0}
    return supply
