"""Single operations, and what a command leaves in the snapshot and in the log."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import product

import pytest

from daqpv.core import EventSeverity, Origin, Result
from daqpv.ecc import LEGAL, DataLink, EccState, EccTarget, Operation, Transition
from daqpv.errors import LinkError, OperationError, RefusedError
from tests.support.ecc import CONFIG, PREFIX, Fault, Lab, acting, laboratory

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
PAIRS = [
    (state, operation)
    for state, operation in product(EccState, Operation)
    if (state, operation) in LEGAL or (state, operation) == (BROKEN, Operation.BREAKUP)
]
ILLEGAL = [pair for pair in product(EccState, Operation) if pair not in PAIRS]


@pytest.mark.parametrize(("state", "operation"), PAIRS)
async def test_a_legal_operation_is_sent_once(
    lab: Lab, state: EccState, operation: Operation
) -> None:
    await lab.at(state)
    await lab.ecc.operate(operation)
    assert lab.server.sent == [operation]


@pytest.mark.parametrize(("state", "operation"), PAIRS)
async def test_a_legal_operation_is_over_when_the_server_is_there(
    lab: Lab, state: EccState, operation: Operation
) -> None:
    await lab.at(state)
    await lab.ecc.operate(operation)
    assert lab.now.state == LEGAL.get((state, operation), PREPARED)
    assert lab.now.state == lab.server.process.state
    assert lab.now.transition is Transition.NONE


@pytest.mark.parametrize(("state", "operation"), ILLEGAL)
async def test_an_illegal_operation_is_refused_and_not_sent(
    lab: Lab, state: EccState, operation: Operation
) -> None:
    await lab.at(state)
    with pytest.raises(
        RefusedError, match=rf"no '{operation.value}' from .*'{state.label}'"
    ):
        await lab.ecc.operate(operation)
    assert lab.sent == []


async def test_the_refusal_of_an_illegal_operation_names_the_legal_ones(
    lab: Lab,
) -> None:
    await lab.at(DESCRIBED)
    with pytest.raises(RefusedError, match="Possible: Prepare, Undo"):
        await lab.ecc.operate(Operation.STOP)


async def test_nobody_goes_to_broken(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="Broken and None are not valid targets"):
        await lab.ecc.reach(BROKEN)
    assert lab.sent == []


async def test_a_put_of_broken_leaves_the_running_command_alone(lab: Lab) -> None:
    going = lab.put(lab.ecc.reach(READY))
    await lab.until(lambda: lab.now.transition is Transition.PREPARING)
    with pytest.raises(RefusedError):
        await lab.ecc.reach(BROKEN)
    await going
    assert lab.now.state is READY


async def test_no_operation_is_refused(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="None is no operation"):
        await lab.ecc.operate(None)


async def test_the_links_go_with_configure_only() -> None:
    link = DataLink("CoBo[0]", "data0", "10.0.0.5", 46005, "TCP")
    async with laboratory(links=(link,)) as lab:
        await lab.ecc.reach(RUNNING)
        assert lab.server.links == [(), (), (link,), ()]


async def test_a_configuration_goes_with_what_needs_it_only(lab: Lab) -> None:
    await lab.ecc.reach(RUNNING)
    await lab.ecc.reach(IDLE)
    assert lab.server.by == [CONFIG] * 3 + [None] * 5


async def test_an_operation_shows_before_the_server_itself_shows_it(lab: Lab) -> None:
    lab.server.fault = Fault.DEAF
    lab.put(lab.ecc.operate(Operation.DESCRIBE))
    await lab.pass_time(0.5)  # polled twice meanwhile
    assert lab.now.transition is Transition.DESCRIBING


# What a command leaves behind


async def test_a_command_that_reached_its_end_is_done(lab: Lab) -> None:
    await lab.put(lab.ecc.reach(READY), by="ann@hut")
    now = lab.now
    assert (now.result, now.result_count, now.last_by) == (Result.DONE, 1, "ann@hut")
    assert (now.last_error, now.errors, now.error_code) == ("", 0, 0)
    assert re.fullmatch(r"Go to Ready: done in 6\.\d s", now.message)


async def test_the_target_follows_an_accepted_put(lab: Lab) -> None:
    going = lab.put(lab.ecc.reach(READY))
    await lab.until(lambda: lab.sent)
    assert lab.now.target is EccTarget.READY
    await going


async def test_the_target_follows_a_put_that_has_to_wait(lab: Lab) -> None:
    lab.put(lab.ecc.reach(READY))
    await lab.until(lambda: lab.sent)
    down = lab.put(lab.ecc.reach(IDLE))
    await lab.pass_time(0.1)
    assert (lab.now.target, lab.now.goal) == (EccTarget.IDLE, EccTarget.IDLE)
    await down
    assert (lab.now.target, lab.now.goal) == (EccTarget.IDLE, EccTarget.NONE)


async def test_the_target_does_not_follow_a_refused_put() -> None:
    async with laboratory(config=None) as lab:
        with pytest.raises(RefusedError):
            await lab.ecc.reach(READY)
        assert lab.now.target is EccTarget.NONE


async def test_a_failed_step_ends_the_way_where_it_began(lab: Lab) -> None:
    lab.server.failures["Configure"] = "CoBo[0]: no clock | CoBo[3]: late | "
    with pytest.raises(OperationError) as failure:
        await lab.ecc.reach(RUNNING)
    assert "Configure failed: CoBo[0]: no clock | CoBo[3]: late (code 3)." in str(
        failure.value
    )
    assert "The server is Prepared." in str(failure.value)
    assert lab.sent == ["Describe", "Prepare", "Configure"]


async def test_a_failure_is_written_down_with_its_time(lab: Lab) -> None:
    lab.server.failures["Describe"] = "Could not connect to 'CoBo' node '0'."
    with pytest.raises(OperationError) as failure:
        await lab.ecc.reach(READY)
    now = lab.now
    assert (now.result, now.errors, now.error_code) == (Result.FAILED, 1, 1)
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC {re.escape(str(failure.value))}",
        now.last_error,
    )
    assert now.message == str(failure.value)


async def test_a_failure_without_a_reason_says_so(lab: Lab) -> None:
    lab.server.failures["Describe"] = "  "
    with pytest.raises(OperationError, match="no reason given"):
        await lab.ecc.reach(READY)


async def test_a_failure_stays_until_a_command_is_done(lab: Lab) -> None:
    lab.server.failures["Describe"] = "no clock"
    with pytest.raises(OperationError):
        await lab.ecc.reach(READY)
    with pytest.raises(RefusedError):
        await lab.ecc.operate(Operation.START)
    assert lab.now.last_error
    await lab.ecc.reach(DESCRIBED)
    assert lab.now.last_error == ""


async def test_a_refusal_is_no_failure_of_the_server(lab: Lab) -> None:
    with pytest.raises(RefusedError):
        await lab.ecc.operate(Operation.START)
    now = lab.now
    assert (now.result, now.errors, now.result_count) == (Result.REFUSED, 0, 1)
    assert "no 'Start' from state 'Idle'" in now.last_error


@pytest.mark.parametrize("fails", [False, True])
async def test_the_result_is_written_last(lab: Lab, *, fails: bool) -> None:
    if fails:
        lab.server.failures["Describe"] = "no clock"
    with acting("ann@hut"), suppress(OperationError):
        await lab.ecc.reach(DESCRIBED)
    names, snapshot = next(
        (names, snapshot)
        for names, snapshot in reversed(lab.shown)
        if "result" in names
    )
    assert snapshot.result in (Result.DONE, Result.FAILED)
    assert names[-1] == "result"
    assert set(names) >= {"message", "result_count"}


async def test_the_result_is_written_before_the_put_returns(lab: Lab) -> None:
    async def put() -> Result:
        await lab.ecc.reach(DESCRIBED)
        return lab.now.result

    assert await put() is Result.DONE


async def test_a_command_is_one_event_with_who_gave_it(lab: Lab) -> None:
    await lab.put(lab.ecc.reach(DESCRIBED), by="ann@hut")
    [event] = [event for event in lab.events if event.name == "command"]
    assert event.origin == Origin("ann", "hut")
    assert event.device == "AT:ECC:CoBo0"
    assert event.fields["result"] == "Done"
    assert event.severity is EventSeverity.INFORMATION


async def test_each_state_on_the_way_is_one_event_with_who_asked(lab: Lab) -> None:
    await lab.put(lab.ecc.reach(READY), by="ann@hut")
    states = [event for event in lab.events if event.name == "state"]
    assert [event.text for event in states] == [
        "CoBo0: Idle -> Described",
        "CoBo0: Described -> Prepared",
        "CoBo0: Prepared -> Ready",
    ]
    assert {event.origin for event in states} == {Origin("ann", "hut")}


async def test_a_state_first_seen_by_a_poll_is_still_whose_command_it_was(
    lab: Lab,
) -> None:
    lab.server.fault = Fault.HANG  # the answer never comes: polls see it first
    await lab.put(lab.ecc.operate(Operation.DESCRIBE), by="ann@hut")
    [event] = [event for event in lab.events if event.name == "state"]
    assert (event.text, event.origin) == (
        "CoBo0: Idle -> Described",
        Origin("ann", "hut"),
    )


async def test_a_failed_command_is_an_error_in_the_log(lab: Lab) -> None:
    lab.server.failures["Describe"] = "no clock"
    with pytest.raises(OperationError):
        await lab.put(lab.ecc.reach(READY), by="ann@hut")
    [event] = [event for event in lab.events if event.name == "command"]
    assert (event.severity, event.origin) == (
        EventSeverity.ERROR,
        Origin("ann", "hut"),
    )


async def test_who_was_refused_does_not_stay_as_who_did_it(lab: Lab) -> None:
    going = lab.put(lab.ecc.reach(READY), by="ann@hut")
    await lab.until(lambda: lab.sent)
    with pytest.raises(RefusedError):
        await lab.put(lab.ecc.reach(RUNNING), by="bob@pub")
    assert lab.now.last_by == "bob@pub"
    await going
    assert (lab.now.result, lab.now.last_by) == (Result.DONE, "ann@hut")


async def test_the_transition_shows_while_it_lasts(lab: Lab) -> None:
    await lab.put(lab.ecc.reach(READY))
    seen = [
        snapshot.transition for names, snapshot in lab.shown if "transition" in names
    ]
    assert [one.label for one in seen if one] == [
        "Describing",
        "Preparing",
        "Configuring",
    ]


async def test_the_step_time_is_that_of_the_last_step(lab: Lab) -> None:
    lab.server.durations["Prepare"] = 7.0
    await lab.ecc.reach(PREPARED)
    assert lab.now.step_time == pytest.approx(7.0, abs=0.1)


# Broken


async def test_a_failed_breakup_breaks_the_server_and_says_how_on(lab: Lab) -> None:
    await lab.at(READY)
    lab.server.failures["Breakup"] = "Unknown error!"
    with pytest.raises(OperationError, match="Breakup may help") as failure:
        await lab.ecc.reach(IDLE)
    assert f"caput {PREFIX}Command Breakup" in str(failure.value)
    assert lab.now.state is BROKEN


async def test_a_second_breakup_leads_out_of_broken(lab: Lab) -> None:
    await lab.at(READY)
    lab.server.failures["Breakup"] = "Unknown error!"
    with pytest.raises(OperationError):
        await lab.ecc.reach(IDLE)
    await lab.ecc.reach(READY)
    assert lab.sent == ["Breakup", "Breakup", "Configure"]


async def test_after_a_failed_undo_only_a_restart_helps(lab: Lab) -> None:
    await lab.at(PREPARED)
    lab.server.failures["Undo"] = "no answer from the boards"
    with pytest.raises(OperationError, match=r"\(code 9\)"):
        await lab.ecc.reach(IDLE)
    with pytest.raises(OperationError, match=r"not done.*Restart getEccSoapServer"):
        await lab.ecc.reach(IDLE)
    lab.server.restart()
    await lab.until(lambda: lab.now.state is IDLE)
    await lab.ecc.reach(READY)
    assert lab.now.state is READY


async def test_an_operation_ignored_with_success_is_a_failure(lab: Lab) -> None:
    lab.server.fault = Fault.IDLER
    with pytest.raises(OperationError, match="answered with success and not done"):
        await lab.ecc.reach(READY)
    assert lab.sent == ["Describe"]


async def test_an_operation_that_cannot_leave_is_not_sent(lab: Lab) -> None:
    lab.server.fault = Fault.OFFLINE
    with pytest.raises(LinkError, match="nobody answers"):
        await lab.ecc.reach(READY)
    assert lab.sent == []
    assert lab.now.transition is Transition.NONE
    assert lab.now.result is Result.FAILED


async def test_the_configuration_of_a_step_back_is_not_asked_for() -> None:
    async with laboratory(config=None) as lab:
        await lab.at(RUNNING)
        await lab.ecc.reach(IDLE)
        assert lab.sent == ["Stop", "Breakup", "Undo", "Undo"]


async def test_a_put_before_anybody_follows_the_server_sends_nothing() -> None:
    lab = Lab(config=CONFIG)
    lab.server.set(READY)
    with pytest.raises(RefusedError, match="not followed"):
        await lab.ecc.reach(RUNNING)
    assert lab.sent == []
    await lab.close()


async def test_a_put_after_the_follower_has_ended_sends_nothing() -> None:
    async with laboratory() as lab:
        pass
    lab.server.restart()
    with pytest.raises(RefusedError, match="not followed"):
        await lab.ecc.reach(READY)
    assert lab.sent == []
    await lab.close()
