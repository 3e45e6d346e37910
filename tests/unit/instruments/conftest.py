"""Instruments in memory, on a clock that jumps."""

from __future__ import annotations

from tests.support.virtual import clock, pytest_asyncio_loop_factories

__all__ = ["clock", "pytest_asyncio_loop_factories"]
