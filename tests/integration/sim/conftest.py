"""A simulated ECC server, and a client that knows literal bytes only."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from daqpv.sim.ecc import Behaviour, EccSimulator
from tests.support.sim import Client


@pytest.fixture
async def simulator() -> AsyncIterator[EccSimulator]:
    async with EccSimulator("CoBo0", behaviour=Behaviour(speed=1000)) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: EccSimulator) -> Client:
    return Client(simulator)
