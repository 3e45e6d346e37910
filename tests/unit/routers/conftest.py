"""A data router in memory, on a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.routers import Watched
from tests.support.virtual import clock, pytest_asyncio_loop_factories

__all__ = ["clock", "pytest_asyncio_loop_factories"]


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    """A router that is followed and was seen."""
    watched = Watched()
    task = asyncio.ensure_future(watched.router.run())
    await watched.until(lambda: watched.snapshot.online)
    yield watched
    task.cancel()
    await asyncio.wait({task})
    assert watched.link.in_use == 0
