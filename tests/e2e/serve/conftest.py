"""An experiment that a test serves and ends itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def lab(simulated_lab: Any) -> Iterator[Any]:
    """Two simulated CoBos in Idle, without faults, under a prefix of their own."""
    simulated_lab.renew()
    before = {name: simulated_lab.sim(name)() for name in simulated_lab.urls}
    yield simulated_lab
    simulated_lab.serve_no_more()
    for name in simulated_lab.urls:
        sim = simulated_lab.sim(name)
        sim("/faults", "DELETE")
        sim("/durations", "PUT", **before[name]["durations"])
        sim("/restart", "POST")


@pytest.fixture
def cobo(lab: Any) -> Any:
    return lab.client()
