"""What happens in the middle: aborts, other wishes, other clients, deaths, hangs."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Result
from daqpv.ecc import EccState, EccTarget, Operation, Transition
from daqpv.errors import (
    AbortedError,
    BusyError,
    CommandError,
    OperationError,
    RefusedError,
)
from tests.support.ecc import Fault, acting
from tests.support.system import SLAVES, Lab, laboratory

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState

STEPS = [
    # from, to, what is on the wire, at whom
    (IDLE, RUNNING, "Describe", "CoBo0"),
    (IDLE, RUNNING, "Prepare", "MuTAnT"),
    (IDLE, RUNNING, "Prepare", "CoBo0"),
    (IDLE, RUNNING, "Configure", "CoBo0"),
    (IDLE, RUNNING, "Configure", "Slave"),
    (IDLE, RUNNING, "Configure", "MuTAnT"),
    (IDLE, RUNNING, "Start", "CoBo0"),
    (IDLE, RUNNING, "Start", "Slave"),
    (IDLE, RUNNING, "Start", "MuTAnT"),
    (RUNNING, PAUSED, "Pause", "MuTAnT"),
    (RUNNING, PAUSED, "Pause", "CoBo0"),
    (PAUSED, RUNNING, "Resume", "CoBo0"),
    (PAUSED, RUNNING, "Resume", "MuTAnT"),
]
DOWN = [
    (RUNNING, IDLE, "Stop", "MuTAnT"),
    (RUNNING, IDLE, "Stop", "CoBo0"),
    (RUNNING, IDLE, "Breakup", "MuTAnT"),
    (RUNNING, IDLE, "Breakup", "CoBo0"),
    (RUNNING, IDLE, "Undo", "CoBo0"),
    (RUNNING, IDLE, "Undo", "MuTAnT"),
]
every_step = pytest.mark.parametrize(("state", "target", "what", "who"), STEPS + DOWN)
every_step_up = pytest.mark.parametrize(("state", "target", "what", "who"), STEPS)
every_step_down = pytest.mark.parametrize(("state", "target", "what", "who"), DOWN)


async def begun(lab: Lab, target: EccState, what: str, who: str) -> asyncio.Task[None]:
    """A command to `target` whose `what` at `who` is on the wire."""
    going = lab.put(lab.system.reach(target), by="ann@hut")
    await lab.on_the_wire(what, who)
    return going


def all_quiet(lab: Lab) -> bool:
    return all(
        one.is_quiet and not lab.eccs[name].snapshot.transitioning
        for name, one in lab.members.items()
    )


# Abort


@every_step
async def test_an_abort_ends_it_at_once_and_nothing_more_is_sent(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        sent = len(lab.sent)
        with acting("eve@bar"):
            lab.system.abort()
        with pytest.raises(AbortedError, match=r"aborted by eve@bar; .*CoBo|MuT|Sl"):
            await asyncio.wait_for(going, 0.1)
        await lab.until(lambda: all_quiet(lab))
        await lab.pass_time(30.0)
        assert len(lab.sent) == sent
        assert (lab.now.result, lab.now.transitioning) == (Result.ABORTED, False)
        assert "aborted by eve@bar" in lab.now.message  # not what came to its end since


async def test_who_is_waited_for_on_the_way_down_is_told(lab: Lab) -> None:
    await begun(lab, READY, "Configure", "CoBo0")
    down = lab.put(lab.system.reach(IDLE), by="bob@pub")
    await lab.pass_time(0.1)
    assert lab.now.step.startswith("Waiting: CoBo0")
    assert "Configuring" in lab.now.step
    assert lab.now.message == lab.now.step
    await down


async def test_an_abort_calls_back_what_is_not_sent_yet(lab: Lab) -> None:
    for member in lab.members.values():
        member.list_fault = Fault.HANG  # the list is read before each Describe
    going = lab.put(lab.system.reach(READY))
    await lab.pass_time(0.1)
    lab.system.abort()
    with pytest.raises(AbortedError):
        await asyncio.wait_for(going, 0.1)
    await lab.pass_time(30.0)
    assert lab.sent == []


async def test_after_an_abort_the_way_up_is_refused_until_the_wire_is_free(
    lab: Lab,
) -> None:
    going = await begun(lab, READY, "Configure", "CoBo0")
    lab.system.abort()
    await asyncio.wait({going})
    with pytest.raises(BusyError, match=r"CoBo0 is busy: Configuring"):
        await lab.system.reach(READY)
    await lab.until(lambda: all_quiet(lab))
    await lab.system.reach(READY)
    assert set(lab.states.values()) == {READY}


async def test_an_abort_with_nothing_to_abort_does_nothing(lab: Lab) -> None:
    before = lab.now
    lab.system.abort()
    assert lab.now is before


# Another wish


@every_step_up
async def test_the_way_down_takes_over_in_every_step(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        second = lab.put(lab.system.reach(IDLE), by="bob@pub")
        with pytest.raises(AbortedError, match="aborted by bob@pub"):
            await asyncio.wait_for(going, 0.1)
        await second
        assert set(lab.states.values()) == {IDLE}


@every_step
async def test_stop_takes_over_in_every_step(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        await lab.put(lab.system.stop(), by="bob@pub")
        await asyncio.wait({going})
        await lab.until(lambda: all_quiet(lab))
        assert not {RUNNING, PAUSED} & set(lab.states.values())
        if what in ("Describe", "Prepare", "Configure"):
            assert "Stop" not in {what for _, what in lab.sent}


@every_step_up
async def test_step_back_takes_over_or_says_that_it_is_mixed(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        back = lab.put(lab.system.step_back())
        await asyncio.wait({back})
        error = back.exception()
        assert error is None or isinstance(error, RefusedError)
        mixed = len(set(lab.states.values())) > 1
        assert mixed == ("the others" in str(error))
        with pytest.raises(AbortedError):
            await going


@every_step_up
async def test_another_way_up_is_refused_meanwhile(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        other = PAUSED if target is RUNNING else RUNNING
        with pytest.raises(
            BusyError, match=f"Sys is busy: {what}: .*caput AT:Sys:Abort"
        ):
            await lab.system.reach(other)
        await going
        assert set(lab.states.values()) == {target}


@every_step
async def test_the_same_wish_joins(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        await lab.system.reach(target)
        await going
        assert lab.now.result_count == 1


async def test_two_clients_with_opposite_wishes_end_with_the_lower(lab: Lab) -> None:
    for _ in range(5):
        up = lab.put(lab.system.reach(RUNNING), by="ann@hut")
        await lab.pass_time(3.3)
        down = lab.put(lab.system.reach(IDLE), by="bob@pub")
        await asyncio.wait({up, down})
        assert isinstance(up.exception(), AbortedError)
        assert down.exception() is None
        assert set(lab.states.values()) == {IDLE}


async def test_idle_asked_for_during_a_step_back_is_reached(lab: Lab) -> None:
    await lab.at(RUNNING)
    stepping = lab.put(lab.system.step_back())
    await lab.on_the_wire("Stop", "MuTAnT")
    await lab.system.reach(IDLE)
    await asyncio.wait({stepping})
    assert set(lab.states.values()) == {IDLE}


async def test_a_wish_is_not_lost_in_the_instant_of_the_last_answer(lab: Lab) -> None:
    for offset in range(8):
        first = lab.put(lab.system.reach(DESCRIBED))
        await lab.pass_time(1.998 + offset / 1000)
        await lab.system.reach(IDLE)
        await asyncio.wait({first})
        assert set(lab.states.values()) == {IDLE}


# Somebody commands a single server


@every_step_up
async def test_another_client_of_a_server_halts_the_way_up(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    """A server is led away behind daqpv's back, by its own SOAP client."""
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        away = next(n for n in ("CoBo1", "MuTAnT") if lab[n].is_quiet or n == "MuTAnT")
        if not lab[away].is_quiet:
            away = "Slave" if lab["Slave"].is_quiet else away
        lab.watch.members.pop(away)
        await lab.until(lambda: lab[away].is_quiet)
        lab[away].set(DESCRIBED if lab.states[away] > DESCRIBED else IDLE)
        await asyncio.wait({going}, timeout=120)
        error = going.exception()
        if error is None:  # it was brought along again, in order
            assert set(lab.states.values()) == {target}
        else:
            assert isinstance(error, CommandError)
            assert str(error)


