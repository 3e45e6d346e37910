"""Commands of an ECC server as an operator gives them, and what became of them."""

from __future__ import annotations

import itertools
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import epics
import pytest
from epics import dbr

from daqpv.errors import OperationError
from tests.support.servers import wait

UP = ["Describe", "Prepare", "Configure", "Start", "Pause"]
EVERY = sum(1 << state for state in range(1, 7))  # bits of Allowed


def test_a_fresh_server_reads_idle(cobo: Any) -> None:
    assert (cobo.get("State"), cobo.get("State_RBV")) == ("Idle", "Idle")
    assert (cobo.get("Condition"), cobo.get("Online")) == ("OK", "Online")
    assert (cobo.get("Transition"), cobo.get("Transitioning")) == ("None", "No")


# To a state and back


def test_a_put_of_ready_returns_when_three_operations_were_done(cobo: Any) -> None:
    cobo.put("State", "Ready")
    assert cobo.get("State") == cobo.get("State_RBV") == cobo.get("Target") == "Ready"
    assert cobo.get("Result") == "Done"
    assert cobo.sent() == ["Describe", "Prepare", "Configure"]


def test_target_leads_down_again(cobo: Any) -> None:
    cobo.put("Target", "Paused")
    assert cobo.sent() == UP
    cobo.put("Target", "Idle")
    assert cobo.get("State") == cobo.get("Target") == "Idle"
    assert cobo.sent() == [*UP, "Stop", "Breakup", "Undo", "Undo"]


def test_monitors_see_each_step_in_order_and_only_once(cobo: Any) -> None:
    state, transition = cobo.monitor("State"), cobo.monitor("Transition")
    cobo.put("State", "Ready")
    state.until("Ready")
    assert state.texts == ["Idle", "Described", "Prepared", "Ready"]
    named = [text for text in transition.texts if text != "None"]
    assert named == ["Describing", "Preparing", "Configuring"]
    for monitor in (state, transition):
        stamps = [event["timestamp"] for event in monitor.events]
        assert stamps == sorted(set(stamps))


def test_the_monitors_come_before_the_callback_and_a_get_after_it_is_new(
    cobo: Any,
) -> None:
    monitors = {name: cobo.monitor(name) for name in ("State", "Target", "Result")}
    cobo.put("State", "Described")
    # libca calls back in the order in which things arrive
    seen = {name: monitor.texts[-1] for name, monitor in monitors.items()}
    assert seen == {"State": "Described", "Target": "Described", "Result": "Done"}
    assert cobo.get("State") == "Described"


def test_a_put_of_the_present_state_is_done_and_sends_nothing(cobo: Any) -> None:
    cobo.put("State", "Idle")
    assert cobo.get("Result") == "Done"
    assert cobo.sent() == []


def test_a_get_brings_the_time_of_the_last_observation(cobo: Any) -> None:
    state = cobo.monitor("State")
    first = cobo.read("State")["timestamp"]
    cobo.put("PollPeriod", "0.2")
    polls = len(cobo.polls())
    wait(lambda: len(cobo.polls()) > polls + 1, "two polls")
    assert cobo.read("State")["timestamp"] > first
    assert len(state.events) == 1, "monitors come on change only"


# What is understood, and what is not


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (dbr.STRING, "Described"),
        (dbr.STRING, "described"),
        (dbr.STRING, "2"),
        (dbr.ENUM, 2),
        (dbr.SHORT, 2),
        (dbr.CHAR, 2),
        (dbr.LONG, 2),
        (dbr.FLOAT, 2.0),
        (dbr.DOUBLE, 2.0),
    ],
)
@pytest.mark.parametrize("name", ["State", "Target"])
def test_every_type_of_put_is_understood(
    cobo: Any, name: str, form: int, value: Any
) -> None:
    cobo.put_as(name, form, value)
    assert cobo.get("State") == "Described"


