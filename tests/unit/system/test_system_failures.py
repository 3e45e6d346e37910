"""Each row of the table failing at each member, and servers that cannot go along."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from daqpv.core import Condition, Result
from daqpv.ecc import EccState
from daqpv.errors import OperationError, RefusedError, UnknownOutcomeError
from daqpv.system import SystemState
from tests.support.ecc import Fault
from tests.support.system import SLAVES, Lab, laboratory

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
MEMBERS = list(SLAVES)
TURNS = {"M S C": ("MuTAnT", "Slave", "CoBo"), "C S M": ("CoBo", "Slave", "MuTAnT")}

ROWS = [
    # from, to, operation, order, what is sent after the failure
    (IDLE, DESCRIBED, "Describe", "at once"),
    (DESCRIBED, PREPARED, "Prepare", "M S C"),
    (PREPARED, READY, "Configure", "C S M"),
    (RUNNING, PAUSED, "Pause", "M S C"),
    (PAUSED, RUNNING, "Resume", "C S M"),
    (READY, PREPARED, "Breakup", "M S C"),
    (PREPARED, DESCRIBED, "Undo", "C S M"),
    (DESCRIBED, IDLE, "Undo", "at once"),
]


def turn(name: str, order: str) -> int:
    groups = TURNS.get(order, ("",))
    return next(i for i, group in enumerate(groups) if name.startswith(group))


@pytest.mark.parametrize("culprit", MEMBERS)
@pytest.mark.parametrize(("state", "target", "what", "order"), ROWS)
async def test_a_failure_halts_after_its_group(
    state: EccState, target: EccState, what: str, order: str, culprit: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        lab[culprit].failures[what] = "no power"
        with pytest.raises(OperationError, match=f"{what}: .*{culprit}.*no power"):
            await lab.system.reach(target)
        asked = {name for name in MEMBERS if turn(name, order) <= turn(culprit, order)}
        assert sorted(lab.sent) == sorted((name, what) for name in asked)
        there = {name for name, at in lab.states.items() if at == target}
        assert there == asked - {culprit}


@pytest.mark.parametrize("culprit", MEMBERS)
async def test_a_failed_start_stops_what_was_started(culprit: str) -> None:
    async with laboratory(SLAVES, READY) as lab:
        lab[culprit].failures["Start"] = "no power"
        with pytest.raises(OperationError, match=f"{culprit}.*no power"):
            await lab.system.reach(RUNNING)
        assert set(lab.states.values()) == {READY}
        asked = {n for n in MEMBERS if turn(n, "C S M") <= turn(culprit, "C S M")}
        stopped = [name for name, what in lab.sent if what == "Stop"]
        assert set(stopped) == asked - {culprit}
        assert stopped == sorted(stopped, key=lambda n: turn(n, "M S C"))
        assert lab.now.result is Result.FAILED


@pytest.mark.parametrize("culprit", MEMBERS)
@pytest.mark.parametrize("state", [RUNNING, PAUSED])
async def test_a_failed_stop_stops_all_others(state: EccState, culprit: str) -> None:
    async with laboratory(SLAVES, state) as lab:
        lab[culprit].failures["Stop"] = "Could not stop run"
        with pytest.raises(OperationError, match=f"{culprit}.*Could not stop run"):
            await lab.system.stop()
        assert lab.states == dict.fromkeys(MEMBERS, READY) | {culprit: state}
        assert len(lab.sent) == len(MEMBERS)


@pytest.mark.parametrize("culprit", MEMBERS)
async def test_a_failed_stop_ends_the_way_down_there(culprit: str) -> None:
    async with laboratory(SLAVES, RUNNING) as lab:
        lab[culprit].failures["Stop"] = "Could not stop run"
        with pytest.raises(OperationError, match=f"{culprit}.*Could not stop run"):
            await lab.system.reach(IDLE)
        assert lab.states == dict.fromkeys(MEMBERS, READY) | {culprit: RUNNING}


async def test_the_refusal_of_a_first_step_sends_nothing_and_is_a_refusal() -> None:
    async with laboratory(config=None) as lab:
        with pytest.raises(RefusedError, match=r"caput -S AT:ECC:MuTAnT:Config"):
            await lab.system.reach(DESCRIBED)
        assert (lab.sent, lab.now.result) == ([], Result.REFUSED)


async def test_a_configuration_that_is_not_listed_is_told_before_anything_is_sent(
    lab: Lab,
) -> None:
    lab["CoBo1"].list = []
    await lab.eccs["CoBo1"].refresh_configs()
    with pytest.raises(RefusedError, match="CoBo1 does not list the configuration"):
        await lab.system.reach(READY)
    assert lab.sent == []


async def test_the_way_down_needs_no_configuration() -> None:
    async with laboratory(states=RUNNING, config=None) as lab:
        await lab.system.reach(IDLE)
        assert set(lab.states.values()) == {IDLE}


async def test_after_a_failure_the_same_put_goes_on_from_there(lab: Lab) -> None:
    lab["CoBo1"].failures["Prepare"] = "no power"
    with pytest.raises(OperationError):
        await lab.system.reach(READY)
    await lab.system.reach(READY)
    assert set(lab.states.values()) == {READY}
    assert lab.now.last_error == ""


async def test_the_failures_of_many_are_counted(lab: Lab) -> None:
    for member in lab.members.values():
        member.failures["Describe"] = "no power"
    with pytest.raises(OperationError, match=r"And 1 more\."):
        await lab.system.reach(READY)


# Broken


async def test_a_broken_server_is_broken_up_and_goes_along(lab: Lab) -> None:
    await lab.at(READY)
    await lab.at({"CoBo1": BROKEN})
    await lab.system.reach(READY)
    assert set(lab.states.values()) == {READY}
    assert lab.sent[:2] == [("MuTAnT", "Breakup"), ("CoBo1", "Breakup")]


async def test_a_broken_server_that_stays_so_halts_the_way_up(lab: Lab) -> None:
    await lab.at(READY)
    await lab.at({"CoBo1": BROKEN})
    lab["CoBo1"].process.halted = True
    with pytest.raises(OperationError, match=r"CoBo1.*Restart getEccSoapServer"):
        await lab.system.reach(READY)
    assert [what for name, what in lab.sent if name == "CoBo1"] == ["Breakup"]


async def test_a_broken_server_that_stays_so_is_left_behind_on_the_way_down(
    lab: Lab,
) -> None:
    await lab.at(RUNNING)
    await lab.at({"CoBo1": BROKEN})
    lab["CoBo1"].process.halted = True
    with pytest.raises(OperationError, match=r"CoBo1.*Restart getEccSoapServer"):
        await lab.system.reach(IDLE)
    assert lab.states == {"MuTAnT": 1, "CoBo0": 1, "CoBo1": 0, "CoBo2": 1}
    assert [what for name, what in lab.sent if name == "CoBo1"] == ["Breakup"]


async def test_beside_a_broken_server_nobody_is_started(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lab.at({"CoBo1": BROKEN})
    with pytest.raises(RefusedError, match=r"First: caput AT:Sys:Stop 1"):
        await lab.system.reach(PAUSED)
    assert lab.sent == []


# Lost


@pytest.mark.parametrize("fault", [Fault.OFFLINE, Fault.HANG, Fault.GARBAGE])
@pytest.mark.parametrize("target", [READY, RUNNING])
async def test_a_lost_server_refuses_the_way_up(
    lab: Lab, target: EccState, fault: Fault
) -> None:
    await lab.lost("CoBo1", fault=fault)
    with pytest.raises(RefusedError, match=r"CoBo1 is .*caput AT:ECC:CoBo1:Enable 0"):
        await lab.system.reach(target)
    assert lab.sent == []


async def test_of_all_lost_servers_it_is_said_how_to_go_without(lab: Lab) -> None:
    await lab.lost("CoBo0", "CoBo1")
    both = "caput AT:ECC:CoBo0:Enable 0 and caput AT:ECC:CoBo1:Enable 0"
    with pytest.raises(RefusedError, match=f"go without them: {both}"):
        await lab.system.reach(READY)


async def test_whom_no_process_serves_cannot_be_disabled_so_it_is_not_proposed(
    lab: Lab,
) -> None:
    await lab.lost("CoBo1")
    lab.eccs["CoBo1"].change(
        replace(lab.eccs["CoBo1"].snapshot, served=False)
    )  # as one that another process served
    cure = r"CoBo1 is not served\. Start daqpv serve for it .*--only ecc\.CoBo1"
    with pytest.raises(RefusedError, match=cure):
        await lab.system.reach(READY)


async def test_a_server_lost_in_a_transition_keeps_the_system_moving_no_longer(
    lab: Lab,
) -> None:
    lab["CoBo1"].durations["Describe"] = 100.0
    describing = asyncio.ensure_future(lab["CoBo1"].foreign("Describe"))
    await lab.until(lambda: lab.now.transitioning)
    await lab.lost("CoBo1")
    assert lab.eccs["CoBo1"].snapshot.transitioning  # as it was seen last
    assert not lab.now.transitioning
    describing.cancel()


@pytest.mark.parametrize("fault", [Fault.OFFLINE, Fault.HANG, Fault.GARBAGE])
@pytest.mark.parametrize("name", ["MuTAnT", "CoBo1"])
async def test_a_lost_server_is_left_behind_on_the_way_down(
    lab: Lab, name: str, fault: Fault
) -> None:
    await lab.at(RUNNING)
    await lab.lost(name, fault=fault)
    with pytest.raises(OperationError, match=f"{name} is "):
        await lab.system.reach(IDLE)
    assert lab.states == dict.fromkeys(lab.members, IDLE) | {name: RUNNING}
    assert lab.now.result is Result.FAILED


async def test_everything_offline_refuses_the_way_up_and_fails_stop(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lab.lost(*lab.members)
    for target in (IDLE, READY, PAUSED):
        with pytest.raises(RefusedError, match="are Offline"):
            await lab.system.reach(target)
    with pytest.raises(OperationError, match="MuTAnT is Offline: it may still"):
        await lab.system.stop()
    with pytest.raises(RefusedError, match="No server answers"):
        await lab.system.step_back()
    assert lab.sent == []
    assert lab.now.condition is Condition.OFFLINE


async def test_without_an_enabled_server_nothing_is_done() -> None:
    async with laboratory(disabled=set(SLAVES), roles=SLAVES) as lab:
        with pytest.raises(RefusedError, match="No ECC server is enabled"):
            await lab.system.reach(READY)
        await lab.system.stop()
        assert lab.sent == []


# Stop, when somebody does not


async def test_the_cobos_stop_though_the_mutant_is_known_to_hang(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lab.lost("MuTAnT", fault=Fault.HANG)
    began = lab.now.time
    with pytest.raises(OperationError, match="MuTAnT is Hung: it may still take data"):
        await lab.system.stop()
    assert lab.states == {"MuTAnT": 5, "CoBo0": 4, "CoBo1": 4, "CoBo2": 4}
    assert lab.now.time - began < 5.0


@pytest.mark.parametrize("also_get_state", [False, True])
async def test_the_cobos_stop_within_the_deadline_though_the_mutant_hangs_now(
    lab: Lab, *, also_get_state: bool
) -> None:
    await lab.at(RUNNING)
    lab["MuTAnT"].fault = Fault.DEAF
    lab["MuTAnT"].state_fault = Fault.DEAF if also_get_state else None
    began = lab.now.time
    stopping = lab.put(lab.system.stop())
    await lab.until(
        lambda: all(lab.states[n] == READY for n in lab.states if n != "MuTAnT")
    )
    assert lab.now.time - began < 18.0
    with pytest.raises(OperationError, match="MuTAnT"):
        await stopping
    assert lab.now.time - began < 20.0


async def test_the_cobos_stop_within_the_deadline_though_the_mutant_stops_for_ever(
    lab: Lab,
) -> None:
    await lab.at(RUNNING)
    lab["MuTAnT"].durations["Stop"] = 1000.0
    began = lab.now.time
    with pytest.raises(OperationError, match=r"MuTAnT: no end of Stop within 15 s"):
        await lab.system.stop()
    assert lab.now.time - began < 20.0
    assert lab.states == {"MuTAnT": 5, "CoBo0": 4, "CoBo1": 4, "CoBo2": 4}


async def test_a_hung_cobo_does_not_hold_up_its_group(lab: Lab) -> None:
    await lab.at(RUNNING)
    lab["CoBo0"].fault = Fault.DEAF
    with pytest.raises(OperationError, match="CoBo0"):
        await lab.system.stop()
    stops = [one.time for one in lab.watch.sent if one.what == "Stop"]
    assert max(stops) - min(stops) < 3.0
    assert lab.states == {"MuTAnT": 4, "CoBo0": 5, "CoBo1": 4, "CoBo2": 4}


async def test_an_answer_that_does_not_come_halts_with_a_timeout(lab: Lab) -> None:
    lab["CoBo1"].fault = Fault.DEAF
    with pytest.raises(UnknownOutcomeError, match=r"Describe: .*CoBo1"):
        await lab.system.reach(READY)
    assert lab.now.result is Result.TIMEOUT
    assert lab.watch.order() == ["Describe M", "Describe C"]


# Mixed


async def test_step_back_of_a_mixed_system_is_refused_with_the_cure(lab: Lab) -> None:
    await lab.at(READY)
    await lab.at({"CoBo1": PREPARED})
    with pytest.raises(RefusedError) as info:
        await lab.system.step_back()
    assert str(info.value) == (
        "CoBo1 is Prepared, the others Ready: caput AT:Sys:Target Ready"
    )
    assert lab.sent == []


async def test_step_back_from_idle_is_refused(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="no state before"):
        await lab.system.step_back()


async def test_the_mutant_running_before_a_cobo_refuses_with_stop_first(
    lab: Lab,
) -> None:
    await lab.at(READY)
    await lab.at({"MuTAnT": RUNNING})
    with pytest.raises(RefusedError, match=r"First: caput AT:Sys:Stop 1"):
        await lab.system.reach(RUNNING)
    await lab.system.stop()
    await lab.system.reach(RUNNING)
    assert set(lab.states.values()) == {RUNNING}


async def test_the_rest_is_started_if_the_mutant_is_not_yet(lab: Lab) -> None:
    await lab.at(READY)
    await lab.at({"CoBo1": RUNNING})
    await lab.system.reach(RUNNING)
    assert [name for name, _ in lab.sent] == ["CoBo0", "CoBo2", "MuTAnT"]


@pytest.mark.parametrize("word", ["BROKEN", "MIXED"])
async def test_nobody_goes_to_broken_or_mixed(lab: Lab, word: str) -> None:
    with pytest.raises(RefusedError, match="Choose Idle"):
        await lab.system.reach(SystemState[word])
    assert lab.now.result is Result.REFUSED


async def test_a_server_that_comes_back_in_a_stop_is_stopped_too(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lab.lost("CoBo1")
    lab["CoBo0"].durations["Stop"] = 10.0
    stopping = lab.put(lab.system.stop())
    await lab.on_the_wire("Stop", "CoBo0")
    back = lab["CoBo1"]
    back.state_fault = back.fault = back.list_fault = None
    lab.watch.blind.clear()
    await stopping
    assert set(lab.states.values()) == {READY}


async def test_who_never_got_the_stop_is_named(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lab.lost("CoBo1")
    with pytest.raises(OperationError, match="take data, and it never got the Stop"):
        await lab.system.stop()
    assert lab.states == {"MuTAnT": 4, "CoBo0": 4, "CoBo1": 5, "CoBo2": 4}


async def test_a_server_that_another_client_starts_in_a_stop_is_stopped_again(
    lab: Lab,
) -> None:
    await lab.at(RUNNING)
    lab["CoBo0"].durations["Stop"] = 10.0
    stopping = lab.put(lab.system.stop())
    await lab.on_the_wire("Stop", "CoBo0")
    await lab.until(lambda: lab.states["CoBo1"] == READY)
    lab["CoBo1"].set(RUNNING)
    await stopping
    assert set(lab.states.values()) == {READY}
