"""The way between any two states."""

from __future__ import annotations

import pytest

from daqpv.ecc import EccState
from daqpv.ecc.path import back, path
from tests.support.ecc import Lab

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState

UP = ["Describe", "Prepare", "Configure", "Start", "Pause"]
DOWN = {
    BROKEN: [],
    IDLE: [],
    DESCRIBED: ["Undo"],
    PREPARED: ["Undo", "Undo"],
    READY: ["Breakup", "Undo", "Undo"],
    RUNNING: ["Stop", "Breakup", "Undo", "Undo"],
    PAUSED: ["Stop", "Breakup", "Undo", "Undo"],
}


def the_way(start: EccState, target: EccState) -> list[str]:
    """As an operator would say it."""
    if start is target:
        return []
    if start is BROKEN:
        return ["Breakup", *the_way(PREPARED, target)]
    if (start, target) == (PAUSED, RUNNING):
        return ["Resume"]
    if target > start:
        return UP[start - 1 : target - 1]
    return DOWN[start][: len(DOWN[start]) - len(DOWN[target])]


PAIRS = [(start, target) for start in EccState for target in list(EccState)[1:]]


@pytest.mark.parametrize(("start", "target"), PAIRS)
def test_the_way_between_two_states_is_the_operators(
    start: EccState, target: EccState
) -> None:
    assert [one.value for one in path(start, target)] == the_way(start, target)


@pytest.mark.parametrize(("start", "target"), PAIRS)
async def test_a_server_is_walked_from_any_state_to_any_other(
    lab: Lab, start: EccState, target: EccState
) -> None:
    await lab.at(start)
    await lab.ecc.reach(target)
    assert (lab.sent, lab.now.state) == (the_way(start, target), target)


@pytest.mark.parametrize("start", [s for s in EccState if s is not IDLE])
async def test_a_step_back_is_the_first_step_of_the_way_down(
    lab: Lab, start: EccState
) -> None:
    await lab.at(start)
    await lab.ecc.step_back()
    expected = ["Breakup"] if start is BROKEN else the_way(start, IDLE)[:1]
    assert lab.sent == expected


def test_there_is_no_state_before_idle() -> None:
    assert back(IDLE) is None