@pytest.mark.parametrize(
    ("form", "value"), [(dbr.STRING, "Describe"), (dbr.ENUM, 1), (dbr.DOUBLE, 1.0)]
)
def test_every_type_of_put_is_understood_as_an_operation(
    cobo: Any, form: int, value: Any
) -> None:
    cobo.put_as("Command", form, value)
    assert cobo.sent() == ["Describe"]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (dbr.STRING, "Nosuch"),
        (dbr.STRING, ""),
        (dbr.STRING, "7"),
        (dbr.STRING, "nan"),
        (dbr.ENUM, 0),
        (dbr.ENUM, 10),
        (dbr.ENUM, 65535),
        (dbr.SHORT, -1),
        (dbr.CHAR, 255),
        (dbr.LONG, -1),
        (dbr.LONG, 10),
        (dbr.LONG, 65537),
        (dbr.FLOAT, 1.5),
        (dbr.DOUBLE, 1.5),
        (dbr.DOUBLE, -1.0),
        (dbr.DOUBLE, math.nan),
        (dbr.DOUBLE, math.inf),
        (dbr.DOUBLE, 1e300),
    ],
)
@pytest.mark.parametrize("name", ["State", "Target", "Command"])
def test_a_put_of_nonsense_is_refused_with_a_reason(
    cobo: Any, name: str, form: int, value: Any
) -> None:
    if (name, value) == ("Command", "7"):
        value = "10"  # 7 is Resume
    before, count = cobo.get(name), int(cobo.get("ResultCount"))
    with pytest.raises(OperationError):
        cobo.put_as(name, form, value)
    assert (cobo.get("State"), cobo.get(name)) == ("Idle", before)
    assert cobo.get("Result") == "Refused"
    assert cobo.get("LastError") != ""
    assert int(cobo.get("ResultCount")) == count + 1
    assert cobo.sent() == []


def test_an_unknown_text_is_answered_with_the_known_ones(cobo: Any) -> None:
    assert "Idle, Described, Prepared" in cobo.refused("State", "Redy")


def test_a_refused_put_shows_the_true_value_once_more_as_a_value(cobo: Any) -> None:
    """Displays that show what their user asked for snap back."""
    chid = cobo.channel("Target")
    seen: dict[int, list[dict[str, Any]]] = {}
    subscriptions = []
    for mask in (dbr.DBE_VALUE, dbr.DBE_LOG, dbr.DBE_ALARM):
        events = seen.setdefault(mask, [])
        subscriptions.append(
            epics.ca.create_subscription(
                chid,
                mask=mask,
                use_time=True,
                callback=lambda events=events, **event: events.append(event),
            )
        )
    cobo.get("Target")  # answered after the first events
    before = {mask: len(events) for mask, events in seen.items()}
    cobo.refused("Target", "Broken")
    more = {mask: len(events) - before[mask] for mask, events in seen.items()}
    assert more == {dbr.DBE_VALUE: 1, dbr.DBE_LOG: 0, dbr.DBE_ALARM: 0}
    first, again = seen[dbr.DBE_VALUE][-2:]
    assert again["value"] == first["value"]
    assert again["timestamp"] > first["timestamp"]
    for subscription in subscriptions:
        epics.ca.clear_subscription(subscription[2])


def test_a_refused_put_without_callback_says_so_as_well(cobo: Any) -> None:
    result = cobo.monitor("Result")
    cobo.put_only("Command", "Start")
    result.until("Refused")
    assert "no 'Start' from state 'Idle'" in cobo.get("LastError")


# Single operations


def test_an_illegal_operation_is_refused_and_not_sent(cobo: Any) -> None:
    assert "no 'Start' from state 'Idle'" in cobo.refused("Command", "Start")


def test_no_operation_is_none(cobo: Any) -> None:
    cobo.refused("Command", "None")


@pytest.mark.parametrize("text", ["Broken", "0"])
def test_broken_cannot_be_asked_for(cobo: Any, text: str) -> None:
    assert "Choose Idle, Described" in cobo.refused("State", text)


def test_no_target_is_no_target(cobo: Any) -> None:
    cobo.put("State", "Described")
    assert "Choose Idle, Described" in cobo.refused("Target", "None")
    assert cobo.get("Target") == "Described"


def test_a_single_operation_is_done_alone(cobo: Any) -> None:
    cobo.put("Command", "Describe")
    assert (cobo.get("State"), cobo.get("Target")) == ("Described", "Described")
    assert cobo.sent() == ["Describe"]


