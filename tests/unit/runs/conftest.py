"""A run over a detector and routers in memory, on a clock that jumps."""

from __future__ import annotations

import pytest

from tests.support.virtual import Clock, clock, pytest_asyncio_loop_factories

__all__ = ["clock", "pytest_asyncio_loop_factories"]


@pytest.fixture(autouse=True)
def run_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    for module in ("attending", "record.books", "following", "sorting"):
        monkeypatch.setattr(f"daqpv.runs.{module}.time", clock)
    return clock
