"""The process of a simulated ECC server: its exit, its death, its next life."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from daqpv.ecc import EccState
from daqpv.sim.ecc import EccSimulator
from tests.support.sim import WAYS, Client, request, until


async def test_server_exit_answers_and_the_process_leaves_in_time(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.behaviour.exit_within = 0.05
    answer = await client.exchange(request("ServerExit"))
    assert (
        "<ecc:Response><ErrorCode>0</ErrorCode><ErrorMessage/></ecc:Response>" in answer
    )
    await until(lambda: not simulator.is_listening)
    with pytest.raises(ConnectionRefusedError):
        await client.state()
    assert simulator.crashed is None
    await simulator.restart()
    assert await client.state() == (0, "", 1, 0)


async def test_a_restart_overtakes_an_exit(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.behaviour.exit_within = 0.02
    await client.exchange(request("ServerExit"))
    await simulator.restart()
    due = asyncio.get_running_loop().time() + 0.04
    await until(lambda: asyncio.get_running_loop().time() > due)
    assert await client.state() == (0, "", 1, 0)


async def test_a_server_that_was_asked_to_exit_ends_with_the_next_connection(
    client: Client, simulator: EccSimulator
) -> None:
    await client.exchange(request("ServerExit"))
    assert simulator.is_listening
    with contextlib.suppress(ConnectionError):
        assert await client.exchange(request("GetState")) == ""
    assert not simulator.is_listening


@pytest.mark.parametrize(
    "sub",
    [
        '<SubConfigId type="Describe">cobo0</SubConfigId>',
        "<SubConfigId>cobo0</SubConfigId>",
        '<SubConfigId type="prepare"></SubConfigId>',
    ],
    ids=["unknown type", "missing type", "empty"],
)
@pytest.mark.parametrize("method", ["Describe", "Prepare", "Configure"])
async def test_a_malformed_config_id_kills_the_process(
    client: Client, simulator: EccSimulator, method: str, sub: str
) -> None:
    await client.walk("Describe")
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    with contextlib.suppress(ConnectionError):
        config = f"<ConfigId>{sub}</ConfigId>"
        answer = await client.exchange(
            request(method, ("configID", config), ("table", ""))
        )
        assert answer == ""
    crashed = simulator.crashed
    assert crashed is not None
    assert crashed.startswith(f"{method}: malformed SubConfigId")
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""  # another client is cut as well
    writer.close()
    port = simulator.port
    with pytest.raises(ConnectionRefusedError):
        await client.state()
    await simulator.restart()
    crashed = simulator.crashed
    assert crashed is None
    assert simulator.port == port
    assert await client.state() == (0, "", 1, 0)


async def test_a_restart_overtakes_the_revival_of_a_dead_process(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.crash("a test", seconds=0.02)
    await simulator.restart()
    await client.walk("Describe")
    due = asyncio.get_running_loop().time() + 0.04
    await until(lambda: asyncio.get_running_loop().time() > due)
    assert await client.state() == (0, "", 2, 0)


async def test_a_process_that_is_kept_alive_comes_back_idle(
    client: Client, simulator: EccSimulator
) -> None:
    simulator.behaviour.keep_alive = 0.01
    await client.walk(WAYS[5])
    simulator.crash("a test")
    assert not simulator.is_listening
    await until(lambda: simulator.is_listening)
    assert simulator.crashed is None
    assert await client.state() == (0, "", 1, 0)
    assert simulator.state is EccState.IDLE
