"""One ECC server in memory, on a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.ecc import Lab, laboratory
from tests.support.virtual import clock, pytest_asyncio_loop_factories

__all__ = ["clock", "pytest_asyncio_loop_factories"]


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    """A server that is Idle, seen, with its list read and a configuration chosen."""
    async with laboratory() as lab:
        yield lab
