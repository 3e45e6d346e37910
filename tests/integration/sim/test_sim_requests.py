"""The log of a simulator: what was asked, by whom, in which state, when answered."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from daqpv.ecc import ConfigId, Operation
from daqpv.errors import LinkError
from daqpv.links.soap.ecc import EccSoapLink
from daqpv.sim.ecc import EccSimulator, Fault, Kind
from tests.support.sim import until

CONFIG = ConfigId("cobo0", "e20009", "e20009")
DEADLINE = 10.0  # [s]


async def ask(simulator: EccSimulator, path: str) -> tuple[int, dict[str, Any]]:
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    async with asyncio.timeout(DEADLINE):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, content = answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


async def log(simulator: EccSimulator, query: str = "") -> list[dict[str, Any]]:
    status, shown = await ask(simulator, f"/sim/requests{query}")
    assert status == 200
    requests: list[dict[str, Any]] = shown["requests"]
    return requests


@pytest.fixture
def link(simulator: EccSimulator) -> EccSoapLink:
    return EccSoapLink("CoBo0", simulator.url)


async def describe(link: EccSoapLink) -> None:
    await link.operate(Operation.DESCRIBE, CONFIG, (), timeout=DEADLINE)


async def test_each_request_is_kept_with_its_times_and_the_state_that_it_found(
    simulator: EccSimulator, link: EccSoapLink
) -> None:
    before = time.time()
    await link.state(timeout=DEADLINE)
    await describe(link)
    await link.state(timeout=DEADLINE)
    after = time.time()
    first, operation, last = await log(simulator)
    assert [request["method"] for request in (first, operation, last)] == [
        "GetState",
        "Describe",
        "GetState",
    ]
    assert (first["state"], last["state"]) == ("Idle", "Described")
    assert ">cobo0<" in operation["config_id"]
    assert operation["fault"] == ""
    stamps = [
        stamp
        for request in (first, operation, last)
        for stamp in (request["time"], request["answered"])
    ]
    assert [before, *stamps, after] == sorted([before, *stamps, after])


async def test_the_log_can_be_read_on_from_a_number(
    simulator: EccSimulator, link: EccSoapLink
) -> None:
    for _ in range(3):
        await link.state(timeout=DEADLINE)
    assert [request["number"] for request in await log(simulator)] == [1, 2, 3]
    assert [request["number"] for request in await log(simulator, "?after=2")] == [3]
    assert await log(simulator, "?after=3") == []


async def test_clients_are_told_apart_by_the_path_that_they_use(
    simulator: EccSimulator, link: EccSoapLink
) -> None:
    other = f"http://{urlsplit(simulator.url).netloc}/other"
    await EccSoapLink("CoBo0", other).state(timeout=DEADLINE)
    await link.state(timeout=DEADLINE)
    assert [request["path"] for request in await log(simulator)] == ["/other", "/"]


@pytest.mark.parametrize("kind", [Kind.CUT, Kind.HANG, Kind.HTML, Kind.TRUNCATED])
async def test_what_was_not_answered_well_is_not_answered(
    simulator: EccSimulator, link: EccSoapLink, kind: Kind
) -> None:
    simulator.faults.set("Describe", Fault(do=kind, acts=True, times=1))
    with pytest.raises(LinkError):
        await link.operate(Operation.DESCRIBE, CONFIG, (), timeout=0.3)
    await until(lambda: simulator.state == 2)
    (request,) = await log(simulator)
    assert (request["answered"], request["fault"]) == (None, kind)


async def test_a_request_in_a_transition_finds_it(
    simulator: EccSimulator, link: EccSoapLink
) -> None:
    simulator.behaviour.durations[Operation.DESCRIBE] = 1e9
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(describe(link))
        await until(lambda: simulator.transition)
        await link.state(timeout=DEADLINE)
        simulator.hurry()
    operation, poll = await log(simulator)
    assert (operation["transition"], poll["transition"]) == ("None", "Describing")
    assert operation["answered"] > poll["answered"]


async def test_a_restart_is_another_process(
    simulator: EccSimulator, link: EccSoapLink
) -> None:
    await describe(link)
    await simulator.restart()
    await link.state(timeout=DEADLINE)
    before, after = await log(simulator)
    assert (before["process"], after["process"]) == (1, 2)
    assert after["state"] == "Idle"


@pytest.mark.parametrize(
    ("query", "said"),
    [("?after=x", "after is 'x'"), ("?since=1", "no parameter 'since'")],
)
async def test_a_wrong_question_is_answered_in_words(
    simulator: EccSimulator, query: str, said: str
) -> None:
    status, shown = await ask(simulator, f"/sim/requests{query}")
    assert status == 400
    assert shown["error"].startswith(said)
