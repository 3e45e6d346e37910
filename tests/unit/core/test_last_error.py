"""How long LastError stays: for who has to read it, and until it is over."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from daqpv.core import Device, DeviceSnapshot, Events, Origin, origin
from daqpv.errors import RefusedError
from tests.support.virtual import SetClock

ANNA, OTTO = Origin("anna", "console"), Origin("otto", "laptop")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValveSnapshot(DeviceSnapshot):
    period: float = 1.0


class Valve(Device[ValveSnapshot]):
    """Opens, and refuses to."""

    def __init__(self) -> None:
        self.times = SetClock()
        super().__init__("valve", ValveSnapshot(), events=Events(), clock=self.times)

    @property
    def error(self) -> str:
        return self.snapshot.last_error

    def opens(self, by: Origin | None) -> None:
        token = origin.set(by)
        with self.command("open"):
            pass
        origin.reset(token)

    def put(self, pv: str, by: Origin, *, error: RefusedError | None = None) -> None:
        """As the PV server does it."""
        token, began = origin.set(by), time.monotonic()
        if error is not None:
            self.refuse(f"put to {pv}", error)
        self.put_ended(pv, began, error)
        origin.reset(token)


@pytest.fixture
async def valve() -> Valve:
    """Anna was refused a put to its period."""
    valve = Valve()
    valve.put("V:Period", ANNA, error=RefusedError("-7 is outside the limits"))
    assert "outside the limits" in valve.error
    return valve


async def test_the_same_operator_does_any_command_well(valve: Valve) -> None:
    valve.opens(ANNA)
    assert valve.error == ""


async def test_the_same_operator_does_the_same_put_well(valve: Valve) -> None:
    valve.put("V:Other", ANNA)
    assert valve.error
    valve.put("V:Period", ANNA)
    assert valve.error == ""


async def test_another_operator_leaves_time_to_read_it(valve: Valve) -> None:
    valve.opens(OTTO)
    valve.put("V:Period", OTTO)
    valve.opens(None)
    assert valve.error
    valve.times.passed = 61.0
    valve.opens(OTTO)
    assert valve.error == ""


async def test_what_nobody_did_is_over_with_the_next_good_command(valve: Valve) -> None:
    valve.failed("lost", "it leaks")
    valve.opens(OTTO)
    assert valve.error == ""


async def test_a_command_that_began_before_the_failure_says_nothing_of_it() -> None:
    valve = Valve()
    token = origin.set(ANNA)
    with valve.command("open"):
        valve.refuse("close", RefusedError("valve is busy"))
    origin.reset(token)
    assert "valve is busy" in valve.error
