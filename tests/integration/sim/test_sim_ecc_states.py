"""The states of a simulated ECC server, as a client sees them. Literal bytes only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daqpv.ecc import Operation, Transition
from daqpv.sim.ecc import Behaviour, EccSimulator, Fault, Kind
from tests.support.sim import CODES, CONFIG, WAYS, Client, request, until

BUSY = "The ECC state machine is busy!"
LEGAL = {
    (1, "Describe"): 2,
    (2, "Prepare"): 3,
    (2, "Undo"): 1,
    (3, "Configure"): 4,
    (3, "Undo"): 2,
    (4, "Start"): 5,
    (4, "Breakup"): 3,
    (5, "Breakup"): 3,
    (6, "Breakup"): 3,
    (5, "Stop"): 4,
    (5, "Pause"): 6,
    (6, "Resume"): 5,
    (6, "Stop"): 4,
}


@pytest.mark.parametrize("method", list(CODES))
@pytest.mark.parametrize("state", list(WAYS))
async def test_an_operation_does_what_the_table_says_or_succeeds_at_nothing(
    client: Client, state: int, method: str
) -> None:
    await client.walk(WAYS[state])
    code, message, _ = await client.do(method)
    if (state, method) == (1, "Configure"):
        assert (code, message) == (3, "Configuration '' does not exist.")
    else:
        assert (code, message) == (0, "")
    assert await client.state() == (0, "", LEGAL.get((state, method), state), 0)


@pytest.mark.parametrize(("state", "method"), list(LEGAL))
async def test_during_a_transition_the_state_before_is_answered_and_others_are_busy(
    client: Client, simulator: EccSimulator, state: int, method: str
) -> None:
    await client.walk(WAYS[state])
    simulator.behaviour.durations[Operation(method)] = 1e9
    async with asyncio.TaskGroup() as group:
        running = group.create_task(client.do(method))
        await until(lambda: simulator.transition != 0)
        assert await client.state() == (0, BUSY, state, CODES[method])
        assert simulator.transition_for > 0
        for other, code in CODES.items():
            assert await client.do(other) == (code, BUSY, "")
        assert (await client.do("GetConfigIDs"))[0] == 0
        assert (await client.special("nonsense"))[0] == CODES[method]
        assert await client.state() == (0, BUSY, state, CODES[method])
        assert not running.done()
        simulator.hurry()
    assert running.result()[:2] == (0, "")
    assert await client.state() == (0, "", LEGAL[state, method], 0)
    assert simulator.transition is Transition.NONE
    assert simulator.transition_for == 0


@pytest.mark.parametrize("rivals", [("Start", "Start"), ("Start", "Breakup")])
async def test_of_racing_clients_exactly_one_wins(
    client: Client, simulator: EccSimulator, rivals: tuple[str, str]
) -> None:
    for _ in range(10):
        await client.walk(WAYS[4])
        async with asyncio.TaskGroup() as group:
            tasks = {
                group.create_task(client.do(method)): method
                for method in rivals
                for _ in range(5)
            }
        won = [task for task in tasks if task.result() == (0, "", "")]
        lost = [task for task in tasks if task not in won]
        assert len(won) == 1
        assert all(t.result() == (CODES[tasks[t]], BUSY, "") for t in lost)
        await simulator.restart()


async def test_a_transition_goes_on_to_its_end_if_the_client_gives_up(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.behaviour.durations[Operation.DESCRIBE] = 1e9
    _, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(request("Describe", ("configID", CONFIG), ("table", "")))
    await until(lambda: simulator.transition != 0)
    writer.close()
    await writer.wait_closed()
    simulator.hurry()
    await until(lambda: simulator.transition == 0)
    assert await client.state() == (0, "", 2, 0)


async def test_durations_are_divided_by_speed_and_vary_with_a_seed() -> None:
    steady = Behaviour(speed=4)
    assert steady.duration(Operation.CONFIGURE) == 2.0
    first, second = (Behaviour(jitter=0.1, seed=7) for _ in range(2))
    drawn = [first.duration(Operation.CONFIGURE) for _ in range(100)]
    assert drawn == [second.duration(Operation.CONFIGURE) for _ in range(100)]
    assert 7.2 <= min(drawn) < 7.5
    assert 8.5 < max(drawn) <= 8.8


async def test_breakup_of_a_run_takes_the_time_of_a_stop_as_well(
    client: Client, simulator: EccSimulator
) -> None:
    await client.walk(WAYS[5])
    simulator.behaviour.durations[Operation.STOP] = 150.0
    start = asyncio.get_running_loop().time()
    assert (await client.do("Breakup"))[0] == 0
    assert asyncio.get_running_loop().time() - start >= 0.15


def refuse(message: str = "", **more: Any) -> Fault:
    return Fault(do=Kind.REFUSE, message=message, times=1, **more)


@pytest.mark.parametrize(("state", "method"), list(LEGAL))
async def test_a_failed_operation_answers_its_code_and_may_be_tried_again(
    client: Client, simulator: EccSimulator, state: int, method: str
) -> None:
    await client.walk(WAYS[state])
    simulator.faults.set(method, refuse("CoBo[0]: no clock | "))
    assert await client.do(method) == (CODES[method], "CoBo[0]: no clock | ", "")
    broken = method == "Breakup" or (state, method) == (3, "Undo")
    assert await client.state() == (0, "", 0 if broken else state, 0)
    assert (await client.do(method))[:2] == (0, "")
    final = 0 if (state, method) == (3, "Undo") else LEGAL[state, method]
    assert await client.state() == (0, "", final, 0)


async def test_after_a_failed_breakup_all_but_breakup_is_ignored(
    client: Client, simulator: EccSimulator
) -> None:
    await client.walk(WAYS[5])
    simulator.faults.set("Breakup", refuse())
    assert await client.do("Breakup") == (8, "Unknown error!", "")
    for method in CODES:
        if method != "Breakup":
            assert (await client.do(method))[:2] == (0, "")
            assert await client.state() == (0, "", 0, 0)
    await client.walk("Breakup Configure")
    assert await client.state() == (0, "", 4, 0)


async def test_after_a_failed_undo_of_prepare_all_is_ignored_until_a_restart(
    client: Client, simulator: EccSimulator
) -> None:
    await client.walk(WAYS[3])
    simulator.faults.set("Undo", refuse())
    assert (await client.do("Undo"))[0] == 9
    for method in CODES:
        assert (await client.do(method))[:2] == (0, "")
        assert await client.state() == (0, "", 0, 0)
    await simulator.restart()
    assert await client.state() == (0, "", 1, 0)


async def test_failures_without_a_message_say_what_the_true_server_says(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.faults.set("Describe", refuse())
    _, message, _ = await client.do("Describe")
    assert message.startswith("Could not connect to 'CoBo' node '0' at 127.0.0.1:")
    await client.walk(WAYS[2])
    simulator.faults.set("Prepare", refuse())
    assert (await client.do("Prepare"))[1] == "CoBo[0]: Error: simulated | "
    await client.walk("Prepare Configure")
    simulator.faults.set("Start", refuse())
    assert (await client.do("Start"))[1].startswith("Could not start run (Ice::")
