"""Commands as an operator types them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def cobo(shared_lab: Any) -> Iterator[Any]:
    """CoBo0 in Idle, without faults."""
    client = shared_lab.client()
    client.until("Online", "Online")
    yield client
    shared_lab.sim()("/faults", "DELETE")
    client.put("State", "Idle")