@pytest.mark.parametrize(
    ("state", "operation", "back"),
    [
        ("Paused", "Stop", "Ready"),
        ("Running", "Stop", "Ready"),
        ("Ready", "Breakup", "Prepared"),
        ("Prepared", "Undo", "Described"),
        ("Described", "Undo", "Idle"),
    ],
)
def test_step_back_goes_one_state_back(
    cobo: Any, state: str, operation: str, back: str
) -> None:
    cobo.put("State", state)
    up = cobo.sent()
    cobo.put("StepBack", "1")
    assert cobo.get("State") == back
    assert cobo.sent() == [*up, operation]


def test_there_is_no_step_back_from_idle(cobo: Any) -> None:
    assert "no state before it" in cobo.refused("StepBack", "1")


# Buttons


def test_a_button_reads_1_until_its_action_has_ended(cobo: Any) -> None:
    cobo.put("State", "Described")
    cobo.sim.takes("Undo", 0.5)
    button, transition = cobo.monitor("StepBack"), cobo.monitor("Transition")
    cobo.put_only("StepBack", "1")
    transition.until("Resetting")
    assert cobo.get("StepBack") == "Busy"
    cobo.until("State", "Idle")
    cobo.until("StepBack", "Done")
    assert [event["value"] for event in button.events] == [0, 1, 0]


@pytest.mark.parametrize("name", ["StepBack", "Abort", "RefreshConfigs"])
def test_a_zero_to_a_button_is_accepted_and_does_nothing(cobo: Any, name: str) -> None:
    cobo.put("State", "Described")
    count = cobo.get("ResultCount")
    cobo.put(name, "0")
    assert cobo.get(name) == "Done"
    assert cobo.get("ResultCount") == count
    assert cobo.sent() == ["Describe"]


# Failures


def test_a_failed_step_says_why_and_leaves_the_state(cobo: Any) -> None:
    errors = int(cobo.get("Errors"))
    cobo.sim.fault("Prepare", "refuse", message="CoBo[0]: no power | ", times=1)
    with pytest.raises(OperationError):
        cobo.put("State", "Ready")
    assert cobo.get("State") == "Described"
    assert cobo.get("Result") == "Failed"
    assert cobo.read("Result")["severity"] == 1
    assert "CoBo[0]: no power (code 2)" in cobo.get("LastError")
    assert cobo.get("LastError")[4::3][:3] == "-- ", "it begins with date and time"
    assert (cobo.get("ErrorCode"), int(cobo.get("Errors"))) == ("2", errors + 1)
    cobo.put("State", "Ready")
    assert (cobo.get("LastError"), cobo.get("ErrorCode")) == ("", "0")
    assert cobo.read("Result")["severity"] == 0


def test_an_operation_answered_with_success_and_ignored_is_a_failure(cobo: Any) -> None:
    cobo.sim.fault("Describe", "ignore", times=1)
    with pytest.raises(OperationError):
        cobo.put("State", "Ready")
    assert cobo.get("Result") == "Failed"
    assert "not done" in cobo.get("LastError")
    assert cobo.sent() == ["Describe"]


def test_a_refusal_stays_until_the_next_good_command(cobo: Any) -> None:
    cobo.refused("Command", "Start")
    cobo.put("Abort", "0")
    assert cobo.get("LastError") != ""
    cobo.put("State", "Described")
    assert cobo.get("LastError") == ""


# While a command runs


@pytest.fixture
def preparing(cobo: Any) -> Any:
    """Somebody has put Ready, and Prepare is on the wire for half a second."""
    cobo.sim.takes("Prepare", 0.5)
    transition = cobo.monitor("Transition")
    cobo.put_only("Target", "Ready")
    transition.until("Preparing")
    return cobo


def test_another_target_upward_is_refused_as_busy(preparing: Any) -> None:
    said = preparing.refused("State", "Running", result="Busy")  # of the other command
    assert "busy: Preparing since " in said
    assert f"caput {preparing.prefix}Abort 1" in said
    preparing.until("State", "Ready")


def test_a_put_of_the_same_target_joins_and_completes_with_it(preparing: Any) -> None:
    count = int(preparing.get("ResultCount"))
    preparing.put("State", "Ready")
    assert preparing.get("State") == "Ready"
    assert preparing.sent() == ["Describe", "Prepare", "Configure"]
    assert int(preparing.get("ResultCount")) == count + 1


