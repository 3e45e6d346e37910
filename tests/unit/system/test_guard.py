"""The order as a rule for single servers: what is refused, and with which cure."""

from __future__ import annotations

import asyncio

import pytest

from daqpv.core import Result
from daqpv.ecc import EccState, Operation
from daqpv.errors import OperationError, RefusedError
from tests.support.system import SLAVES, Lab, laboratory

BROKEN, IDLE, DESCRIBED, PREPARED, READY, RUNNING, PAUSED = EccState
OP = Operation


async def test_a_cobo_beyond_described_is_refused_with_the_cure(lab: Lab) -> None:
    with pytest.raises(RefusedError) as info:
        await lab.eccs["CoBo0"].reach(READY)
    assert str(info.value) == (
        "CoBo0: Prepare wants the MuTAnT at Prepared or above; it is Idle. First: "
        "caput AT:ECC:MuTAnT:Target Prepared, or all: caput AT:Sys:Target Ready"
    )
    assert lab.sent == []


async def test_the_cure_is_one(lab: Lab) -> None:
    await lab.eccs["MuTAnT"].reach(PREPARED)
    await lab.eccs["CoBo0"].reach(READY)
    assert lab.states["CoBo0"] == READY


async def test_up_to_described_every_server_is_free(lab: Lab) -> None:
    for ecc in lab.eccs.values():
        await ecc.reach(DESCRIBED)
    assert set(lab.states.values()) == {DESCRIBED}


async def test_the_whole_way_is_looked_at_before_anything_is_sent(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="Configure wants CoBo0, CoBo1 and CoBo2"):
        await lab.eccs["MuTAnT"].reach(READY)
    assert lab.sent == []


async def test_many_who_are_not_there_are_counted(lab: Lab) -> None:
    await lab.at(
        {"MuTAnT": PREPARED, "CoBo0": READY, "CoBo1": IDLE, "CoBo2": DESCRIBED}
    )
    with pytest.raises(RefusedError) as info:
        await lab.eccs["MuTAnT"].reach(READY)
    assert str(info.value) == (
        "MuTAnT: Configure wants CoBo1 and CoBo2 at Ready; CoBo1 is Idle, CoBo2 is "
        "Described. All: caput AT:Sys:Target Ready"
    )


UP = {"MuTAnT": READY, "Slave": READY, "CoBo0": READY, "CoBo1": READY}
ALL = ("MuTAnT", "Slave", "CoBo0", "CoBo1")


def all_at(state: EccState, **others: EccState) -> dict[str, EccState]:
    return dict.fromkeys(ALL, state) | others


