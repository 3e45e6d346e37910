"""The alarms of any device: one fault, one alarm."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daqpv.core import Condition, DeviceSnapshot, Result, Severity, Status

GOOD = DeviceSnapshot(known=True, online=True, condition=Condition.OK)


@pytest.mark.parametrize(
    ("condition", "status"),
    [(Condition.OFFLINE, Status.COMM), (Condition.HUNG, Status.TIMEOUT)],
)
def test_a_lost_device_is_an_alarm_of_online(
    condition: Condition, status: Status
) -> None:
    lost = replace(GOOD, condition=condition, online=False)
    assert lost.alarm("online")[:2] == (Severity.MAJOR, status)
    assert lost.severity("condition") is Severity.NO_ALARM


def test_a_device_that_talks_nonsense_is_an_alarm_of_the_condition() -> None:
    mad = replace(GOOD, condition=Condition.ERROR)
    assert mad.alarm("condition")[:2] == (Severity.MAJOR, Status.READ)
    assert mad.severity("online") is Severity.NO_ALARM


@pytest.mark.parametrize("field", ["message", "last_error", "errors", "enabled"])
@pytest.mark.parametrize("condition", Condition)
def test_what_daqpv_knows_itself_is_never_in_alarm(
    field: str, condition: Condition
) -> None:
    assert replace(GOOD, condition=condition).severity(field) is Severity.NO_ALARM


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("known", [False, True])
def test_a_disabled_device_has_no_alarm(condition: Condition, *, known: bool) -> None:
    quiet = replace(GOOD, enabled=False, condition=condition, known=known)
    assert quiet.alarm("online")[:2] == (Severity.NO_ALARM, Status.DISABLE)


def test_a_device_not_read_yet_is_undefined() -> None:
    assert DeviceSnapshot().alarm("online")[:2] == (Severity.INVALID, Status.UDF)


@pytest.mark.parametrize("result", [Result.FAILED, Result.TIMEOUT])
def test_a_failed_command_is_a_minor_alarm(result: Result) -> None:
    alarm = replace(GOOD, result=result).alarm("result")
    assert alarm == (Severity.MINOR, Status.STATE, result.label.lower())


def test_severities_and_stati_are_those_of_epics() -> None:
    assert [one.name for one in Severity] == ["NO_ALARM", "MINOR", "MAJOR", "INVALID"]
    assert (Status.COMM, Status.TIMEOUT, Status.UDF, Status.WRITE_ACCESS) == (
        9,
        10,
        17,
        21,
    )
