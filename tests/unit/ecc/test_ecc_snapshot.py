"""The snapshot: its alarms, its time, and what it says would be allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise

import pytest

from daqpv.core import Condition, Result, Severity, Status
from daqpv.ecc import (
    DataLink,
    EccSnapshot,
    EccState,
    EccTarget,
    Operation,
    Transition,
)
from daqpv.ecc.snapshot import EccCommand
from daqpv.errors import RefusedError
from tests.support.ecc import CONFIG, OTHER, Fault, Lab, laboratory
from tests.support.virtual import Clock

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
READ = {
    "online", "state", "transition", "transitioning", "error_code", "response_time"
}  # fmt: skip
NAMES = sorted({one.name for one in fields(EccSnapshot)} | READ)

GOOD = EccSnapshot(known=True, online=True, condition=Condition.OK, state=READY)
OFFLINE = replace(GOOD, online=False, condition=Condition.OFFLINE)
HUNG = replace(OFFLINE, condition=Condition.HUNG)
ERROR = replace(GOOD, condition=Condition.ERROR)
IS_BROKEN = replace(GOOD, condition=Condition.BROKEN, state=BROKEN)
DISABLED = replace(GOOD, enabled=False, condition=Condition.DISABLED)
UNKNOWN = EccSnapshot()


def alarms(snapshot: EccSnapshot) -> dict[str, tuple[Severity, Status]]:
    """Each field that is in alarm, or has a status."""
    every = {name: snapshot.alarm(name)[:2] for name in NAMES}
    return {n: a for n, a in every.items() if a != (Severity.NO_ALARM, Status.NO_ALARM)}


def test_a_good_server_has_no_alarm() -> None:
    assert alarms(GOOD) == {}


@pytest.mark.parametrize(
    ("snapshot", "bearer", "status"),
    [
        (OFFLINE, "online", Status.COMM),
        (HUNG, "online", Status.TIMEOUT),
        (ERROR, "condition", Status.READ),
    ],
)
def test_a_loss_is_one_major_alarm_and_its_values_invalid(
    snapshot: EccSnapshot, bearer: str, status: Status
) -> None:
    values = dict.fromkeys(READ - {"online"}, (Severity.INVALID, status))
    assert alarms(snapshot) == values | {bearer: (Severity.MAJOR, status)}


def test_broken_is_one_major_alarm_of_the_state() -> None:
    assert alarms(IS_BROKEN) == {"state": (Severity.MAJOR, Status.STATE)}


def test_a_disabled_server_has_no_alarm_and_says_why() -> None:
    quiet = (Severity.NO_ALARM, Status.DISABLE)
    assert alarms(DISABLED) == dict.fromkeys(READ | {"condition"}, quiet)


def test_a_server_disabled_before_it_was_known_has_no_alarm() -> None:
    assert alarms(replace(DISABLED, known=False)) == alarms(DISABLED)


def test_before_first_contact_what_is_read_is_undefined() -> None:
    undefined = (Severity.INVALID, Status.UDF)
    assert alarms(UNKNOWN) == dict.fromkeys(READ | {"condition"}, undefined)


@pytest.mark.parametrize("result", Result)
def test_a_failed_command_is_a_minor_alarm_of_the_result(result: Result) -> None:
    bad = result in (Result.FAILED, Result.TIMEOUT)
    expected = {"result": (Severity.MINOR, Status.STATE)} if bad else {}
    assert alarms(replace(GOOD, result=result)) == expected


@pytest.mark.parametrize("snapshot", [OFFLINE, HUNG, ERROR, IS_BROKEN, UNKNOWN])
def test_every_alarm_says_why(snapshot: EccSnapshot) -> None:
    assert all(snapshot.alarm(name).reason for name in alarms(snapshot))


@pytest.mark.parametrize(
    ("result", "reason"), [(Result.FAILED, "failed"), (Result.TIMEOUT, "timeout")]
)
def test_the_alarm_of_the_result_says_which(result: Result, reason: str) -> None:
    assert replace(GOOD, result=result).alarm("result").reason == reason


def test_severity_is_that_of_the_alarm() -> None:
    assert OFFLINE.severity("state") is Severity.INVALID


@pytest.mark.parametrize("fault", [Fault.OFFLINE, Fault.HANG, Fault.GARBAGE])
async def test_a_loss_seen_by_the_device_is_one_major_alarm(
    lab: Lab, fault: Fault
) -> None:
    lab.server.state_fault = fault
    await lab.until(lambda: lab.now.is_lost)
    majors = [a for a in alarms(lab.now).values() if a[0] is Severity.MAJOR]
    assert len(majors) == 1


# Texts


def test_the_texts_of_a_configuration() -> None:
    chosen = replace(GOOD, config=CONFIG, configs=(CONFIG, OTHER))
    assert chosen.config_text == "cobo0/e20009/e20009"
    assert (chosen.config_describe, chosen.config_prepare) == ("cobo0", "e20009")
    assert chosen.config_configure == "e20009"
    assert chosen.config_list == "cobo0/e20009/e20009\ncobo0/e20009/pulser"


def test_a_filter_leaves_only_the_configurations_with_all_its_words() -> None:
    chosen = replace(GOOD, configs=(CONFIG, OTHER), config_filter=" PULSER cobo0")
    assert chosen.config_list == (
        "cobo0/e20009/pulser\n... 1 do not match ConfigFilter"
    )
    assert replace(chosen, config_filter="cobo0").config_list.count("\n") == 1
    assert replace(chosen, config_filter="none").config_list == (
        "... 2 do not match ConfigFilter"
    )


def test_the_texts_of_no_configuration_are_empty() -> None:
    assert {
        GOOD.config_text,
        GOOD.config_list,
        GOOD.config_describe,
        GOOD.config_prepare,
        GOOD.config_configure,
    } == {""}


def test_the_text_of_a_data_link() -> None:
    link = DataLink("CoBo[0]", "data0", "10.0.0.5", 46005, "TCP")
    assert replace(GOOD, links=(link,)).data_links == (
        "CoBo[0] -> data0 10.0.0.5:46005 TCP"
    )


@pytest.mark.parametrize("transition", Transition)
def test_the_command_shown_is_the_operation_on_the_way(transition: Transition) -> None:
    command = replace(GOOD, transition=transition).command
    expected = Operation.of(transition)
    assert command.operation is expected
    assert command.label == (expected.label if expected else "None")


def test_targets_are_numbered_as_states() -> None:
    assert [(one.value, one.label) for one in EccTarget][1:] == [
        (one.value, one.label) for one in EccState
    ][1:]


def test_commands_are_numbered_as_transitions() -> None:
    assert [one.value for one in EccCommand] == [one.value for one in Transition]


# Time


def stamps(lab: Lab) -> Iterator[tuple[float, float]]:
    """Each two that follow one another."""
    return pairwise(snapshot.time for _, snapshot in lab.shown)


async def test_before_first_contact_the_time_is_that_of_the_start(
    clock: Clock,
) -> None:
    assert Lab().now.time == pytest.approx(clock.time(), abs=1e-3)


async def test_stamps_rise_strictly(lab: Lab) -> None:
    await lab.ecc.reach(READY)
    await lab.pass_time(20.0)
    assert all(before < after for before, after in stamps(lab))


async def test_stamps_follow_a_clock_that_is_set_back_once_and_rise_again(
    lab: Lab, clock: Clock
) -> None:
    await lab.pass_time(5.0)
    clock.step = -3600.0
    await lab.ecc.reach(READY)
    [fall] = [before - after for before, after in stamps(lab) if before >= after]
    assert fall == pytest.approx(3600.0, abs=10.0)


async def test_after_the_clock_has_caught_up_stamps_are_true(
    lab: Lab, clock: Clock
) -> None:
    clock.step = -60.0
    await lab.pass_time(70.0)
    assert lab.now.time == pytest.approx(clock.time(), abs=1.1)


async def test_an_observation_without_change_moves_the_time_alone(lab: Lab) -> None:
    await lab.pass_time(1.1)
    before = len(lab.shown)
    await lab.pass_time(2.0)
    news = [
        (names, s.time) for names, s in lab.shown[before:] if names != ("last_seen",)
    ]
    assert [names for names, _ in news] == [(), ()]
    assert news[1][1] - news[0][1] == pytest.approx(1.0, abs=0.01)


async def test_a_watcher_that_raises_is_dropped_alone(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def bad(snapshot: EccSnapshot, names: object) -> None:
        calls.append(names)
        raise ValueError("a bad watcher")

    lab.ecc.watch(bad)
    shown = len(lab.shown)
    await lab.pass_time(3.0)
    assert (len(calls), len(lab.shown) > shown) == (1, True)
    assert "a watcher failed" in caplog.text


# Allowed


async def agrees(lab: Lab, target: EccTarget) -> None:
    """What the bit of `target` says is what becomes of a wish for it."""
    said = bool(lab.now.allowed & 1 << target)
    wish = lab.put(lab.ecc.reach(EccState(target)))
    before = len(lab.sent)
    await asyncio.wait({wish})
    refused = isinstance(wish.exception(), RefusedError)
    assert (said, len(lab.sent) - before if refused else 0) == (not refused, 0)


TARGETS = [target for target in EccTarget if target]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("state", EccState)
@pytest.mark.parametrize("config", [None, CONFIG])
async def test_allowed_is_what_is_accepted_at_rest(
    config: object, state: EccState, target: EccTarget
) -> None:
    async with laboratory(config=config) as lab:
        await lab.at(state)
        await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("state", EccState)
async def test_allowed_is_what_is_accepted_of_a_disabled_server(
    lab: Lab, state: EccState, target: EccTarget
) -> None:
    await lab.at(state)
    await lab.ecc.enable(False)
    await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_with_an_unlisted_configuration(
    target: EccTarget,
) -> None:
    async with laboratory(config=OTHER) as lab:
        lab.server.list = [CONFIG]
        await lab.ecc.refresh_configs()
        await lab.at(DESCRIBED)
        await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("state", "name"),
    [
        (IDLE, "Describe"),
        (PREPARED, "Configure"),
        (READY, "Start"),
        (READY, "Breakup"),
        (RUNNING, "Pause"),
        (PAUSED, "Resume"),
        (RUNNING, "Stop"),
    ],
)
async def test_allowed_is_what_is_accepted_while_another_client_acts(
    lab: Lab, state: EccState, name: str, target: EccTarget
) -> None:
    await lab.at(state)
    other = asyncio.ensure_future(lab.server.foreign(name))
    await lab.until(lambda: lab.now.transitioning)
    await agrees(lab, target)
    await other


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("state", "pursued"),
    [
        (IDLE, READY),
        (DESCRIBED, PAUSED),
        (READY, IDLE),
        (PAUSED, RUNNING),
        (IDLE, IDLE),
    ],
)
@pytest.mark.parametrize("after", [0.0, 0.0005, 1.0])
async def test_allowed_is_what_is_accepted_while_a_command_runs(
    lab: Lab, state: EccState, pursued: EccState, target: EccTarget, after: float
) -> None:
    await lab.at(state)
    lab.put(lab.ecc.reach(pursued))
    await lab.pass_time(after)
    await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_after_a_refusal_while_a_command_runs(
    lab: Lab, target: EccTarget
) -> None:
    lab.put(lab.ecc.reach(READY))
    await lab.until(lambda: lab.sent)
    lab.ecc.refuse("put to some PV", RefusedError("no such choice"))
    await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("state", "operation"),
    [(PREPARED, Operation.UNDO), (RUNNING, Operation.STOP), (IDLE, Operation.DESCRIBE)],
)
async def test_allowed_is_what_is_accepted_while_an_operation_runs(
    lab: Lab, state: EccState, operation: Operation, target: EccTarget
) -> None:
    await lab.at(state)
    lab.put(lab.ecc.operate(operation))
    await lab.pass_time(1.0)
    await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_after_an_abort(
    lab: Lab, target: EccTarget
) -> None:
    await lab.at(DESCRIBED)
    going = lab.put(lab.ecc.reach(RUNNING))
    await lab.until(lambda: lab.sent)
    lab.ecc.abort()
    await asyncio.wait({going})
    await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_while_a_list_is_read(
    lab: Lab, target: EccTarget
) -> None:
    await lab.at(PREPARED)
    lab.server.list_fault = Fault.HANG
    lab.put(lab.ecc.refresh_configs())
    await lab.pass_time(0.1)
    await agrees(lab, target)


async def test_nothing_is_allowed_of_a_server_that_is_not_known() -> None:
    async with laboratory(start=False) as lab:
        assert lab.now.allowed == 0


@pytest.mark.parametrize("fault", [Fault.OFFLINE, Fault.HANG, Fault.GARBAGE])
async def test_nothing_is_allowed_of_a_lost_server(lab: Lab, fault: Fault) -> None:
    lab.server.state_fault = fault
    await lab.until(lambda: lab.now.is_lost)
    assert lab.now.allowed == 0


async def test_none_is_never_allowed(lab: Lab) -> None:
    assert not lab.now.allowed & 1