@pytest.mark.parametrize(
    ("states", "name", "operation", "allowed"),
    [
        (all_at(DESCRIBED), "MuTAnT", OP.PREPARE, True),
        (all_at(DESCRIBED), "Slave", OP.PREPARE, False),
        (all_at(DESCRIBED, MuTAnT=PREPARED), "Slave", OP.PREPARE, True),
        (all_at(DESCRIBED, MuTAnT=PREPARED), "CoBo0", OP.PREPARE, False),
        (all_at(PREPARED, CoBo0=DESCRIBED), "CoBo0", OP.PREPARE, True),
        (all_at(RUNNING, CoBo0=DESCRIBED), "CoBo0", OP.PREPARE, True),
        (all_at(PREPARED), "CoBo0", OP.CONFIGURE, True),
        (all_at(PREPARED, CoBo0=READY), "Slave", OP.CONFIGURE, False),
        (all_at(READY, MuTAnT=PREPARED, Slave=PREPARED), "Slave", OP.CONFIGURE, True),
        (all_at(READY, MuTAnT=PREPARED, Slave=PREPARED), "MuTAnT", OP.CONFIGURE, False),
        (all_at(READY, MuTAnT=PREPARED), "MuTAnT", OP.CONFIGURE, True),
        (all_at(READY), "CoBo0", OP.START, True),
        (all_at(READY, CoBo1=RUNNING), "CoBo0", OP.START, True),
        (all_at(READY, CoBo1=PREPARED), "CoBo0", OP.START, False),
        (all_at(READY, CoBo1=PAUSED), "CoBo0", OP.START, False),
        (all_at(READY, MuTAnT=RUNNING), "CoBo0", OP.START, False),
        (all_at(READY, Slave=RUNNING), "CoBo0", OP.START, False),
        (all_at(READY), "Slave", OP.START, False),
        (all_at(RUNNING, MuTAnT=READY, Slave=READY), "Slave", OP.START, True),
        (all_at(RUNNING, MuTAnT=READY, Slave=READY), "MuTAnT", OP.START, False),
        (all_at(RUNNING, MuTAnT=READY), "MuTAnT", OP.START, True),
        (all_at(RUNNING), "MuTAnT", OP.PAUSE, True),
        (all_at(RUNNING), "CoBo0", OP.PAUSE, False),
        (all_at(RUNNING, CoBo0=READY), "MuTAnT", OP.PAUSE, False),
        (all_at(PAUSED, CoBo0=RUNNING), "CoBo0", OP.PAUSE, True),
        (all_at(PAUSED), "CoBo0", OP.RESUME, True),
        (all_at(PAUSED), "MuTAnT", OP.RESUME, False),
        (all_at(RUNNING, MuTAnT=PAUSED), "MuTAnT", OP.RESUME, True),
        (all_at(PAUSED, CoBo1=READY), "CoBo0", OP.RESUME, False),
        (all_at(RUNNING), "CoBo0", OP.STOP, True),
        (all_at(RUNNING, CoBo1=BROKEN), "CoBo0", OP.STOP, True),
        (all_at(READY), "CoBo0", OP.BREAKUP, True),
        (all_at(READY, MuTAnT=RUNNING), "CoBo0", OP.BREAKUP, False),
        (all_at(RUNNING), "CoBo0", OP.BREAKUP, False),
        (all_at(READY, CoBo0=PAUSED), "CoBo0", OP.BREAKUP, False),
        (all_at(READY, CoBo0=BROKEN), "CoBo0", OP.BREAKUP, True),
        (all_at(RUNNING, CoBo0=BROKEN), "CoBo0", OP.BREAKUP, False),
        (all_at(PREPARED), "CoBo0", OP.UNDO, True),
        (all_at(READY, CoBo0=PREPARED), "CoBo0", OP.UNDO, False),
        (all_at(DESCRIBED), "CoBo0", OP.UNDO, True),
        (all_at(DESCRIBED, CoBo1=PREPARED), "CoBo0", OP.UNDO, False),
        (all_at(IDLE, CoBo0=PREPARED), "CoBo0", OP.UNDO, True),
    ],
)
async def test_each_row_for_a_single_server(
    states: dict[str, EccState], name: str, operation: Operation, *, allowed: bool
) -> None:
    async with laboratory(SLAVES, states) as lab:
        if allowed:
            await lab.eccs[name].operate(operation)
            assert lab.sent == [(name, operation.value)]
            return
        with pytest.raises(RefusedError, match="caput AT:"):
            await lab.eccs[name].operate(operation)
        assert lab.sent == []
        assert lab.eccs[name].snapshot.result is Result.REFUSED


async def test_stop_first_is_the_cure_for_who_takes_data(lab: Lab) -> None:
    await lab.at(RUNNING)
    with pytest.raises(
        RefusedError, match=r"they are Running\. First: caput AT:Sys:Stop 1"
    ):
        await lab.eccs["CoBo0"].operate(OP.BREAKUP)


async def test_a_server_on_its_way_is_not_there_yet(lab: Lab) -> None:
    await lab.at(DESCRIBED)
    going = lab.put(lab.eccs["MuTAnT"].reach(PREPARED))
    await lab.on_the_wire("Prepare", "MuTAnT")
    with pytest.raises(RefusedError, match="it is Preparing"):
        await lab.eccs["CoBo0"].operate(OP.PREPARE)
    await going


async def test_a_server_about_to_take_data_counts_as_such(lab: Lab) -> None:
    await lab.at({"MuTAnT": READY, "CoBo0": READY, "CoBo1": READY, "CoBo2": READY})
    lab["CoBo1"].durations["Start"] = 5.0
    going = lab.put(lab.eccs["CoBo1"].operate(OP.START))
    await lab.on_the_wire("Start", "CoBo1")
    with pytest.raises(RefusedError, match="it is Starting"):
        await lab.eccs["CoBo0"].operate(OP.BREAKUP)
    await going


async def test_a_lost_server_forbids_the_way_up_and_names_the_cure(lab: Lab) -> None:
    await lab.at({"MuTAnT": PREPARED, "CoBo0": DESCRIBED})
    await lab.lost("MuTAnT")
    with pytest.raises(RefusedError, match=r"Offline.*caput AT:ECC:MuTAnT:Enable 0"):
        await lab.eccs["CoBo0"].reach(PREPARED)


