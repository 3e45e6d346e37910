"""An event loop and clocks on which time passes at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping

import pytest

from daqpv import core
from daqpv.testing import VirtualLoop

    def passes(self, seconds: float) -> None:
        """Let time pass while the loop is blocked."""
        self._clock.now += seconds


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Hook of pytest-asyncio: a conftest that imports it puts its tests on the loop."""
    return {"virtual": VirtualLoop}


class Clock(core.Clock):
    """The clock of what a test makes, by the time of the event loop."""

    step = 0.0  # [s] by which the wall clock was set

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def steady(self) -> float:
        return self.monotonic()

    def time(self) -> float:
        return 1.8e9 + self.step + self.monotonic()


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


def play(work: Coroutine[object, object, None]) -> None:
    """Run `work` on a clock that jumps."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work)
