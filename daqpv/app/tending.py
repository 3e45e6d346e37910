"""Runs devices until the process ends, and restarts those whose code fails."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from daqpv.core import RemoteView, Shown
from daqpv.core.plugins import reason

_log = logging.getLogger(__name__)

RESTART_DELAY = 5.0  # [s] before a device whose code failed is started again
LONGEST_DELAY = 300.0  # [s] the delay doubles up to this
_STABLE = 60.0  # [s] after which a further failure counts as the first one


async def tend(device: Shown[Any] | RemoteView, maker: str = "") -> None:
    """Run `device` until cancelled: if its code fails or ends, it is started again.

    Until then it is in Error, and the values that are read from it are INVALID. Other
    devices go on.

    Args:
        device: may be of a third party.
        maker: the kind and distribution of a third party's device, for its message.
    """
    delay = RESTART_DELAY
    while True:
        began = time.monotonic()
        why = await _failure(device, maker)
        if time.monotonic() - began > _STABLE:
            delay = RESTART_DELAY
        if isinstance(device, Shown):
            of = f" of {maker}" if maker else ""
            device.crashed(
                f"Internal error{of}: {why}. It is started again in {delay:g} s"
            )
        await asyncio.sleep(delay)
        delay = min(2 * delay, LONGEST_DELAY)


async def _failure(device: Shown[Any] | RemoteView, maker: str) -> str:
    """Run `device`, and return why it ended."""
    task = asyncio.current_task()
    try:
        await device.run()
    except asyncio.CancelledError as error:
        if task is None or task.cancelling():
            raise
        return reason(error)  # of a task of its own, which it has not caught
    except (Exception, SystemExit) as error:
        _log.exception("%s failed and is started again", maker or device.name)
        return reason(error)
    _log.error("%s: run() of %s has ended", maker or "daqpv", device.name)
    return "its run() has ended"
