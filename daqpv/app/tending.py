"""Devices that run until the process ends, whatever their code does."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from daqpv.core import Condition, Device

_log = logging.getLogger(__name__)

RESTART_DELAY = 5.0  # [s] before a device whose code failed is started again


async def tend(device: Device[Any]) -> None:
    """Run `device`; if its code fails, say so and begin it anew: nobody else stops."""
    while True:
        try:
            await device.run()
        except Exception:  # a kind may be anybody's: its failure stays its own
            _log.exception("%s failed; it is begun anew", device.name)
            device.change(
                replace(
                    device.snapshot,
                    condition=Condition.ERROR,
                    message="Internal error, see the log. It is begun anew.",
                )
            )
        await asyncio.sleep(RESTART_DELAY)
