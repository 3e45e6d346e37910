"""Two wishes in one instant, and what is asked and not known to be done."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Result
from daqpv.ecc import EccState, Operation
from daqpv.errors import DaqError, OperationError, RefusedError
from tests.support.ecc import Fault
from tests.support.system import Lab, ended, laboratory

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
OP = Operation
READING = 0.001  # [s] for the list of configurations


@pytest.mark.parametrize("turns", range(-8, 9))
@pytest.mark.parametrize(
    ("states", "slow", "quick"),
    [
        (
            {"MuTAnT": PREPARED, "CoBo0": DESCRIBED},
            ("CoBo0", OP.PREPARE),  # it takes longer: the list is read before
            ("MuTAnT", OP.UNDO),
        ),
        (
            {"MuTAnT": PREPARED, "CoBo0": READY},
            ("MuTAnT", OP.CONFIGURE),
            ("CoBo0", OP.BREAKUP),
        ),
    ],
)
async def test_what_another_one_excludes_is_not_sent_in_the_same_instant(
    states: dict[str, EccState],
    slow: tuple[str, Operation],
    quick: tuple[str, Operation],
    turns: int,
) -> None:
    """Between the look at the others and the sending there is no turn of the loop."""
    async with laboratory({"MuTAnT": "mutant", "CoBo0": "cobo"}, states) as lab:

        async def wish(name: str, operation: Operation, after: int) -> None:
            for _ in range(after):  # the loop goes on, the time does not
                await asyncio.sleep(0)
            await lab.eccs[name].operate(operation)

        first = lab.put(wish(*slow, max(turns, 0)))
        await lab.pass_time(READING)
        second = lab.put(wish(*quick, max(-turns, 0)))
        errors = [await ended(put) for put in (first, second)]
        if lab.sent[0] == (slow[0], slow[1].value):
            return  # the other one may follow it
        assert len(lab.sent) == 1
        assert errors[0] is not None


@pytest.mark.parametrize("fault", [Fault.DEAF, Fault.HANG])
async def test_what_is_asked_and_not_seen_to_begin_counts(
    lab: Lab, fault: Fault
) -> None:
    """A request that nobody has answered may be done at any time."""
    await lab.at({"MuTAnT": PREPARED, "CoBo0": DESCRIBED})
    lab["MuTAnT"].fault = fault
    lab["MuTAnT"].durations["Undo"] = 30.0
    undo = lab.put(lab.eccs["MuTAnT"].operate(OP.UNDO))
    await lab.on_the_wire("Undo", "MuTAnT")
    await lab.pass_time(5.0)
    with pytest.raises(RefusedError, match=r"MuTAnT at Prepared or above"):
        await lab.eccs["CoBo0"].operate(OP.PREPARE)
    assert lab.sent == [("MuTAnT", "Undo")]
    await asyncio.wait({undo})


async def test_stop_does_not_overlook_a_start_that_nobody_has_answered(
    lab: Lab,
) -> None:
    await lab.at(READY)
    lab["CoBo0"].fault = Fault.DEAF
    start = lab.put(lab.eccs["CoBo0"].operate(OP.START))
    await lab.on_the_wire("Start", "CoBo0")
    await lab.pass_time(2.0)
    lab.eccs["CoBo0"].abort()
    await asyncio.wait({start})
    with pytest.raises(OperationError, match=r"CoBo0"):  # within 15 s, not 60
        await lab.system.stop()
    assert lab.now.result is Result.FAILED


async def test_an_aborted_request_without_an_answer_refuses_the_way_up(
    lab: Lab,
) -> None:
    lab["CoBo0"].fault = Fault.DEAF
    going = lab.put(lab.eccs["CoBo0"].operate(OP.DESCRIBE))
    await lab.on_the_wire("Describe", "CoBo0")
    await lab.pass_time(2.0)
    lab.eccs["CoBo0"].abort()
    await asyncio.wait({going})
    assert not lab.now.allowed >> READY & 1
    with pytest.raises(DaqError, match="CoBo0 is busy"):
        await lab.system.reach(READY)
    assert lab.sent == [("CoBo0", "Describe")]
    await lab.until(lambda: not lab.eccs["CoBo0"].snapshot.asked)


async def test_a_server_led_away_while_its_list_is_read_is_sent_nothing(
    lab: Lab,
) -> None:
    lab["CoBo0"].list_fault = Fault.HANG
    going = lab.put(lab.eccs["CoBo0"].reach(DESCRIBED))
    await lab.pass_time(0.1)
    lab["CoBo0"].set(PREPARED)  # by another client
    await lab.until(lambda: lab.eccs["CoBo0"].snapshot.state is PREPARED)
    error = await ended(going)
    assert error is not None
    assert "CoBo0 is Prepared now, by another client: no Describe" in error
    assert lab.sent == []
    assert lab.eccs["CoBo0"].snapshot.result is Result.REFUSED


async def test_stop_does_not_overlook_a_start_that_is_being_looked_at(
    lab: Lab,
) -> None:
    """The state that daqpv knew, when Start was wished, was an old one."""
    await lab.at({"CoBo0": PREPARED, "CoBo1": READY, "CoBo2": READY, "MuTAnT": IDLE})
    lab["CoBo0"].set(READY)
    lab.eccs["MuTAnT"].lag = 2.0  # so that looking at it takes a while
    start = lab.put(lab.eccs["CoBo0"].operate(OP.START))
    await lab.pass_time(0.1)
    lab["MuTAnT"].set(READY)
    await lab.system.stop()
    await asyncio.wait({start})
    assert ("CoBo0", "Start") not in lab.sent


# Stop beside a way down that is not accepted yet


@pytest.mark.parametrize("before", ["breakup", "idle", "step back"])
async def test_stop_is_not_refused_with_what_it_was_to_join(
    lab: Lab, before: str
) -> None:
    """Another way down waits for the wire, and is refused when that is free."""
    await lab.at({"MuTAnT": READY, "CoBo0": READY, "CoBo1": RUNNING, "CoBo2": RUNNING})
    cobo = lab.eccs["CoBo0"]
    lab["CoBo0"].durations["Start"] = 5.0
    lab.put(cobo.operate(OP.START))
    await lab.on_the_wire("Start", "CoBo0")
    if before == "breakup":
        first = lab.put(cobo.operate(OP.BREAKUP))
    elif before == "idle":
        first = lab.put(cobo.reach(IDLE))
    else:
        first = lab.put(cobo.step_back())
    await lab.pass_time(1.0)
    stop = lab.put(cobo.operate(OP.STOP))
    error = await ended(first)
    assert (before == "step back") == (error is None)
    assert await ended(stop) is None
    assert lab.states["CoBo0"] == READY


async def test_stop_does_not_wait_for_a_step_back_that_waits(lab: Lab) -> None:
    await lab.at({"MuTAnT": READY, "CoBo0": RUNNING, "CoBo1": READY, "CoBo2": PREPARED})
    lab["CoBo2"].durations["Undo"] = 50.0
    lab.watch.judges = False  # nobody of daqpv would undo beside one who runs
    lab.put(lab["CoBo2"].foreign("Undo"))  # type: ignore[arg-type]
    await lab.until(lambda: lab.eccs["CoBo2"].snapshot.transitioning)
    back = lab.put(lab.system.step_back())
    await lab.pass_time(1.0)
    stop = lab.put(lab.system.stop())
    assert await ended(stop, within=20.0) is None
    assert lab.states["CoBo0"] == READY
    assert "Aborted" in str(await ended(back))


async def test_the_same_wish_is_refused_with_the_first(lab: Lab) -> None:
    lab["CoBo0"].list_fault = Fault.HANG
    first = lab.put(lab.eccs["CoBo0"].operate(OP.CONFIGURE))
    await lab.pass_time(0.0005)
    second = lab.put(lab.eccs["CoBo0"].operate(OP.CONFIGURE))
    assert "no 'Configure' from state 'Idle'" in str(await ended(first))
    assert "no 'Configure' from state 'Idle'" in str(await ended(second))
    assert lab.eccs["CoBo0"].snapshot.result_count == 1


@pytest.mark.parametrize("fault", [Fault.OFFLINE, Fault.CUT, Fault.GARBAGE])
async def test_stop_survives_a_hiccup(lab: Lab, fault: Fault) -> None:
    await lab.at(RUNNING)
    lab["CoBo1"].state_fault = fault
    stop = lab.put(lab.eccs["CoBo1"].operate(OP.STOP))
    await lab.pass_time(0.5)
    lab["CoBo1"].state_fault = None
    assert await ended(stop) is None
    assert lab.states["CoBo1"] == READY


async def test_stop_of_a_server_that_is_lost_ends_soon_and_names_it(lab: Lab) -> None:
    await lab.at(RUNNING)
    lab["CoBo1"].state_fault = Fault.HANG
    error = await ended(lab.put(lab.system.stop()), within=15.0)
    assert "CoBo1" in str(error)
    assert {lab.states[name] for name in ("MuTAnT", "CoBo0", "CoBo2")} == {READY}


async def test_who_comes_back_running_is_stopped_while_others_are_waited_for(
    lab: Lab,
) -> None:
    await lab.at({"MuTAnT": READY, "CoBo0": READY, "CoBo1": READY, "CoBo2": PREPARED})
    lab["CoBo2"].durations["Undo"] = 50.0
    lab.watch.judges = False
    lab.put(lab["CoBo2"].foreign("Undo"))  # type: ignore[arg-type]
    await lab.until(lambda: lab.eccs["CoBo2"].snapshot.transitioning)
    down = lab.put(lab.system.reach(IDLE))
    await lab.pass_time(5.0)
    lab["CoBo1"].set(RUNNING)
    stop = lab.put(lab.system.stop())
    await lab.until(lambda: lab.states["CoBo1"] == READY, within=15.0)
    assert [await ended(put) for put in (down, stop)] == [None, None]
    assert set(lab.states.values()) == {IDLE}