@every_step_down
async def test_another_client_of_a_server_is_led_down_or_named(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    """A server is led up behind daqpv's back, as far as it may have gone before."""
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        lab.watch.judges = False  # nobody can know of it in time
        away = next(name for name in SLAVES if lab[name].is_quiet)
        lab[away].set(RUNNING if what == "Stop" else READY)
        await asyncio.wait({going}, timeout=600)
        error = going.exception()
        if error is None:
            assert set(lab.states.values()) == {target}
        else:
            assert isinstance(error, OperationError)
            assert away in str(error)
        await lab.system.reach(IDLE)
        assert set(lab.states.values()) == {IDLE}


async def test_who_was_led_away_is_named(lab: Lab) -> None:
    going = await begun(lab, RUNNING, "Configure", "MuTAnT")
    lab["CoBo1"].set(IDLE)
    await lab.until(lambda: lab.eccs["CoBo1"].snapshot.state is IDLE)
    with pytest.raises(OperationError, match=r"CoBo1 is Idle, not by this command"):
        await going
    assert lab.watch.order()[-1] == "Configure M"


async def test_a_single_server_sent_down_halts_the_way_up(lab: Lab) -> None:
    going = await begun(lab, READY, "Prepare", "CoBo0")
    await lab.put(lab.eccs["CoBo1"].reach(DESCRIBED), by="bob@pub")
    with pytest.raises(OperationError, match=r"CoBo1: .*aborted by bob@pub"):
        await going
    assert lab.states == {"MuTAnT": 3, "CoBo0": 3, "CoBo1": 2, "CoBo2": 3}


async def test_the_way_down_ends_the_way_up_of_a_single_server(lab: Lab) -> None:
    await lab.at({"MuTAnT": PREPARED})
    single = lab.put(lab.eccs["CoBo0"].reach(READY), by="ann@hut")
    await lab.on_the_wire("Describe", "CoBo0")
    await lab.put(lab.system.reach(IDLE), by="bob@pub")
    with pytest.raises(AbortedError, match="bob@pub"):
        await single
    assert set(lab.states.values()) == {IDLE}


async def test_stop_ends_the_way_to_running_of_a_single_server(lab: Lab) -> None:
    await lab.at(READY)
    await lab.at({"CoBo0": PREPARED})
    single = lab.put(lab.eccs["CoBo0"].reach(RUNNING), by="ann@hut")
    await lab.on_the_wire("Configure", "CoBo0")
    await lab.put(lab.system.stop(), by="bob@pub")
    with pytest.raises(AbortedError, match="bob@pub"):
        await single
    assert set(lab.states.values()) == {READY}
    assert lab.sent == [("CoBo0", "Configure")]


async def test_a_busy_server_refuses_the_way_up(lab: Lab) -> None:
    lab.put(lab.eccs["CoBo1"].reach(DESCRIBED), by="bob@pub")
    await lab.on_the_wire("Describe", "CoBo1")
    with pytest.raises(BusyError, match=r"CoBo1 is busy: Describing"):
        await lab.system.reach(READY)
    assert lab.sent == [("CoBo1", "Describe")]


async def test_the_way_down_waits_for_what_another_client_does(lab: Lab) -> None:
    await lab.at(PREPARED)
    lab.watch.group_order = False
    doing = lab.put(lab["CoBo1"].foreign("Configure"))  # type: ignore[arg-type]
    await lab.until(lambda: lab.eccs["CoBo1"].snapshot.transitioning)
    await lab.system.reach(IDLE)
    await doing
    assert set(lab.states.values()) == {IDLE}


async def test_who_stays_busy_is_left_behind_on_the_way_down(lab: Lab) -> None:
    await lab.at(PREPARED)
    lab["CoBo1"].durations["Undo"] = 1000.0
    doing = lab.put(lab["CoBo1"].foreign("Undo"))  # type: ignore[arg-type]
    await lab.until(lambda: lab.eccs["CoBo1"].snapshot.transitioning)
    lab.watch.blind.add("CoBo1")
    with pytest.raises(OperationError, match="CoBo1 is busy: Resetting"):
        await lab.system.reach(IDLE)
    assert lab.states == {"MuTAnT": 2, "CoBo0": 2, "CoBo1": 3, "CoBo2": 2}
    doing.cancel()


# Deaths and hangs


@every_step_up
async def test_a_server_that_dies_halts_the_way_up(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        lab[who].process.die()
        lab.watch.blind.add(who)
        with pytest.raises(CommandError, match=who):
            await going
        assert lab.now.result in (Result.FAILED, Result.TIMEOUT)
        if what == "Start":  # whoever can be reached is stopped
            others = {s for name, s in lab.states.items() if name != who}
            assert not {RUNNING, PAUSED} & others


@every_step_down
async def test_a_server_that_dies_is_left_behind_on_the_way_down(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        lab[who].process.die()
        lab.watch.blind.add(who)
        lab.watch.group_order = False
        with pytest.raises(OperationError, match=who):
            await going
        others = {s for name, s in lab.states.items() if name != who}
        assert others == {IDLE}


@every_step
async def test_a_server_that_hangs_ends_in_a_sentence(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        lab[who].state_fault = lab[who].fault = Fault.HANG
        lab.watch.blind.add(who)
        lab.watch.group_order = False
        await asyncio.wait({going}, timeout=600)
        error = going.exception()
        assert isinstance(error, CommandError)
        assert who in str(error)


@every_step
async def test_a_server_that_is_restarted_does_not_break_the_order(
    state: EccState, target: EccState, what: str, who: str
) -> None:
    async with laboratory(SLAVES, state) as lab:
        going = await begun(lab, target, what, who)
        lab[who].restart()
        lab.watch.group_order = False
        await asyncio.wait({going}, timeout=600)
        error = going.exception()
        assert error is None or isinstance(error, CommandError)
        if error is None:
            assert set(lab.states.values()) == {target}


async def test_a_way_down_in_each_of_many_moments_ends_in_idle(lab: Lab) -> None:
    for moment in range(1, 30, 2):
        up = lab.put(lab.system.reach(PAUSED))
        await lab.pass_time(moment * 0.577)
        await lab.system.reach(IDLE)
        await asyncio.wait({up})
        assert set(lab.states.values()) == {IDLE}


# Enable


async def test_a_server_disabled_in_the_middle_is_left_out_or_told(lab: Lab) -> None:
    going = await begun(lab, READY, "Prepare", "MuTAnT")
    await lab.eccs["CoBo1"].enable(False)
    lab.watch.blind.add("CoBo1")
    await going
    assert lab.states == {"MuTAnT": 4, "CoBo0": 4, "CoBo1": 2, "CoBo2": 4}


async def test_a_disabled_system_refuses_the_way_up_and_not_the_way_down(
    lab: Lab,
) -> None:
    await lab.at(RUNNING)
    await lab.system.enable(False)
    with pytest.raises(RefusedError, match="caput AT:Sys:Enable 1"):
        await lab.system.reach(PAUSED)
    await lab.system.stop()
    await lab.system.reach(IDLE)
    assert set(lab.states.values()) == {IDLE}


async def test_before_it_is_followed_nothing_is_sent() -> None:
    lab = Lab(SLAVES)
    with pytest.raises(RefusedError):
        await lab.system.stop()
    await lab.close()


async def test_the_end_of_daqpv_is_told_to_who_waits() -> None:
    lab = Lab(SLAVES)
    tasks = lab.run()
    await lab.until(lambda: all(one.snapshot.configs for one in lab.eccs.values()))
    going = lab.put(lab.system.reach(READY))
    await lab.on_the_wire("Describe", "CoBo0")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    with pytest.raises(AbortedError):
        await going
    await lab.close()


async def test_the_target_is_that_of_the_last_accepted_wish(lab: Lab) -> None:
    going = await begun(lab, RUNNING, "Prepare", "MuTAnT")
    down = lab.put(lab.system.reach(DESCRIBED))
    await asyncio.wait({going})
    assert lab.now.target is EccTarget.DESCRIBED
    assert lab.eccs["MuTAnT"].snapshot.transition is Transition.PREPARING
    await down
    assert Operation.UNDO.value in {what for _, what in lab.sent}
