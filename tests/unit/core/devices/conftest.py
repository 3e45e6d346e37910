"""Devices and what they are made of, on a clock that jumps."""

from __future__ import annotations

from tests.support.virtual import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