async def test_a_lost_server_forbids_no_way_down(lab: Lab) -> None:
    await lab.at(RUNNING)
    await lab.lost("MuTAnT")
    for name in ("CoBo0", "CoBo1", "CoBo2"):
        await lab.eccs[name].operate(OP.STOP)
    await lab.eccs["CoBo0"].operate(OP.BREAKUP)
    assert lab.states["CoBo0"] == PREPARED


async def test_a_disabled_server_forbids_nothing() -> None:
    async with laboratory(disabled={"MuTAnT"}) as lab:
        await lab.eccs["CoBo0"].reach(READY)
        assert lab.states["CoBo0"] == READY


async def test_a_walk_is_asked_for_again_before_each_step(lab: Lab) -> None:
    await lab.at({"MuTAnT": PREPARED})
    lab.watch.members.pop("MuTAnT")  # what follows is its doing, not daqpv's
    going = lab.put(lab.eccs["CoBo0"].reach(READY))
    await lab.on_the_wire("Describe", "CoBo0")
    await lab["MuTAnT"].foreign("Undo")
    await lab.until(lambda: lab.eccs["MuTAnT"].snapshot.state is DESCRIBED)
    with pytest.raises(OperationError, match=r"Resetting.*CoBo0 stays Described"):
        await going
    assert lab.sent == [("CoBo0", "Describe")]


async def test_news_that_come_late_are_waited_for(lab: Lab) -> None:
    await lab.at({"MuTAnT": DESCRIBED, "CoBo0": DESCRIBED})
    lab.eccs["MuTAnT"].lag = 1.0  # as if another process served it
    lab["MuTAnT"].set(PREPARED)
    lab.eccs["MuTAnT"].snapshot  # noqa: B018 - not known here before the next poll
    began = asyncio.get_running_loop().time()
    await lab.eccs["CoBo0"].operate(OP.PREPARE)
    assert asyncio.get_running_loop().time() - began < 3.1


async def test_news_that_do_not_come_are_waited_for_no_longer_than_they_take(
    lab: Lab,
) -> None:
    lab.eccs["MuTAnT"].lag = 1.0
    began = asyncio.get_running_loop().time()
    with pytest.raises(RefusedError):
        await lab.eccs["CoBo0"].reach(PREPARED)
    assert 1.0 <= asyncio.get_running_loop().time() - began < 1.1


async def test_an_abort_ends_the_waiting_for_news(lab: Lab) -> None:
    lab.eccs["MuTAnT"].lag = 1.0
    going = lab.put(lab.eccs["CoBo0"].reach(PREPARED))
    await lab.pass_time(0.2)
    lab.eccs["CoBo0"].abort()
    await asyncio.wait({going}, timeout=0.1)
    assert going.done()
    assert lab.sent == []


# Allowed


@pytest.mark.parametrize("target", list(EccState)[1:])
@pytest.mark.parametrize("name", ["MuTAnT", "CoBo0"])
@pytest.mark.parametrize(
    "states",
    [
        all_at(IDLE),
        all_at(DESCRIBED, MuTAnT=PREPARED),
        all_at(READY, MuTAnT=PREPARED),
        all_at(READY),
        all_at(READY, CoBo1=BROKEN),
        all_at(RUNNING),
        all_at(PAUSED, MuTAnT=READY),
    ],
)
async def test_allowed_of_a_single_server_knows_the_order(
    states: dict[str, EccState], name: str, target: EccState
) -> None:
    async with laboratory(SLAVES, states) as lab:
        await lab.pass_time(1.1)  # each has been polled since the others are there
        said = bool(lab.eccs[name].snapshot.allowed >> target & 1)
        put = lab.put(lab.eccs[name].reach(target))
        await lab.pass_time(0.1)
        assert said != (put.done() and isinstance(put.exception(), RefusedError))


async def test_allowed_follows_the_other_servers(lab: Lab) -> None:
    cobo = lab.eccs["CoBo0"]
    assert cobo.snapshot.allowed == 0b0000110
    await lab.eccs["MuTAnT"].reach(PREPARED)
    await lab.pass_time(1.1)
    assert cobo.snapshot.allowed == 0b0011110
    await lab.lost("MuTAnT")
    await lab.pass_time(1.1)
    assert cobo.snapshot.allowed == 0b0000110
    await lab.eccs["MuTAnT"].enable(False)
    await lab.pass_time(1.1)
    assert cobo.snapshot.allowed == 0b0011110