def test_those_who_joined_fail_as_it_does(preparing: Any) -> None:
    preparing.sim.fault("Configure", "refuse", times=1)
    with pytest.raises(OperationError):
        preparing.put("State", "Ready")
    assert preparing.get("Result") == "Failed"


@pytest.mark.parametrize(
    ("name", "text", "back"),
    [
        ("Target", "Idle", "Idle"),
        ("State", "Described", "Described"),
        ("Command", "Undo", "Described"),
        ("StepBack", "1", "Described"),
    ],
)
def test_the_way_down_ends_the_command_and_waits_for_the_wire(
    preparing: Any, name: str, text: str, back: str
) -> None:
    result = preparing.monitor("Result")
    preparing.put(name, text)
    assert preparing.get("State") == back
    assert result.texts == ["Busy", "Aborted", "Busy", "Done"]
    assert preparing.sent()[:3] == ["Describe", "Prepare", "Undo"]
    assert "Configure" not in preparing.sent()


def test_whose_command_was_ended_is_told_by_whom(cobo: Any) -> None:
    cobo.sim.takes("Prepare", 0.5)
    transition = cobo.monitor("Transition")
    with ThreadPoolExecutor(1, initializer=epics.ca.use_initial_context) as pool:
        put = pool.submit(cobo.put, "State", "Ready")
        transition.until("Preparing")
        cobo.put("Abort", "1")
        with pytest.raises(OperationError):
            put.result()
    assert f"aborted by {cobo.get('LastBy')}" in cobo.get("LastError")


def test_abort_ends_the_walk_before_its_next_step(preparing: Any) -> None:
    result = preparing.monitor("Result")
    preparing.put("Abort", "1")
    result.until("Aborted")
    preparing.until("State", "Prepared")
    preparing.until("Transition", "None")
    assert preparing.get("Abort") == "Done"
    assert preparing.sent() == ["Describe", "Prepare"]


def test_an_abort_of_nothing_does_nothing(cobo: Any) -> None:
    result, count = cobo.get("Result"), cobo.get("ResultCount")
    cobo.put("Abort", "1")
    assert (cobo.get("Result"), cobo.get("ResultCount")) == (result, count)


def test_a_client_that_leaves_in_its_put_cancels_nothing(
    ecc_lab: Any, cobo: Any
) -> None:
    cobo.sim.takes("Prepare", 1.0)
    script = (
        "import sys; from daqpv.links.ca import pv\n"
        "try: pv.put(sys.argv[1], 'Ready', timeout=0.3)\n"
        "except Exception: pass"
    )
    ecc_lab.run_python(script, f"{cobo.prefix}State")
    cobo.until("State", "Ready")
    cobo.until("Result", "Done")


# What would be accepted


def test_everything_is_allowed_at_rest(cobo: Any) -> None:
    for state in ("Idle", "Prepared", "Running"):
        cobo.put("State", state)
        assert int(cobo.get("Allowed")) == EVERY


def test_on_the_way_its_goal_and_what_is_below_are_allowed(preparing: Any) -> None:
    assert int(preparing.get("Allowed")) == sum(1 << state for state in range(1, 5))
    preparing.until("State", "Ready")
    preparing.until("Allowed", str(EVERY))


def test_without_a_configuration_only_staying_is_allowed(bare: Any) -> None:
    assert int(bare.get("Allowed")) == 1 << 1


# How often it is asked


def test_the_poll_period_is_how_often_it_is_asked(cobo: Any) -> None:
    cobo.put("PollPeriod", "0.2")
    begin = time.time()
    wait(lambda: sum(poll > begin for poll in cobo.polls()) > 5, "six polls")
    polls = [poll for poll in cobo.polls() if poll > begin]
    shortest = min(after - before for before, after in itertools.pairwise(polls))
    assert shortest < 0.9, "the default period is one second"


@pytest.mark.parametrize("text", ["0.1", "0", "-1", "nan", "inf", "60.1", "1e9", "x"])
def test_a_poll_period_out_of_its_limits_is_refused(cobo: Any, text: str) -> None:
    said = cobo.refused("PollPeriod", text)
    assert "0.2 to 60" in said or "not a number" in said
    assert float(cobo.get("PollPeriod")) == 1
