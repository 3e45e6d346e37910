"""Servers that are lost, broken, disabled, slow, or commanded by others."""

from __future__ import annotations

import time
from typing import Any

import pytest

from daqpv.ecc import Operation
from daqpv.errors import OperationError

NO_ALARM, MINOR, MAJOR, INVALID = range(4)
STATE, COMM, TIMEOUT, UDF, DISABLE = 7, 9, 10, 17, 18
READ = ("State", "State_RBV", "Transition", "Transitioning", "ErrorCode")
KEPT = ("Message", "Config", "PollPeriod", "Target", "StepTime", "Result", "Enable")


def alarms(server: Any, *names: str) -> set[tuple[int, int]]:
    """Severity and status of PVs."""
    readings = [server.read(name) for name in names]
    return {(reading["severity"], reading["status"]) for reading in readings}


# Lost


def test_who_was_never_there_is_invalid_from_the_first_event_on(ecc_lab: Any) -> None:
    first = ecc_lab.first  # found lost, or not read within the wait of searches
    assert first["severity"] == INVALID
    assert first["status"] in (UDF, COMM)
    assert time.time() - 600 < first["timestamp"] < time.time()


def test_who_was_never_there_is_offline_and_tried_for_ever(ghost: Any) -> None:
    ghost.until("Online.SEVR", "MAJOR")
    assert alarms(ghost, "Online") == {(MAJOR, COMM)}
    assert alarms(ghost, *READ) == {(INVALID, COMM)}
    assert ghost.get("LastSeen") == ""
    ghost.logged(" lost: ", times=1)


@pytest.mark.parametrize("state", ["Described", "Ready", "Running"])
def test_a_put_to_a_server_that_was_lost_is_refused(ghost: Any, state: str) -> None:
    ghost.until("Online.SEVR", "MAJOR")
    with pytest.raises(OperationError):
        ghost.put("State", state)
    assert ghost.get("Result") == "Refused"
    assert "Nothing was sent" in ghost.get("LastError")
    assert "start the server" in ghost.get("LastError")


def test_a_dead_server_is_offline_within_four_seconds_and_comes_back(
    other: Any,
) -> None:
    other.put("State", "Described")
    monitors = {name: other.monitor(name) for name in ("Online", "State", "Condition")}
    online, state = monitors["Online"], monitors["State"]
    online.until("Online")
    other.sim("/offline?seconds=5", "POST")
    lost = online.until("Offline", timeout=5)
    assert (lost["severity"], lost["status"]) == (MAJOR, COMM)
    assert other.get("Condition") == "Offline"
    assert alarms(other, "Condition", *KEPT) == {(NO_ALARM, 0)}, "one fault, one alarm"
    assert alarms(other, *READ) == {(INVALID, COMM)}
    assert (other.get("State"), other.get("State.AMSG")) == ("Described", "offline")
    assert int(other.get("Allowed")) == 0
    with pytest.raises(OperationError):
        other.put("State", "Ready")
    assert other.get("Result") == "Refused"
    assert online.until("Online")["severity"] == NO_ALARM
    assert alarms(other, *READ) == {(NO_ALARM, 0)}
    # once more with the refused put
    assert [event["severity"] for event in state.events] == [0, INVALID, INVALID, 0]
    assert "Connected again" in other.get("Message")
    other.logged(" lost: ", times=1)
    other.logged("answers again", times=1)


def test_a_hung_server_is_told_from_a_dead_one(cobo: Any) -> None:
    online = cobo.monitor("Online")
    cobo.sim.fault("GetState", "hang")
    lost = online.until("Offline")
    assert (lost["severity"], lost["status"]) == (MAJOR, TIMEOUT)
    assert cobo.get("Condition") == "Hung"
    assert alarms(cobo, *READ) == {(INVALID, TIMEOUT)}
    cobo.sim("/faults", "DELETE")
    online.until("Online")


def test_who_is_no_ecc_server_is_told_as_an_error(cobo: Any) -> None:
    condition = cobo.monitor("Condition")
    cobo.sim.fault("GetState", "html")
    error = condition.until("Error")
    assert error["severity"] == MAJOR
    assert cobo.get("Online") == "Online"
    assert alarms(cobo, "Online") == {(NO_ALARM, 0)}, "one fault, one alarm"
    assert alarms(cobo, "State") == {(INVALID, 1)}  # READ
    cobo.sim("/faults", "DELETE")
    condition.until("OK")


# Broken


def test_a_failed_breakup_breaks_the_server_and_another_mends_it(cobo: Any) -> None:
    state = cobo.monitor("State")
    cobo.put("State", "Ready")
    cobo.sim.fault("Breakup", "refuse", times=1)
    with pytest.raises(OperationError):
        cobo.put("State", "Idle")
    broken = state.until("Broken")
    assert (broken["severity"], broken["status"]) == (MAJOR, STATE)
    assert (cobo.get("Condition"), cobo.get("Online")) == ("Broken", "Online")
    assert alarms(cobo, "Condition", "Online") == {(NO_ALARM, 0)}
    assert f"caput {cobo.prefix}Command Breakup" in cobo.get("LastError")
    cobo.put("Command", "Breakup")
    assert (cobo.get("State"), cobo.get("Condition")) == ("Prepared", "OK")


