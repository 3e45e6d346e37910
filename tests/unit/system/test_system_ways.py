"""The system from one state to another, in the order of the table."""

from __future__ import annotations

import re

import pytest

from daqpv.core import Result, Severity
from daqpv.ecc import EccState, EccTarget
from daqpv.system import SystemState
from tests.support.system import SLAVES, Lab, laboratory

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState


async def test_idle_to_running_keeps_the_order(slaves: Lab) -> None:
    await slaves.system.reach(RUNNING)
    assert slaves.watch.order() == [
        "Describe M", "Describe S", "Describe C",
        "Prepare M", "Prepare S", "Prepare C",
        "Configure C", "Configure S", "Configure M",
        "Start C", "Start S", "Start M",
    ]  # fmt: skip


async def test_running_to_idle_keeps_the_order(slaves: Lab) -> None:
    await slaves.at(RUNNING)
    await slaves.system.reach(IDLE)
    assert slaves.watch.order() == [
        "Stop M", "Stop S", "Stop C",
        "Breakup M", "Breakup S", "Breakup C",
        "Undo C", "Undo S", "Undo M",
        "Undo S", "Undo C",  # the MuTAnT's second one goes with these
    ]  # fmt: skip


async def test_pause_and_resume_keep_the_order(slaves: Lab) -> None:
    await slaves.at(RUNNING)
    await slaves.system.reach(PAUSED)
    await slaves.system.reach(RUNNING)
    assert slaves.watch.order() == [
        "Pause M", "Pause S", "Pause C", "Resume C", "Resume S", "Resume M"
    ]  # fmt: skip


async def test_a_group_goes_at_once(lab: Lab) -> None:
    await lab.system.reach(DESCRIBED)
    moments = [one.time for one in lab.watch.sent]
    assert len(moments) == 4
    assert max(moments) - min(moments) < 0.1


async def test_idle_to_running_takes_its_critical_path(lab: Lab) -> None:
    began = lab.now.time
    await lab.system.reach(RUNNING)
    assert 14.0 <= lab.now.time - began < 14.3  # seven groups of 2 s


@pytest.mark.parametrize("target", list(EccState)[1:])
@pytest.mark.parametrize("state", list(EccState)[1:])
async def test_from_every_state_to_every_other(
    state: EccState, target: EccState
) -> None:
    async with laboratory(SLAVES, state) as lab:
        await lab.system.reach(target)
        assert set(lab.states.values()) == {target}
        assert lab.now.state is SystemState(target)
        assert lab.now.result is Result.DONE
        assert lab.now.target is EccTarget(target)


async def test_a_put_of_the_state_already_there_sends_nothing(lab: Lab) -> None:
    await lab.system.reach(IDLE)
    assert (lab.sent, lab.now.result) == ([], Result.DONE)


async def test_a_disabled_server_stays_where_it_is() -> None:
    async with laboratory(disabled={"CoBo1"}) as lab:
        await lab.system.reach(READY)
        assert lab.states == {"MuTAnT": 4, "CoBo0": 4, "CoBo1": 1, "CoBo2": 4}
        assert (lab.now.disabled, lab.now.enabled_count, lab.now.total) == (
            ("CoBo1",), 3, 4
        )  # fmt: skip


async def test_the_step_says_who_does_what(lab: Lab) -> None:
    await lab.system.reach(READY)
    steps = list(dict.fromkeys(one.step for one in lab.shown if one.step))
    ends = [step for step in steps if re.search(r"\b(0 of \d+|(\d+) of \2)$", step)]
    assert ends == [
        "Describe: MuTAnT and CoBos, 0 of 4", "Describe: MuTAnT and CoBos, 4 of 4",
        "Prepare: MuTAnT, 0 of 1", "Prepare: MuTAnT, 1 of 1",
        "Prepare: CoBos, 0 of 3", "Prepare: CoBos, 3 of 3",
        "Configure: CoBos, 0 of 3", "Configure: CoBos, 3 of 3",
        "Configure: MuTAnT, 0 of 1", "Configure: MuTAnT, 1 of 1",
    ]  # fmt: skip
    assert "Describe: MuTAnT and CoBos, 1 of 4" in steps


async def test_the_progress_rises_from_0_to_100(lab: Lab) -> None:
    await lab.system.reach(RUNNING)
    progress = [one.progress for one in lab.shown]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0.0, 100.0)
    assert lab.now.step == ""


async def test_mixed_on_the_way_is_no_alarm_and_transitioning(lab: Lab) -> None:
    going = lab.put(lab.system.reach(PREPARED))
    await lab.on_the_wire("Prepare", "CoBo0", "CoBo1", "CoBo2")
    assert (lab.now.state, lab.now.transitioning) == (SystemState.MIXED, True)
    assert lab.now.severity("state") is Severity.NO_ALARM
    await going
    assert not lab.now.transitioning


async def test_between_two_groups_the_system_is_still_on_its_way(lab: Lab) -> None:
    await lab.system.reach(RUNNING)
    first = next(i for i, one in enumerate(lab.shown) if one.transitioning)
    still = [one.transitioning for one in lab.shown[first:]]
    assert still == sorted(still, reverse=True)  # once, without a gap


async def test_the_target_follows_an_accepted_put(lab: Lab) -> None:
    going = lab.put(lab.system.reach(READY))
    await lab.until(lambda: lab.sent)
    assert lab.now.target is EccTarget.READY
    await going


async def test_step_back_goes_one_state_back_for_all(lab: Lab) -> None:
    await lab.at(RUNNING)
    for state in (READY, PREPARED, DESCRIBED, IDLE):
        await lab.system.step_back()
        assert set(lab.states.values()) == {state}


async def test_step_back_from_paused_stops(lab: Lab) -> None:
    await lab.at(PAUSED)
    await lab.system.step_back()
    assert set(lab.states.values()) == {READY}


async def test_stop_stops_and_does_nothing_else(lab: Lab) -> None:
    await lab.at({"MuTAnT": RUNNING, "CoBo0": RUNNING, "CoBo1": READY, "CoBo2": PAUSED})
    await lab.system.stop()
    assert lab.watch.order() == ["Stop M", "Stop C"]
    assert [one.server for one in lab.watch.sent] == ["MuTAnT", "CoBo0", "CoBo2"]


async def test_stop_leaves_what_is_below_ready_alone(lab: Lab) -> None:
    states = {"MuTAnT": IDLE, "CoBo0": RUNNING, "CoBo1": DESCRIBED, "CoBo2": PREPARED}
    await lab.at(states)
    await lab.system.stop()
    assert lab.states == {n: s if s < RUNNING else 4 for n, s in states.items()}


async def test_stop_where_nothing_runs_is_done_and_sends_nothing(lab: Lab) -> None:
    await lab.system.stop()
    assert (lab.sent, lab.now.result) == ([], Result.DONE)
    assert lab.now.target is EccTarget.NONE
