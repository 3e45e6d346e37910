"""Any mixture of states, any wish, anything that may go wrong: the order is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daqpv.core import Result
from daqpv.ecc import EccState
from daqpv.errors import CommandError, LinkError
from tests.support.ecc import Fault
from tests.support.system import Lab, ended, laboratory
from tests.support.virtual import play

NAMES = ["MuTAnT", "Slave", "CoBo0", "CoBo1", "CoBo2"]
ROLES = ["mutant", "mutant-slave", "cobo", "cobo", "all"]
STATES = st.sampled_from(list(EccState))
TARGETS = st.sampled_from(list(EccState)[1:])
OPERATIONS = st.sampled_from(
    ["Describe", "Prepare", "Configure", "Start", "Stop", "Pause", "Breakup", "Undo"]
)
every = settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def roles(draw_slave: bool, draw_mutant: bool) -> dict[str, str]:
    found = dict(zip(NAMES, ROLES, strict=True))
    if not draw_slave:
        del found["Slave"]
    if not draw_mutant:
        del found["MuTAnT"]
    return found


@every
@given(
    slave=st.booleans(),
    mutant=st.booleans(),
    states=st.lists(STATES, min_size=5, max_size=5),
    target=TARGETS,
)
def test_every_mixture_ends_at_the_target_or_is_refused_with_a_sentence(
    slave: bool, mutant: bool, states: list[EccState], target: EccState
) -> None:
    async def story() -> None:
        servers = roles(slave, mutant)
        there = dict(zip(NAMES, states, strict=True))
        mixture = {name: there[name] for name in servers}
        async with laboratory(servers, mixture) as lab:
            allowed = lab.now.allowed >> target & 1
            error = await ended(lab.put(lab.system.reach(target)))
            if error is not None:
                assert "caput AT:Sys:Stop 1" in error
                assert lab.sent == []
                assert lab.now.result is Result.REFUSED
                assert not allowed
            else:
                assert set(lab.states.values()) == {target}
                assert lab.now.result is Result.DONE
                assert allowed
            assert [m.ignored for m in lab.members.values() if m.ignored] == []

    play(story())


@every
@given(
    states=st.lists(STATES, min_size=5, max_size=5),
    target=TARGETS,
    culprit=st.sampled_from(NAMES),
    what=OPERATIONS,
)
def test_whatever_fails_the_order_is_kept_and_it_ends_in_a_sentence(
    states: list[EccState], target: EccState, culprit: str, what: str
) -> None:
    async def story() -> None:
        servers = roles(True, True)
        async with laboratory(servers, dict(zip(NAMES, states, strict=True))) as lab:
            lab[culprit].failures[what] = "no power"
            error = await ended(lab.put(lab.system.reach(target)))
            assert (error is None) == (set(lab.states.values()) == {target})

    play(story())


WISH = st.one_of(
    st.tuples(st.just("reach"), TARGETS),
    st.tuples(st.sampled_from(["stop", "step_back", "abort"]), st.none()),
    st.tuples(st.just("single"), st.tuples(st.sampled_from(NAMES), TARGETS)),
    st.tuples(st.just("fault"), st.tuples(st.sampled_from(NAMES), OPERATIONS)),
    st.tuples(st.just("restart"), st.sampled_from(NAMES)),
)


def wish(lab: Lab, what: str, how: Any) -> None:
    match what:
        case "reach":
            lab.put(lab.system.reach(how))
        case "stop":
            lab.put(lab.system.stop())
        case "step_back":
            lab.put(lab.system.step_back())
        case "abort":
            lab.system.abort()
        case "single":
            name, target = how
            lab.put(lab.eccs[name].reach(target))
        case "fault":
            name, operation = how
            lab[name].failures[operation] = "no power"
        case "restart":
            lab[how].restart()


@every
@given(st.lists(st.tuples(st.floats(0, 9), WISH), max_size=10))
def test_whatever_many_clients_wish_nobody_is_lost_and_idle_is_reached(
    wishes: list[tuple[float, tuple[str, Any]]],
) -> None:
    async def story() -> None:
        async with laboratory(roles(True, True)) as lab:
            lab.watch.judges = False  # several masters at once: no one order
            for pause, (what, how) in wishes:
                wish(lab, what, how)
                await lab.pass_time(pause)
            for one in lab.members.values():
                one.failures.clear()
            await asyncio.wait_for(idle(lab), 300)
            assert set(lab.states.values()) == {EccState.IDLE}
            assert not lab.now.transitioning
            assert lab.system.running is None

    play(story())


async def idle(lab: Lab) -> None:
    """Send all to Idle, again if one was broken by a failure before."""
    for name in lab.members:
        if lab[name].process.halted:
            lab[name].restart()
    for _ in range(3):
        try:
            await lab.system.reach(EccState.IDLE)
        except (CommandError, LinkError):
            for name in lab.members:
                if lab[name].process.halted:
                    lab[name].restart()
            await lab.pass_time(10)
    await lab.system.reach(EccState.IDLE)


@every
@given(
    states=st.lists(STATES, min_size=5, max_size=5),
    lost=st.sets(st.sampled_from(NAMES), max_size=5),
    disabled=st.sets(st.sampled_from(NAMES), max_size=2),
    target=TARGETS,
)
def test_the_lost_are_left_behind_and_the_disabled_left_alone(
    states: list[EccState], lost: set[str], disabled: set[str], target: EccState
) -> None:
    async def story() -> None:
        servers = roles(True, True)
        mixture = dict(zip(NAMES, states, strict=True))
        async with laboratory(servers, mixture, disabled=disabled) as lab:
            gone = lost - disabled
            if gone:
                await lab.lost(*gone, fault=Fault.OFFLINE)
            error = await ended(lab.put(lab.system.reach(target)))
            if error is None:
                assert not gone
            else:
                assert gone or "caput AT:Sys:Stop 1" in error or not lab.sent
            stay = gone | disabled
            assert {n: lab.states[n] for n in stay} == {n: mixture[n] for n in stay}
            if target < EccState.RUNNING and len(stay) < len(NAMES):
                above = [n for n in NAMES if n not in stay and lab.states[n] > target]
                was = max(mixture[n] for n in NAMES if n not in stay)
                assert not above or was <= target

    play(story())