def test_a_server_that_nothing_mends_is_told_with_the_cure(cobo: Any) -> None:
    cobo.put("State", "Prepared")
    cobo.sim.fault("Undo", "refuse", times=1)
    with pytest.raises(OperationError):
        cobo.put("State", "Idle")
    with pytest.raises(OperationError):
        cobo.put("State", "Idle")
    assert "Restart getEccSoapServer" in cobo.get("LastError")
    cobo.sim("/restart", "POST")
    cobo.until("State", "Idle")
    assert cobo.get("Condition") == "OK"


# Unknown outcomes


def test_an_answer_that_never_comes_is_judged_by_the_state(cobo: Any) -> None:
    cobo.sim.fault("Describe", "cut", acts=True, times=1)
    cobo.put("State", "Described")
    assert cobo.get("State") == "Described"
    assert cobo.sent() == ["Describe"]


def test_an_operation_that_outlasts_its_deadline_is_waited_for(hasty: Any) -> None:
    hasty.sim.takes("Describe", 2.0)
    message = hasty.monitor("Message")
    hasty.put("State", "Described")
    assert hasty.get("Result") == "Done"
    assert hasty.sent() == ["Describe"]
    assert any("Perhaps still Describing" in text for text in message.texts)


def test_an_operation_that_nobody_does_is_a_timeout_and_not_sent_again(
    hasty: Any,
) -> None:
    result = hasty.monitor("Result")
    hasty.sim.fault("Describe", "hang", times=1)
    with pytest.raises(OperationError):
        hasty.put("State", "Prepared")
    timeout = result.until("Timeout")
    assert (timeout["severity"], timeout["status"]) == (MINOR, STATE)
    assert "no answer to Describe in 1 s" in hasty.get("LastError")
    assert hasty.sent() == ["Describe"]
    hasty.put("State", "Prepared")
    assert hasty.sent() == ["Describe", "Describe", "Prepare"]


def test_a_transition_that_the_server_denies_is_not_shown(cobo: Any) -> None:
    """Its request hangs; what the server says of itself counts."""
    transition = cobo.monitor("Transition")
    cobo.sim.fault("Describe", "hang", times=1)
    cobo.put_only("Target", "Described")
    transition.until("Describing")
    transition.until("None")
    assert cobo.get("Result") == "Busy"
    cobo.put("Abort", "1")
    assert cobo.get("Result") == "Aborted"
    cobo.sim("/restart", "POST")


# Other masters


def test_what_another_client_does_shows_within_a_poll(cobo: Any) -> None:
    cobo.sim.takes("Prepare", 1.5)
    state, transition = cobo.monitor("State"), cobo.monitor("Transition")
    result, count = cobo.get("Result"), cobo.get("ResultCount")
    message = cobo.monitor("Message")
    cobo.foreign(Operation.DESCRIBE, Operation.PREPARE)
    state.until("Prepared")
    assert "Preparing" in transition.texts
    assert "Preparing, asked by another client" in message.texts
    assert (cobo.get("Result"), cobo.get("ResultCount")) == (result, count)
    assert cobo.get("Target") != "Prepared", "nobody wished that here"


def test_a_put_upward_while_another_client_commands_is_refused(cobo: Any) -> None:
    cobo.sim.takes("Describe", 2.0)
    transition = cobo.monitor("Transition")
    cobo.sim.fault("Describe", "cut", acts=True, times=1)
    with pytest.raises(Exception, match="cut"):
        cobo.foreign(Operation.DESCRIBE)
    transition.until("Describing")
    assert "Describing, asked by another client" in cobo.refused("State", "Ready")
    cobo.put("State", "Idle")  # waits for the other's operation
    assert cobo.get("State") == "Idle"
    assert cobo.sent() == ["Undo"]


# Disabled


def test_a_disabled_server_is_left_alone(cobo: Any) -> None:
    cobo.put("Enable", "Disabled")
    assert cobo.get("Condition") == "Disabled"
    assert alarms(cobo, "Online", "Condition", *READ) == {(NO_ALARM, DISABLE)}
    before = len(cobo.requests())
    cobo.foreign(Operation.DESCRIBE, Operation.PREPARE)
    assert "Enable 1" in cobo.refused("State", "Ready")
    assert cobo.get("State") == "Idle", "its PVs keep their values"
    assert len(cobo.requests()) == before
    cobo.put("Enable", "Enabled")
    cobo.until("State", "Prepared")
    assert alarms(cobo, "Online", "Condition", *READ) == {(NO_ALARM, 0)}


def test_a_server_that_the_file_disables_is_never_asked(disabled: Any) -> None:
    assert (disabled.get("Condition"), disabled.get("Enable")) == ("Disabled",) * 2
    assert alarms(disabled, "Online", *READ) == {(NO_ALARM, DISABLE)}
    assert disabled.sim("/requests")["requests"] == []


# daqpv itself


def test_another_daqpv_commands_nothing_and_follows(make_lab: Any) -> None:
    lab = make_lab()
    lab.simulate()
    serving = lab.serve()
    cobo = lab.client()
    cobo.put("State", "Prepared")
    sent = lab.sim().operations()
    assert serving.end() == 0
    lab.renew()
    lab.serve()
    cobo = lab.client()
    cobo.until("State", "Prepared")
    assert (cobo.get("Target"), cobo.get("Result")) == ("None", "None")
    now = lab.sim().operations()
    assert {**now, "GetState": 0, "GetConfigIDs": 0} == (
        {**sent, "GetState": 0, "GetConfigIDs": 0}
    )
