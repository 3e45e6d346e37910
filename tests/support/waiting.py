"""Wait for a condition, with a deadline that fits a busy machine."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from daqpv.core import Device

T = TypeVar("T")

DEADLINE = 30.0  # [s]


def until(
    condition: Callable[[], T | None],
    what: str | Callable[[], str],
    timeout: float = DEADLINE,
) -> T:
    """Wait until `condition()` is true, and return it; else fail with `what`."""
    end = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > end:
            _fail(what, timeout)
        threading.Event().wait(0.01)
    return result


async def soon(
    condition: Callable[[], T | None],
    what: str | Callable[[], str],
    timeout: float = DEADLINE,
) -> T:
    """The same while the event loop runs."""
    end = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > end:
            _fail(what, timeout)
        await asyncio.sleep(0.01)
    return result


async def shows(device: Device[Any], condition: Callable[[Any], bool]) -> None:
    """Wait for a snapshot of `device` that fulfils `condition`."""
    fulfilled = asyncio.Event()
    device.watch(lambda now, _: fulfilled.set() if condition(now) else None)
    async with asyncio.timeout(DEADLINE):
        await fulfilled.wait()


def _fail(what: str | Callable[[], str], timeout: float) -> None:
    text = what if isinstance(what, str) else what()
    pytest.fail(f"not within {timeout:g} s: {text}")
