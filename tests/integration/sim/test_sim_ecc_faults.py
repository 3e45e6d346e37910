"""What can be made to go wrong with a simulated ECC server, as a client sees it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator

import pytest

from daqpv.ecc import EccState, Operation
from daqpv.sim.ecc import EVERY, EccSimulator, Fault, Kind
from tests.support.sim import until

CONFIG = (
    '<ConfigId><SubConfigId type="describe">cobo0</SubConfigId>'
    '<SubConfigId type="prepare">e20009</SubConfigId>'
    '<SubConfigId type="configure">e20009</SubConfigId></ConfigId>'
)
OPERATIONS = ["Describe", "Prepare", "Configure", "Start", "Stop", "Pause", "Resume"]
OPERATIONS += ["Breakup", "Undo"]
OTHERS = ["GetState", "GetConfigIDs", "Special", "ServerExit"]
METHODS = OPERATIONS + OTHERS


def request(method: str) -> bytes:
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<e:{method} xmlns:e="urn:ecc"><configID><![CDATA[{CONFIG}]]></configID>'
        f"<command>connect a b</command><table/></e:{method}></s:Body></s:Envelope>"
    ).encode()
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@contextlib.asynccontextmanager
async def connection(
    simulator: EccSimulator,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ask(simulator: EccSimulator, method: str) -> bytes:
    """All that comes back; nothing if the connection is reset."""
    async with connection(simulator) as (reader, writer):
        writer.write(request(method))
        with contextlib.suppress(ConnectionError):
            return await reader.read()
    return b""


def once(do: Kind, *, acts: bool = False, seconds: float = 0.0) -> Fault:
    return Fault(do=do, times=1, acts=acts, seconds=seconds)


@pytest.mark.parametrize("method", ["Describe", *OTHERS])
async def test_a_refused_method_answers_code_1_and_the_message_and_does_nothing(
    simulator: EccSimulator, method: str
) -> None:
    fault = Fault(do=Kind.REFUSE, message="by request", times=1)
    simulator.faults.set(method, fault)
    assert (
        b"<ErrorCode>1</ErrorCode><ErrorMessage>by request</ErrorMessage>"
        in await ask(simulator, method)
    )
    assert simulator.state is EccState.IDLE
    assert not simulator.process.is_leaving
    assert b"<ErrorCode>0</ErrorCode>" in await ask(simulator, method)


@pytest.mark.parametrize("method", OPERATIONS[1:])
async def test_an_operation_that_is_ignored_has_no_action_to_fail(
    simulator: EccSimulator, method: str
) -> None:
    simulator.process.last_id = {}
    simulator.faults.set(method, Fault(do=Kind.REFUSE, message="by request"))
    assert b"<ErrorCode>0</ErrorCode>" in await ask(simulator, method)


@pytest.mark.parametrize("method", ["GetState", "GetConfigIDs", "Describe"])
async def test_a_hanging_method_is_never_answered_while_others_are(
    simulator: EccSimulator, method: str
) -> None:
    simulator.faults.set(method, once(Kind.HANG))
    async with connection(simulator) as (reader, writer):
        writer.write(request(method))
        await until(lambda: simulator.counts[method] == 1)
        assert b"<State>1</State>" in await ask(simulator, "GetState")
        assert not reader.at_eof()
    assert b"<ErrorCode>0</ErrorCode>" in await ask(simulator, method)


@pytest.mark.parametrize("acts", [True, False])
async def test_a_hanging_operation_is_done_or_not_as_wished(
    simulator: EccSimulator, acts: bool
) -> None:
    simulator.faults.set("Describe", once(Kind.HANG, acts=acts))
    async with connection(simulator) as (reader, writer):
        writer.write(request("Describe"))
        await until(lambda: simulator.counts["Describe"] == 1)
        if acts:
            await until(lambda: simulator.state is EccState.DESCRIBED)
        assert b"<State>%d</State>" % (1 + acts) in await ask(simulator, "GetState")
        assert not reader.at_eof()


@pytest.mark.parametrize("acts", [True, False])
async def test_a_cut_closes_after_the_request_and_the_transition_goes_on_or_not(
    simulator: EccSimulator, acts: bool
) -> None:
    simulator.behaviour.durations[Operation.DESCRIBE] = 1e9
    simulator.faults.set("Describe", once(Kind.CUT, acts=acts))
    assert await ask(simulator, "Describe") == b""
    assert bool(simulator.transition) is acts
    if acts:
        simulator.hurry()
        await until(lambda: simulator.state is EccState.DESCRIBED)
    assert b"<State>%d</State>" % (1 + acts) in await ask(simulator, "GetState")


async def test_a_soap_fault_is_http_500_with_the_text_and_does_nothing(
    simulator: EccSimulator,
) -> None:
    simulator.faults.set("Describe", Fault(do=Kind.FAULT, message="out of <order>"))
    answer = await ask(simulator, "Describe")
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert (
        b"<faultcode>SOAP-ENV:Server</faultcode>"
        b"<faultstring>out of &lt;order&gt;</faultstring>" in answer
    )
    assert simulator.state is EccState.IDLE


async def test_a_slow_operation_takes_its_seconds_more_and_succeeds(
    simulator: EccSimulator,
) -> None:
    loop = asyncio.get_running_loop()
    for method in ("GetState", "Describe"):
        simulator.faults.set(method, once(Kind.SLOW, seconds=0.1))
        start = loop.time()
        assert b"<ErrorCode>0</ErrorCode>" in await ask(simulator, method)
        assert loop.time() - start >= 0.1
    assert simulator.state is EccState.DESCRIBED


@pytest.mark.parametrize("method", ["GetState", "Describe", "Start"])
async def test_a_crash_kills_the_process_in_the_middle(
    simulator: EccSimulator, method: str
) -> None:
    simulator.faults.set(method, once(Kind.CRASH))
    assert await ask(simulator, method) == b""
    await until(lambda: simulator.crashed is not None)
    assert simulator.crashed == f"{method}: crash on request"
    with pytest.raises(ConnectionRefusedError):
        await ask(simulator, "GetState")
    await simulator.restart()
    assert b"<State>1</State>" in await ask(simulator, "GetState")


async def test_a_crash_comes_when_half_of_the_operation_is_done(
    simulator: EccSimulator,
) -> None:
    simulator.behaviour.durations[Operation.DESCRIBE] = 1e9
    simulator.faults.set("Describe", once(Kind.CRASH))
    async with connection(simulator) as (reader, writer):
        writer.write(request("Describe"))
        await until(lambda: simulator.transition != 0)
        assert b"<Transition>1</Transition>" in await ask(simulator, "GetState")
        simulator.hurry()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert simulator.crashed is not None


@pytest.mark.parametrize("acts", [True, False])
async def test_html_is_answered_by_some_other_web_server(
    simulator: EccSimulator, acts: bool
) -> None:
    simulator.faults.set("Describe", once(Kind.HTML, acts=acts))
    answer = await ask(simulator, "Describe")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Type: text/html\r\n" in answer
    assert b"<html>" in answer
    assert simulator.state == (2 if acts else 1)


async def test_a_truncated_answer_ends_before_its_length(
    simulator: EccSimulator,
) -> None:
    good = await ask(simulator, "GetState")
    simulator.faults.set("GetState", once(Kind.TRUNCATED))
    answer = await ask(simulator, "GetState")
    assert good.startswith(answer)
    assert b"\r\n\r\n" in answer
    assert len(answer) < len(good)


async def test_garbage_is_not_even_http(simulator: EccSimulator) -> None:
    simulator.faults.set("GetState", once(Kind.GARBAGE))
    answer = await ask(simulator, "GetState")
    assert answer
    assert b"HTTP" not in answer


@pytest.mark.parametrize("method", METHODS)
async def test_an_ignored_method_says_success_and_does_nothing(
    simulator: EccSimulator, method: str
) -> None:
    simulator.faults.set(method, once(Kind.IGNORE))
    answer = await ask(simulator, method)
    assert b"<ErrorCode>0</ErrorCode><ErrorMessage/>" in answer
    assert simulator.state is EccState.IDLE
    assert not simulator.process.is_leaving


@pytest.mark.parametrize("method", ["GetState", "GetConfigIDs", "ServerExit"])
async def test_an_oversized_answer_is_whole_but_large(
    simulator: EccSimulator, method: str
) -> None:
    fault = Fault(do=Kind.OVERSIZED, megabytes=3, times=1)
    simulator.faults.set(method, fault)
    answer = await ask(simulator, method)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length
    assert int(length[1]) == len(body) > 3_000_000
    assert body.endswith(b"</SOAP-ENV:Envelope>\r\n")
    assert b"<ErrorMessage>xxx" in body


async def test_an_oversized_answer_tells_the_true_state(
    simulator: EccSimulator,
) -> None:
    await ask(simulator, "Describe")
    simulator.faults.set("GetState", Fault(do=Kind.OVERSIZED, megabytes=1))
    assert b"<State>2</State><Transition>0</Transition>" in await ask(
        simulator, "GetState"
    )


async def test_a_fault_lasts_for_so_many_calls(simulator: EccSimulator) -> None:
    simulator.faults.set("GetState", Fault(do=Kind.FAULT, times=2))
    good = [b" 200 OK\r\n" in await ask(simulator, "GetState") for _ in range(3)]
    assert good == [False, False, True]


async def test_the_whole_server_can_hang_and_recover(simulator: EccSimulator) -> None:
    simulator.faults.set(EVERY, Fault(do=Kind.HANG))
    async with contextlib.AsyncExitStack() as stack:
        for method in METHODS:
            _, writer = await stack.enter_async_context(connection(simulator))
            writer.write(request(method))
        await until(lambda: simulator.counts.total() == len(METHODS))
        simulator.faults.clear()
        assert b"<State>1</State>" in await ask(simulator, "GetState")


async def test_offline_is_refused_and_the_process_lives_on(
    simulator: EccSimulator,
) -> None:
    simulator.behaviour.durations[Operation.DESCRIBE] = 1e9
    async with connection(simulator) as (reader, writer):
        writer.write(request("Describe"))
        await until(lambda: simulator.transition != 0)
        simulator.go_offline()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await ask(simulator, "GetState")
    simulator.hurry()
    await until(lambda: simulator.state is EccState.DESCRIBED)
    await simulator.go_online()
    assert b"<State>2</State>" in await ask(simulator, "GetState")


async def test_offline_may_end_by_itself(simulator: EccSimulator) -> None:
    simulator.go_offline(0.01)
    assert not simulator.is_listening
    await until(lambda: simulator.is_listening)
    assert b"<State>1</State>" in await ask(simulator, "GetState")


async def test_a_dead_process_does_not_come_online(simulator: EccSimulator) -> None:
    simulator.go_offline()
    simulator.crash("a test")
    await simulator.go_online()
    assert not simulator.is_listening


async def test_a_restart_cuts_who_is_connected_and_begins_idle_on_the_same_port(
    simulator: EccSimulator,
) -> None:
    await ask(simulator, "Describe")
    simulator.behaviour.durations[Operation.PREPARE] = 1e9
    port = simulator.port
    async with connection(simulator) as (reader, writer):
        writer.write(request("Prepare"))
        await until(lambda: simulator.transition != 0)
        await simulator.restart()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert simulator.port == port
    assert b"<State>1</State><Transition>0<" in await ask(simulator, "GetState")


async def test_restarts_at_once_leave_one_server(simulator: EccSimulator) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(simulator.restart())
    assert b"<State>1</State>" in await ask(simulator, "GetState")
    await simulator.stop()
    with pytest.raises(ConnectionRefusedError):
        await ask(simulator, "GetState")


async def test_a_port_that_is_closed_is_held_for_the_restart(
    simulator: EccSimulator,
) -> None:
    simulator.crash("a test")
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((simulator.host, simulator.port))
    await simulator.restart()
    assert b"<State>1</State>" in await ask(simulator, "GetState")


async def test_a_start_that_is_cancelled_leaves_nothing_behind() -> None:
    simulator = EccSimulator("CoBo0")
    starting = asyncio.create_task(simulator.start())
    await asyncio.sleep(0)  # it runs up to its first wait
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not simulator.is_listening
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_one_that_never_started_may_be_stopped() -> None:
    simulator = EccSimulator("CoBo0")
    await simulator.stop()
    await simulator.served()
    assert not simulator.is_listening


async def test_stopping_cuts_everything_and_frees_the_port(
    simulator: EccSimulator,
) -> None:
    simulator.faults.set("GetState", Fault(do=Kind.HANG))
    async with connection(simulator) as (reader, writer):
        writer.write(request("GetState"))
        await until(lambda: simulator.counts["GetState"] == 1)
        await simulator.stop()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    async with EccSimulator("Other", port=simulator.port) as other:
        assert b"<State>1</State>" in await ask(other, "GetState")
