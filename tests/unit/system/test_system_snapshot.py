"""What the system shows: alarms, counts, what is allowed, the configuration's name."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from daqpv.core import Condition, Severity, Status
from daqpv.ecc import ConfigId, EccState
from daqpv.errors import AbortedError, BusyError, RefusedError
from daqpv.system import SystemSnapshot, SystemState
from tests.support.ecc import Fault
from tests.support.system import SLAVES, Lab, ended, laboratory

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
TARGETS = list(EccState)[1:]

GOOD = SystemSnapshot(
    known=True, online=True, condition=Condition.OK, state=SystemState.READY,
    online_count=4, enabled_count=4, total=4,
)  # fmt: skip
SOME_OFFLINE = replace(
    GOOD, online=False, condition=Condition.OFFLINE, online_count=3,
    troubled=("CoBo1 is Offline",),
)  # fmt: skip
NONE_ONLINE = replace(SOME_OFFLINE, online_count=0)
ONE_BROKEN = replace(
    GOOD, condition=Condition.BROKEN, state=SystemState.MIXED,
    troubled=("CoBo1 is Broken",),
)  # fmt: skip
MIXED = replace(GOOD, state=SystemState.MIXED)


def alarms(snapshot: SystemSnapshot) -> dict[str, tuple[Severity, Status]]:
    fields = ("state", "online", "condition", "transitioning", "online_count", "target")
    every = {field: snapshot.alarm(field)[:2] for field in fields}
    return {n: a for n, a in every.items() if a[0] or a[1]}


MAJOR, MINOR, INVALID = Severity.MAJOR, Severity.MINOR, Severity.INVALID


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (GOOD, {}),
        (
            SOME_OFFLINE,
            {"state": (MAJOR, Status.STATE), "online": (MAJOR, Status.COMM)},
        ),
        (
            NONE_ONLINE,
            {
                "state": (INVALID, Status.COMM),
                "online": (MAJOR, Status.COMM),
                "transitioning": (INVALID, Status.COMM),
                "online_count": (INVALID, Status.COMM),
            },
        ),
        (ONE_BROKEN, {"state": (MAJOR, Status.STATE)}),
        (replace(ONE_BROKEN, transitioning=True), {"state": (MAJOR, Status.STATE)}),
        (MIXED, {"state": (MINOR, Status.STATE)}),
        (replace(MIXED, transitioning=True), {}),
    ],
)
def test_the_alarms_are_those_of_the_rules(
    snapshot: SystemSnapshot, expected: dict[str, tuple[Severity, Status]]
) -> None:
    assert alarms(snapshot) == expected


def test_the_alarm_names_who_is_in_trouble() -> None:
    assert SOME_OFFLINE.alarm("state").reason == "CoBo1 is Offline"


def test_a_disabled_system_has_no_alarm() -> None:
    off = replace(SOME_OFFLINE, enabled=False)
    assert {severity for severity, _ in alarms(off).values()} == {Severity.NO_ALARM}


async def test_before_all_are_known_nothing_is() -> None:
    lab = Lab(SLAVES)
    assert (lab.now.known, lab.now.alarm("state").status) == (False, Status.UDF)
    await lab.close()


async def test_a_lost_server_is_major_and_its_return_ends_that(lab: Lab) -> None:
    await lab.lost("CoBo1")
    assert lab.now.severity("state") is Severity.MAJOR
    assert (lab.now.online_count, lab.now.online) == (3, False)
    assert (lab.now.state, lab.now.condition) == (SystemState.IDLE, Condition.OFFLINE)
    lab["CoBo1"].state_fault = None
    await lab.until(lambda: lab.now.online)
    assert lab.now.severity("state") is Severity.NO_ALARM


async def test_a_disabled_server_is_no_trouble(lab: Lab) -> None:
    await lab.lost("CoBo1")
    await lab.eccs["CoBo1"].enable(False)
    await lab.until(lambda: not lab.now.troubled)
    assert alarms(lab.now) == {}
    assert (lab.now.enabled_count, lab.now.disabled_names) == (3, "CoBo1")


async def test_the_state_is_what_it_was_while_nobody_answers(lab: Lab) -> None:
    await lab.at(READY)
    await lab.lost(*lab.members)
    assert lab.now.state is SystemState.READY
    assert lab.now.severity("state") is Severity.INVALID


async def test_one_server_elsewhere_is_mixed(lab: Lab) -> None:
    await lab.at({"CoBo1": DESCRIBED})
    assert (lab.now.state, lab.now.transitioning) == (SystemState.MIXED, False)
    assert lab.now.severity("state") is Severity.MINOR


async def test_what_another_client_does_is_transitioning(lab: Lab) -> None:
    doing = lab.put(lab["CoBo1"].foreign("Describe"))  # type: ignore[arg-type]
    await lab.until(lambda: lab.now.transitioning)
    await doing
    await lab.until(lambda: not lab.now.transitioning)
    assert lab.now.state is SystemState.MIXED


async def test_the_time_stamp_follows_the_servers(lab: Lab) -> None:
    before = lab.now.time
    await lab.pass_time(5.0)
    assert 4.0 < lab.now.time - before < 6.5


# Allowed


async def agrees(lab: Lab, target: EccState) -> None:
    """`allowed` says of `target` what a put of it then meets."""
    lab.watch.judges = False
    said = bool(lab.now.allowed >> target & 1)
    put = lab.put(lab.system.reach(target))
    await lab.pass_time(0)
    await lab.pass_time(0.001)
    refused = put.done() and isinstance(put.exception(), RefusedError)
    assert said != refused, put


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("state", TARGETS)
async def test_allowed_is_what_is_accepted_at_rest(
    state: EccState, target: EccState
) -> None:
    async with laboratory(SLAVES, state) as lab:
        await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_on_the_way(
    lab: Lab, target: EccState
) -> None:
    lab.put(lab.system.reach(READY))
    await lab.on_the_wire("Prepare", "MuTAnT")
    await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_after_an_abort(
    lab: Lab, target: EccState
) -> None:
    going = lab.put(lab.system.reach(READY))
    await lab.on_the_wire("Configure", "CoBo0")
    lab.system.abort()
    await ended(going)
    await lab.pass_time(0.01)
    await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_with_a_lost_server(
    lab: Lab, target: EccState
) -> None:
    await lab.at(READY)
    await lab.lost("CoBo1")
    await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_without_configurations(
    target: EccState,
) -> None:
    async with laboratory(states=PREPARED, config=None) as lab:
        await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_right_after_a_command(
    lab: Lab, target: EccState
) -> None:
    await lab.system.reach(DESCRIBED)
    await agrees(lab, target)


@pytest.mark.parametrize("target", TARGETS)
async def test_allowed_is_what_is_accepted_while_a_name_is_chosen(
    lab: Lab, target: EccState
) -> None:
    await lab.at(DESCRIBED)
    lab["CoBo0"].list_fault = Fault.HANG
    lab.put(lab.system.configure_name("pulser"))
    await lab.pass_time(0.1)
    await agrees(lab, target)


async def test_nothing_is_allowed_while_nobody_answers(lab: Lab) -> None:
    await lab.lost(*lab.members)
    assert lab.now.allowed == 0


# ConfigName


async def test_the_common_configure_name_is_shown(lab: Lab) -> None:
    assert lab.now.config_name == "e20009"


async def test_a_name_is_chosen_everywhere(lab: Lab) -> None:
    for member in lab.members.values():
        member.list.append(ConfigId("cobo0", "pulser", "pulser"))
    await lab.system.configure_name("pulser")
    assert {str(ecc.snapshot.config) for ecc in lab.eccs.values()} == {
        "cobo0/pulser/pulser"
    }
    await lab.until(lambda: lab.now.config_name == "pulser")


async def test_a_name_that_one_server_does_not_list_is_chosen_nowhere(
    lab: Lab,
) -> None:
    for name, member in lab.members.items():
        if name != "CoBo1":
            member.list.append(ConfigId("cobo0", "pulser", "pulser"))
    for name in ("MuTAnT", "CoBo0"):
        await lab.eccs[name].refresh_configs()
    with pytest.raises(RefusedError, match=r"CoBo1 does not list .*No server has it"):
        await lab.system.configure_name("pulser")
    assert {str(ecc.snapshot.config) for ecc in lab.eccs.values()} == {
        "cobo0/e20009/e20009"
    }


async def test_a_name_is_refused_beyond_the_state_in_which_it_may_change(
    lab: Lab,
) -> None:
    await lab.at(READY)
    with pytest.raises(RefusedError) as info:
        await lab.system.configure_name("pulser")
    assert str(info.value) == (
        "MuTAnT, CoBo0, CoBo1 and 1 more: they are Ready, and the prepare name may "
        "change up to Described. First: caput AT:Sys:Target Described"
    )


async def test_the_name_that_all_have_is_done(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lab.system.configure_name("e20009")
    assert lab.now.config_name == "e20009"


async def test_without_a_describe_name_to_keep_it_is_refused() -> None:
    async with laboratory(config=None) as lab:
        with pytest.raises(RefusedError, match=r"caput -S AT:ECC:MuTAnT:Config"):
            await lab.system.configure_name("pulser")


async def test_while_the_system_moves_the_name_is_refused(lab: Lab) -> None:
    going = lab.put(lab.system.reach(DESCRIBED))
    await lab.on_the_wire("Describe", "CoBo0")
    with pytest.raises(BusyError, match="Sys is busy: Describe"):
        await lab.system.configure_name("pulser")
    await going


async def test_an_aborted_choice_gives_the_old_names_back(lab: Lab) -> None:
    for name, member in lab.members.items():
        member.list.append(ConfigId("cobo0", "pulser", "pulser"))
        if name == "CoBo2":
            member.list_fault = Fault.HANG
    choosing = lab.put(lab.system.configure_name("pulser"))
    await lab.pass_time(1.0)
    lab.system.abort()
    await asyncio.wait({choosing}, timeout=30)
    assert isinstance(choosing.exception(), AbortedError)
    lab["CoBo2"].list_fault = None
    assert {str(ecc.snapshot.config) for ecc in lab.eccs.values()} == {
        "cobo0/e20009/e20009"
    }
