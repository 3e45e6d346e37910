"""The steps of a ramp."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from daqpv.instruments.gate.ramp import Beat, Ramp
from daqpv.testing import VirtualClock, run_virtual


def steps(ramp: Ramp, *sizes: float) -> list[float]:
    given = [ramp.next(size) for size in sizes]
    while not ramp.is_over:
        given.append(ramp.next(sizes[-1]))
    return given


def test_the_last_step_ends_exactly_at_the_target() -> None:
    assert steps(Ramp(0, 1), 0.3) == [0.3, 0.6, 0.8999999999999999, 1]
    assert steps(Ramp(1, 0), 0.4) == [0.6, 0.19999999999999996, 0]


def test_a_rest_of_rounding_is_no_step_of_its_own() -> None:
    assert steps(Ramp(0, 0.3), 0.1) == [0.1, 0.2, 0.3]


def test_another_size_holds_from_the_next_step() -> None:
    assert steps(Ramp(0, 10), 1, 1, 4) == [1, 2, 6, 10]


def test_whole_numbers_are_never_ahead_of_the_ramp() -> None:
    assert steps(Ramp(0, 3, is_whole=True), 0.5) == [0, 1, 1, 2, 2, 3]
    assert steps(Ramp(3, 1, is_whole=True), 0.75) == [3, 2, 1]


reals = st.floats(-1e6, 1e6)


@given(reals, reals, st.floats(0.01, 1.0))
def test_any_ramp_keeps_its_pace_and_direction(
    start: float, target: float, part: float
) -> None:
    size = part * max(abs(target - start), 1e-3)
    ramp, before = Ramp(start, target), start
    for value in steps(ramp, size):
        assert abs(value - before) <= size * (1 + 1e-6) + 1e-9
        assert min(start, target) <= value <= max(start, target)
        before = value
    assert before == target


def test_a_late_step_is_not_followed_by_a_burst() -> None:
    async def late() -> list[float]:
        beat, rests = Beat(1.0, VirtualClock()), []
        for delay in (0.0, 0.25, 5.0, 0.0):
            await asyncio.sleep(delay)
            rests.append(beat.rest)
            await asyncio.sleep(rests[-1])
            beat.taken()
        return rests

    assert run_virtual(late()) == [0.0, 0.75, 0.0, 1.0]
