"""Servers that do not answer: said once, told apart, and followed for ever."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Condition, EventSeverity, Result
from daqpv.ecc import EccState, Operation, Transition
from daqpv.errors import (
    BusyError,
    LinkError,
    RefusedError,
)
from tests.support.ecc import PREFIX, Fault, Lab, laboratory

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState

SORTS = [
    (Fault.OFFLINE, Condition.OFFLINE),
    (Fault.CUT, Condition.OFFLINE),
    (Fault.HANG, Condition.HUNG),
    (Fault.GARBAGE, Condition.ERROR),
]


async def lose(lab: Lab, fault: Fault = Fault.OFFLINE) -> None:
    lab.server.state_fault = fault
    await lab.until(lambda: lab.now.is_lost)


@pytest.mark.parametrize(("fault", "condition"), SORTS)
async def test_the_sorts_of_loss_are_told_apart(
    lab: Lab, fault: Fault, condition: Condition
) -> None:
    await lose(lab, fault)
    assert lab.now.condition is condition


@pytest.mark.parametrize(("fault", "condition"), SORTS)
async def test_only_who_answers_is_online(
    lab: Lab, fault: Fault, condition: Condition
) -> None:
    await lose(lab, fault)
    assert lab.now.online is (condition is Condition.ERROR)


async def test_a_server_is_lost_after_three_polls(lab: Lab) -> None:
    lab.server.state_fault = Fault.OFFLINE
    before = lab.server.polls
    await lab.until(lambda: lab.now.is_lost)
    assert lab.server.polls - before == 3


async def test_a_death_is_seen_within_four_seconds(lab: Lab) -> None:
    lab.server.process.die()
    await lab.until(lambda: not lab.now.online, within=4.0)


async def test_a_server_that_misses_two_polls_is_not_lost(lab: Lab) -> None:
    for _ in range(20):
        lab.server.state_fault = Fault.OFFLINE
        await lab.pass_time(2.0)
        lab.server.state_fault = None
        await lab.pass_time(1.1)
    assert lab.now.condition is Condition.OK
    assert lab.texts("lost") == []


async def test_a_loss_is_one_event(lab: Lab) -> None:
    await lose(lab)
    [event] = [event for event in lab.events if event.name == "lost"]
    assert event.severity is EventSeverity.ERROR
    assert event.text.startswith("Offline: CoBo0: ")


@pytest.mark.parametrize(("fault", "condition"), SORTS)
async def test_a_lost_server_is_silent(
    lab: Lab, fault: Fault, condition: Condition
) -> None:
    await lose(lab, fault)
    events, shown, polls = len(lab.events), len(lab.shown), lab.server.polls
    await lab.until(lambda: lab.server.polls >= polls + 100, within=1000.0)
    assert (len(lab.events), len(lab.shown)) == (events, shown)
    assert lab.now.errors == 1


async def test_a_server_that_wavers_between_offline_and_hung_is_silent(
    lab: Lab,
) -> None:
    await lose(lab)
    events, shown, polls = len(lab.events), len(lab.shown), lab.server.polls
    while lab.server.polls < polls + 100:
        one = lab.server.polls
        lab.server.state_fault = Fault.HANG if one % 2 else Fault.OFFLINE
        await lab.polled()
    assert (len(lab.events), len(lab.shown)) == (events, shown)


async def test_a_lasting_change_from_offline_to_hung_shows(lab: Lab) -> None:
    await lose(lab)
    lab.server.state_fault = Fault.HANG
    await lab.until(lambda: lab.now.condition is Condition.HUNG, within=20.0)
    assert len(lab.texts("lost")) == 2


async def test_a_server_lost_in_a_transition_is_polled_at_its_period() -> None:
    async with laboratory(poll_period=5.0) as lab:
        lab.server.durations["Describe"] = 100.0
        other = asyncio.ensure_future(lab.server.foreign("Describe"))
        await lab.until(lambda: lab.now.transitioning)
        await lose(lab)
        before = lab.server.polls
        await lab.pass_time(50.0)
        assert lab.server.polls - before in (10, 11)
        await other


async def test_one_question_is_asked_at_a_time(lab: Lab) -> None:
    lab.server.fault = Fault.CUT
    lab.server.state_fault = Fault.HANG
    await lab.pass_time(2.0)
    await asyncio.wait({lab.put(lab.ecc.reach(READY))})
    lab.server.state_fault = None
    await lab.until(lambda: not lab.now.is_lost)
    await lab.ecc.reach(READY)
    assert lab.server.asked_at_once == 1


async def test_a_lost_server_comes_back_by_itself(lab: Lab) -> None:
    await lose(lab)
    lab.server.state_fault = None
    await lab.until(lambda: lab.now.condition is Condition.OK, within=2.0)
    assert lab.now.online
    assert lab.texts("online")[-1] == "CoBo0 answers again: Idle"
    assert lab.now.message == "Connected again: Idle"


async def test_what_happened_while_it_was_lost_is_said(lab: Lab) -> None:
    await lab.at(READY)
    await lose(lab)
    lab.server.set(IDLE)
    lab.server.state_fault = None
    await lab.until(lambda: lab.now.state is IDLE)
    assert lab.texts("state") == [
        "CoBo0: Idle -> Ready, asked by another client",
        "CoBo0: Ready -> Idle while it was lost",
    ]


async def test_a_server_that_was_never_there_has_no_state_before() -> None:
    async with laboratory(start=False) as lab:
        await lose(lab)
        lab.server.state_fault = None
        await lab.until(lambda: lab.now.state is IDLE)
        assert lab.texts("state") == []
        assert lab.now.message == "Connected: Idle"


async def test_a_lost_server_keeps_its_last_state(lab: Lab) -> None:
    await lab.at(READY)
    await lose(lab)
    assert lab.now.state is READY


async def test_a_wish_upward_to_a_lost_server_is_refused(lab: Lab) -> None:
    await lose(lab)
    with pytest.raises(RefusedError, match=r"Offline: CoBo0: .*Nothing was sent"):
        await lab.ecc.reach(READY)
    assert lab.sent == []


async def test_a_wish_upward_to_a_server_just_gone_is_refused(lab: Lab) -> None:
    lab.server.process.die()
    with pytest.raises(RefusedError, match="Nothing was sent"):
        await lab.ecc.reach(READY)
    assert lab.now.result is Result.REFUSED


async def test_the_way_down_of_a_lost_server_is_tried(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lose(lab)
    lab.server.state_fault = None
    await lab.ecc.reach(READY)
    assert lab.sent == ["Stop"]


async def test_the_way_down_of_a_dead_server_fails(lab: Lab) -> None:
    await lab.at(RUNNING)
    lab.server.process.die()
    with pytest.raises(LinkError, match="nobody answers"):
        await lab.ecc.reach(READY)
    assert lab.now.result is Result.FAILED


async def test_a_broken_server_is_online(lab: Lab) -> None:
    await lab.at(BROKEN)
    assert (lab.now.condition, lab.now.online) == (Condition.BROKEN, True)


async def test_when_it_was_last_seen_moves_every_ten_seconds(lab: Lab) -> None:
    await lab.pass_time(60.0)
    times = [
        snapshot.last_seen for names, snapshot in lab.shown if "last_seen" in names
    ]
    assert len(times) in (7, 8)  # with the first sight, and the watcher's first call
    assert lab.now.last_seen.endswith(" UTC")


# Polling


async def test_a_server_at_rest_is_polled_at_its_period(lab: Lab) -> None:
    before = lab.server.polls
    await lab.pass_time(10.0)
    assert lab.server.polls - before in (10, 11)


async def test_a_server_in_transition_is_polled_faster(lab: Lab) -> None:
    lab.server.durations["Describe"] = 20.0
    other = asyncio.ensure_future(lab.server.foreign("Describe"))
    await lab.until(lambda: lab.now.transitioning)
    before = lab.server.polls
    await lab.pass_time(10.0)
    assert lab.server.polls - before in (50, 51)
    await other


async def test_the_period_can_be_set(lab: Lab) -> None:
    await lab.ecc.poll_every(5.0)
    await lab.pass_time(0.1)
    before = lab.server.polls
    await lab.pass_time(50.0)
    assert lab.server.polls - before in (10, 11)


@pytest.mark.parametrize("period", [0.0, -1.0, 0.01, 1e9, float("nan"), float("inf")])
async def test_a_period_that_is_none_is_refused(lab: Lab, period: float) -> None:
    with pytest.raises(RefusedError, match=r"0\.2 to 60 s"):
        await lab.ecc.poll_every(period)
    assert (lab.now.poll_period, lab.now.result) == (1.0, Result.REFUSED)
    await lab.pass_time(5.0)


# Disabled


async def test_a_disabled_server_is_not_polled(lab: Lab) -> None:
    await lab.ecc.enable(False)
    before = lab.server.polls
    await lab.pass_time(100.0)
    assert lab.server.polls == before


async def test_a_server_disabled_from_the_start_is_not_polled() -> None:
    async with laboratory(start=False, enabled=False) as lab:
        await lab.pass_time(100.0)
        assert (lab.server.polls, lab.server.listings) == (0, 0)
        assert lab.now.condition is Condition.DISABLED


async def test_a_disabled_server_keeps_its_values(lab: Lab) -> None:
    await lab.at(READY)
    await lab.ecc.enable(False)
    lab.server.set(IDLE)
    await lab.pass_time(10.0)
    assert (lab.now.state, lab.now.condition) == (READY, Condition.DISABLED)


async def test_a_disabled_server_that_dies_is_no_loss(lab: Lab) -> None:
    await lab.ecc.enable(False)
    lab.server.process.die()
    await lab.pass_time(30.0)
    assert (lab.now.condition, lab.texts("lost")) == (Condition.DISABLED, [])


async def test_a_server_is_followed_again_when_enabled(lab: Lab) -> None:
    await lab.ecc.enable(False)
    lab.server.set(READY)
    await lab.ecc.enable(True)
    await lab.until(lambda: lab.now.state is READY, within=1.5)
    assert lab.now.condition is Condition.OK


async def test_a_server_has_three_polls_when_enabled(lab: Lab) -> None:
    await lose(lab)
    await lab.ecc.enable(False)
    await lab.ecc.enable(True)
    before = lab.server.polls
    await lab.until(lambda: lab.now.known)
    assert lab.server.polls - before == 3


async def test_a_poll_that_fails_after_disabling_is_no_loss(lab: Lab) -> None:
    lab.server.state_fault = Fault.HANG
    before = lab.server.polls
    await lab.until(lambda: lab.server.polls == before + 3)  # the third is under way
    await lab.ecc.enable(False)
    await lab.pass_time(10.0)
    assert (lab.now.condition, lab.texts("lost")) == (Condition.DISABLED, [])


async def test_a_dead_server_is_lost_when_enabled(lab: Lab) -> None:
    await lab.ecc.enable(False)
    lab.server.process.die()
    await lab.ecc.enable(True)
    assert not lab.now.known
    await lab.until(lambda: lab.now.condition is Condition.OFFLINE and lab.now.known)
    assert len(lab.texts("lost")) == 1


async def test_a_wish_upward_to_a_disabled_server_is_refused_with_the_cure(
    lab: Lab,
) -> None:
    await lab.ecc.enable(False)
    with pytest.raises(RefusedError, match=f"caput {PREFIX}Enable 1"):
        await lab.ecc.reach(READY)
    assert lab.sent == []


async def test_a_disabled_server_lower_than_it_seemed_is_not_taken_up(
    lab: Lab,
) -> None:
    await lab.at(READY)
    await lab.ecc.enable(False)
    lab.server.restart()  # Idle now, and nobody saw it
    with pytest.raises(RefusedError, match="Enable 1"):
        await lab.ecc.reach(PREPARED)
    assert lab.sent == []


async def test_a_disabled_paused_server_is_not_resumed(lab: Lab) -> None:
    await lab.at(PAUSED)
    await lab.ecc.enable(False)
    with pytest.raises(RefusedError, match="Enable 1"):
        await lab.ecc.reach(RUNNING)
    assert lab.sent == []


async def test_a_disabled_server_can_be_taken_down(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lab.ecc.enable(False)
    await lab.ecc.operate(Operation.STOP)
    assert (lab.now.state, lab.now.condition) == (READY, Condition.DISABLED)


async def test_a_busy_server_is_not_disabled(lab: Lab) -> None:
    going = lab.put(lab.ecc.reach(READY))
    await lab.until(lambda: lab.sent)
    with pytest.raises(BusyError):
        await lab.ecc.enable(False)
    await going
    assert lab.now.enabled


async def test_a_server_disabled_after_an_abort_shows_how_the_operation_ended(
    lab: Lab,
) -> None:
    going = lab.put(lab.ecc.reach(READY))
    await lab.until(lambda: lab.sent)
    lab.ecc.abort()
    await asyncio.wait({going})
    await lab.ecc.enable(False)
    await lab.pass_time(5.0)
    assert (lab.now.state, lab.now.transition) == (DESCRIBED, Transition.NONE)
    assert lab.now.condition is Condition.DISABLED
