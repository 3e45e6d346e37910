"""Devices and what they are made of, on a clock that jumps."""

from __future__ import annotations

from tests.unit.ecc.conftest import (
    VirtualLoop,
    no_task_is_left,
    pytest_asyncio_loop_factories,
)

__all__ = ["VirtualLoop", "no_task_is_left", "pytest_asyncio_loop_factories"]
