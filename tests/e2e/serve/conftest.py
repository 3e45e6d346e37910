"""An experiment that a test serves and ends itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

END = 2.0 + 4.0  # [s] from the signal to the end; a busy machine may take longer


def ended_by(number: int, running: Any) -> float:
    """Send a signal; the time until the process has ended, which must be well [s]."""
    begin = time.monotonic()
    code = running.end(number)
    took = time.monotonic() - begin
    assert (code, "Traceback" in running.text) == (0, False), running.text
    return took


@pytest.fixture
def lab(simulated_lab: Any) -> Iterator[Any]:
    """Two simulated CoBos in Idle, without faults, under a prefix of their own."""
    simulated_lab.renew()
    yield simulated_lab
    simulated_lab.serve_no_more()
    for name in simulated_lab.urls:
        sim = simulated_lab.sim(name)
        sim("/faults", "DELETE")
        sim("/restart", "POST")


@pytest.fixture
def cobo(lab: Any) -> Any:
    return lab.client()
