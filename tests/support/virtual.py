"""An event loop and clocks on which time passes at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

import pytest

from daqpv import core
from daqpv.testing import VirtualClock, VirtualLoop, run_virtual


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Hook of pytest-asyncio: a conftest that imports it puts its tests on the loop."""
    return {"virtual": VirtualLoop}


class Clock(VirtualClock):
    """The clock of what a test makes, by the time of the event loop."""

    step = 0.0  # [s] by which the wall clock was set

    def time(self) -> float:
        return super().time() + self.step


CLOCK = Clock()


@pytest.fixture(autouse=True)
def clock() -> Clock:
    """The clock of all models in memory; nobody has set it yet."""
    random.seed(20009)
    CLOCK.step = 0.0
    return CLOCK


class SetClock(core.Clock):
    """The clocks of this computer, as if time had passed, or one had set them."""

    passed = 0.0  # [s] by which all clocks are ahead
    step = 0.0  # [s] by which the wall clock was set

    def time(self) -> float:
        return super().time() + self.passed + self.step

    def monotonic(self) -> float:
        return super().monotonic() + self.passed

    def steady(self) -> float:
        return super().steady() + self.passed


play = run_virtual
