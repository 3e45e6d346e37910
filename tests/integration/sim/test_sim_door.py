"""The control door of a simulator: HTTP and JSON, as curl would use it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from daqpv.ecc import EccState, Operation
from daqpv.sim.ecc import EVERY, Behaviour, EccSimulator, Fault, Kind
from tests.support.sim import until

Answer = tuple[int, dict[str, Any]]


async def call(
    simulator: EccSimulator, method: str, path: str, body: object = None
) -> Answer:
    """Status and content of the answer."""
    data = b"" if body is None else json.dumps(body).encode()
    return await send(simulator, method, path, data)


async def send(simulator: EccSimulator, method: str, path: str, data: bytes) -> Answer:
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    try:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}"
        writer.write(head.encode() + b"\r\n\r\n" + data)
        async with asyncio.timeout(10):
            answer = await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    head_, _, content = answer.decode().partition("\r\n\r\n")
    assert "\r\nContent-Type: application/json\r\n" in head_
    return int(head_.split()[1]), json.loads(content)


async def test_it_shows_state_faults_counts_and_durations(
    simulator: EccSimulator,
) -> None:
    simulator.faults.set("Stop", Fault(do=Kind.CUT, times=3))
    simulator.counts["GetState"] = 7
    status, shown = await call(simulator, "GET", "/sim")
    assert status == 200
    assert (shown["name"], shown["state"], shown["transition"]) == (
        "CoBo0",
        "Idle",
        "None",
    )
    assert shown["counts"] == {"GetState": 7}
    assert shown["faults"]["Stop"]["do"] == "cut"
    assert shown["faults"]["Stop"]["times"] == 3
    assert shown["durations"]["Configure"] == 8.0
    assert shown["speed"] == 1000


async def test_faults_are_set_and_taken_away_by_method(simulator: EccSimulator) -> None:
    fault = {"do": "refuse", "message": "no clock", "times": 1, "seconds": 0.5}
    status, shown = await call(simulator, "PUT", "/sim/faults", {"Configure": fault})
    assert status == 200
    assert shown["faults"]["Configure"]["message"] == "no clock"
    await call(simulator, "PUT", "/sim/faults", {"*": {"do": "hang", "acts": True}})
    assert simulator.faults.active == {
        "Configure": Fault(do=Kind.REFUSE, message="no clock", times=1, seconds=0.5),
        EVERY: Fault(do=Kind.HANG, acts=True),
    }
    await call(simulator, "PUT", "/sim/faults", {"Configure": None})
    assert set(simulator.faults.active) == {EVERY}
    await call(simulator, "DELETE", "/sim/faults")
    assert not simulator.faults.active


async def test_the_door_is_open_while_everything_hangs(simulator: EccSimulator) -> None:
    simulator.faults.set(EVERY, Fault(do=Kind.HANG))
    assert (await call(simulator, "GET", "/sim/"))[0] == 200


async def test_durations_and_speed_are_set(simulator: EccSimulator) -> None:
    body = {"Configure": 20, "Stop": 0.5, "speed": 2}
    status, shown = await call(simulator, "PUT", "/sim/durations", body)
    assert (status, shown["durations"]["Configure"]) == (200, 20)
    assert simulator.behaviour.duration(Operation.CONFIGURE) == 10
    assert simulator.behaviour.duration(Operation.STOP) == 0.25


async def test_a_crash_for_some_seconds(simulator: EccSimulator) -> None:
    process = simulator.process
    assert (await call(simulator, "POST", "/sim/crash?seconds=0.01"))[0] == 200
    await until(lambda: simulator.is_listening and simulator.process is not process)
    assert (await call(simulator, "GET", "/sim"))[1]["state"] == "Idle"


async def test_a_crash_for_ever(simulator: EccSimulator) -> None:
    await call(simulator, "POST", "/sim/crash")
    await until(lambda: simulator.crashed == "crash on request")
    with pytest.raises(ConnectionRefusedError):
        await call(simulator, "GET", "/sim")


async def test_offline_for_some_seconds_keeps_the_process(
    simulator: EccSimulator,
) -> None:
    process = simulator.process
    assert (await call(simulator, "POST", "/sim/offline?seconds=0.05"))[0] == 200
    await until(lambda: not simulator.is_listening)
    await until(lambda: simulator.is_listening)
    assert simulator.process is process


async def test_a_restart_is_a_new_process(simulator: EccSimulator) -> None:
    process = simulator.process
    assert (await call(simulator, "POST", "/sim/restart"))[0] == 200
    await until(lambda: simulator.process is not process and simulator.is_listening)
    assert simulator.state is EccState.IDLE


async def test_an_operation_is_hurried_to_its_end(simulator: EccSimulator) -> None:
    simulator.behaviour.durations[Operation.DESCRIBE] = 1e9
    body = (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        b'<Describe xmlns="urn:ecc"><configID><ConfigId><SubConfigId type="describe">'
        b"cobo0</SubConfigId></ConfigId></configID></Describe></s:Body></s:Envelope>"
    )
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await until(lambda: simulator.transition != 0)
    shown = (await call(simulator, "GET", "/sim"))[1]
    assert (shown["state"], shown["transition"]) == ("Idle", "Describing")
    assert (await call(simulator, "POST", "/sim/hurry"))[0] == 200
    async with asyncio.timeout(10):
        assert b"<ErrorCode>0</ErrorCode>" in await reader.read()
    writer.close()
    await writer.wait_closed()
    assert simulator.state is EccState.DESCRIBED


WRONG: dict[str, tuple[str, str, bytes, str]] = {
    "no JSON": ("PUT", "/sim/faults", b"{", "the body: Invalid JSON"),
    "no object": ("PUT", "/sim/faults", b"[]", "the body: "),
    "no method": ("PUT", "/sim/faults", b'{"Reset": null}', "no method 'Reset'"),
    "no kind": ("PUT", "/sim/faults", b'{"Stop": {"do": "x"}}', "Stop.do: "),
    "nothing to do": ("PUT", "/sim/faults", b'{"Stop": {}}', "Stop.do: Field required"),
    "no such key": (
        "PUT",
        "/sim/faults",
        b'{"Stop": {"do": "cut", "time": 1}}',
        "Stop.time: ",
    ),
    "no number": (
        "PUT",
        "/sim/faults",
        b'{"Stop": {"do": "cut", "times": "x"}}',
        "Stop.times: ",
    ),
    "out of range": (
        "PUT",
        "/sim/faults",
        b'{"Stop": {"do": "slow", "seconds": -1}}',
        "seconds is -1.0: it must be 0 or more",
    ),
    "no operation": ("PUT", "/sim/durations", b'{"GetState": 1}', "no operation 'Get"),
    "less than no time": ("PUT", "/sim/durations", b'{"Stop": -1}', "Stop is -1"),
    "no speed": ("PUT", "/sim/durations", b'{"speed": 0}', "speed is 0"),
    "no seconds": ("POST", "/sim/offline", b"", "offline needs ?seconds="),
    "bad seconds": ("POST", "/sim/offline?seconds=x", b"", "seconds is 'x'"),
    "endless": ("POST", "/sim/crash?seconds=inf", b"", "seconds is 'inf'"),
    "no parameter": ("POST", "/sim/crash?second=1", b"", "no parameter 'second'"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_request_is_told_in_a_sentence_and_changes_nothing(
    simulator: EccSimulator, case: tuple[str, str, bytes, str]
) -> None:
    method, path, body, sentence = case
    simulator.faults.set("Stop", Fault(do=Kind.HANG))
    status, shown = await send(simulator, method, path, body)
    assert status == 400
    assert sentence in shown["error"]
    assert simulator.faults.active == {"Stop": Fault(do=Kind.HANG)}
    assert simulator.is_listening
    assert simulator.behaviour == Behaviour(
        speed=1000, is_shelf_ready=simulator.behaviour.is_shelf_ready
    )


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/sim/nothing"), ("DELETE", "/sim")]
)
async def test_what_is_not_there_is_told_with_what_is(
    simulator: EccSimulator, method: str, path: str
) -> None:
    status, shown = await call(simulator, method, path)
    assert status == 404
    assert shown["error"].startswith(f"no {method} {path}; there are: GET /sim, PUT ")


async def test_a_request_that_is_not_whole_changes_nothing(
    simulator: EccSimulator,
) -> None:
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(
        b'PUT /sim/faults HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"Stop": null}'
    )
    writer.write_eof()
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_a_path_that_only_begins_alike_is_no_door(
    simulator: EccSimulator,
) -> None:
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(b"GET /simple HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 405 ")
    writer.close()
    await writer.wait_closed()
