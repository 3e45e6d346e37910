"""A lamp with PVs of every sort, and what comes over the wire of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daqpv.core import Condition
from tests.support.lamp import Lamp, LampGroup


@pytest.fixture
def lamp(monkeypatch: pytest.MonkeyPatch) -> Lamp:
    """A lamp whose stamps may be far ahead."""
    monkeypatch.setattr("daqpv.core.timing.clock.AHEAD", 2e9)
    return Lamp()


@pytest.fixture
def group(lamp: Lamp) -> LampGroup:
    group = LampGroup(lamp)
    lamp.watch(group.show)
    lamp.change(
        replace(lamp.snapshot, known=True, online=True, condition=Condition.OK), at=2e9
    )
    return group
