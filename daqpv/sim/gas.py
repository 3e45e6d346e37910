"""Simulates a gas system of another IOC, as a plain caproto group."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from caproto.server import PVGroup, pvproperty

PERIOD = 1.0  # [s]


class GasGroup(PVGroup):  # type: ignore[misc]  # caproto has no types
    """Pressure and temperature of a gas that is kept near its setpoints."""

    pressure = pvproperty(
        name="Pressure", value=300.0, units="Torr", precision=2, read_only=True
    )
    temperature = pvproperty(
        name="Temperature", value=21.0, units="C", precision=2, read_only=True
    )

    async def run(self) -> None:
        """Let both drift around their setpoints, until cancelled."""
        while True:
            await self._drift(self.pressure, 300.0, 0.3)
            await self._drift(self.temperature, 21.0, 0.02)
            await asyncio.sleep(PERIOD)

    async def _drift(self, pv: Any, set_point: float, step: float) -> None:
        pull = 0.1 * (set_point - pv.value)
        await pv.write(pv.value + pull + random.gauss(0.0, step))
