"""An ECC server that another process serves: the same as one that is served here."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from daqpv.core import Condition, Event, Events, Result
from daqpv.ecc import ConfigId, EccSnapshot, EccState, Operation, Server, Transition
from daqpv.ecc.snapshot import EccTarget
from daqpv.errors import (
    AbortedError,
    BusyError,
    OperationError,
    RefusedError,
    UnknownOutcomeError,
)
from daqpv.links.ca.remote import RemoteServer
from daqpv.links.ca.remote_device import CONNECTION_DEADLINE
from daqpv.system import Order
from daqpv.system.settings import SystemSettings
from tests.support.remote import following
from tests.support.waiting import DEADLINE, soon


@pytest.fixture
async def remote(lab: Any) -> AsyncIterator[RemoteServer]:
    """CoBo0 as seen from here, online."""
    async with following(lab, "CoBo0") as (server,):
        await soon(lambda: server.snapshot.online, "online")
        yield server


async def test_the_snapshot_is_that_of_the_serving_process(
    lab: Any, remote: RemoteServer
) -> None:
    await soon(lambda: remote.snapshot.configs, "the list of configurations")
    server: Server = remote  # as System wants it
    now = server.snapshot
    assert (now.known, now.online, now.enabled) == (True, True, True)
    assert (now.state, now.transition) == (EccState.IDLE, Transition.NONE)
    assert (now.condition, now.result) == (Condition.OK, Result.NONE)
    assert now.config == ConfigId("cobo0", "exp", "exp")
    assert now.config in now.configs
    assert now.role == "all"
    assert now.message == lab.client().get("Message")
    assert f"{now.allowed}" == lab.client().get("Allowed")
    assert abs(now.time - time.time()) < DEADLINE


async def test_after_a_command_the_snapshot_is_that_of_its_end(
    remote: RemoteServer,
) -> None:
    for target in (EccState.READY, EccState.IDLE, EccState.RUNNING, EccState.PREPARED):
        await remote.reach(target)
        assert remote.snapshot.state is target
        assert remote.snapshot.target is EccTarget(target)
        assert remote.snapshot.result is Result.DONE
        assert not remote.snapshot.busy
        assert remote.snapshot.transition is Transition.NONE


async def test_snapshots_are_put_together_as_they_were(remote: RemoteServer) -> None:
    states: list[str] = []
    ends: list[set[str]] = []

    def show(snapshot: EccSnapshot, fields: Any) -> None:
        if snapshot.state.label not in states[-1:]:
            states.append(snapshot.state.label)
        if "result" in fields and snapshot.result is Result.DONE:
            ends.append(set(fields))

    remote.watch(show)
    await remote.reach(EccState.READY)
    assert states == ["Idle", "Described", "Prepared", "Ready"]
    # what the serving process changes at once is changed at once here
    assert len(ends) == 1
    assert ends[0] >= {"result", "result_count", "message", "busy"}


async def test_one_operation_is_done_alone(lab: Any, remote: RemoteServer) -> None:
    await remote.operate(Operation.DESCRIBE)
    assert remote.snapshot.state is EccState.DESCRIBED
    assert lab.sim().operations()["Describe"] == 1
    assert "Prepare" not in lab.sim().operations()


async def test_a_list_that_is_filtered_hides_not_that_the_chosen_one_is_listed(
    lab: Any, remote: RemoteServer
) -> None:
    await soon(lambda: remote.snapshot.configs, "the list of configurations")
    cobo = lab.client()
    cobo.put("ConfigFilter", "nosuch")
    chosen = (ConfigId("cobo0", "exp", "exp"),)
    await soon(lambda: remote.snapshot.configs == chosen, "the filtered list")


async def test_a_configuration_is_chosen(remote: RemoteServer) -> None:
    await soon(lambda: remote.snapshot.configs, "the list of configurations")
    await remote.choose("cobo0/exp/exp")
    assert remote.snapshot.config == ConfigId("cobo0", "exp", "exp")
    with pytest.raises(RefusedError, match="does not list"):
        await remote.choose("no/such/configuration")


async def test_a_running_command_shows_its_goal(lab: Any, remote: RemoteServer) -> None:
    lab.sim().takes("Prepare", 2.0)
    walk = asyncio.ensure_future(remote.reach(EccState.READY))
    await soon(lambda: remote.snapshot.transition is Transition.PREPARING, "Preparing")
    on_the_way = remote.snapshot
    assert on_the_way.busy
    assert on_the_way.goal is EccTarget.READY
    await walk
    assert remote.snapshot.goal is EccTarget.NONE


# What goes wrong is told as if the server were served here


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda s: s.operate(Operation.START), "no 'Start' from state 'Idle'"),
        (lambda s: s.operate(None), "None is no operation"),
        (lambda s: s.reach(EccState.BROKEN), "Broken and None are not valid targets"),
        (lambda s: s.choose("nonsense"), "describe/prepare/configure"),
        (lambda s: s.choose(""), "describe/prepare/configure"),
    ],
)
async def test_a_refusal_has_the_reason_without_the_time(
    remote: RemoteServer, call: Callable[[Server], Awaitable[None]], text: str
) -> None:
    with pytest.raises(RefusedError, match=re.escape(text)) as caught:
        await call(remote)
    assert type(caught.value) is RefusedError
    assert "UTC" not in str(caught.value)
    assert remote.snapshot.result is Result.REFUSED


async def test_a_second_command_is_refused_as_busy(
    lab: Any, remote: RemoteServer
) -> None:
    lab.sim().takes("Describe", 2.0)
    walk = asyncio.ensure_future(remote.reach(EccState.DESCRIBED))
    await soon(lambda: remote.snapshot.transitioning, "Describing")
    with pytest.raises(BusyError, match="CoBo0 is busy"):
        await remote.reach(EccState.RUNNING)
    assert remote.snapshot.busy  # the first one goes on
    await walk
    assert remote.snapshot.state is EccState.DESCRIBED


async def test_a_failed_operation_has_the_reason_of_the_server(
    lab: Any, remote: RemoteServer
) -> None:
    lab.sim().fault("Describe", "refuse", message="no power", times=1)
    with pytest.raises(OperationError, match="no power"):
        await remote.reach(EccState.READY)
    assert remote.snapshot.result is Result.FAILED
    assert remote.snapshot.state is EccState.IDLE


async def test_an_abort_ends_a_command(lab: Any, remote: RemoteServer) -> None:
    lab.sim().takes("Describe", 2.0)
    walk = asyncio.ensure_future(remote.reach(EccState.READY))
    await soon(lambda: remote.snapshot.transitioning, "Describing")
    remote.abort()
    with pytest.raises(AbortedError, match="aborted"):
        await walk
    assert remote.snapshot.result is Result.ABORTED


async def test_an_operation_without_an_answer_has_an_unknown_outcome(
    make_lab: Any,
) -> None:
    lab = make_lab()
    text = lab.file.read_text()
    lab.file.write_text(text.replace("get_state: 1 s", "get_state: 1 s, describe: 1 s"))
    lab.simulate()
    lab.serve()
    lab.sim().fault("Describe", "hang", times=1)
    async with following(lab, "CoBo0") as (server,):
        await soon(lambda: server.snapshot.online, "online")
        with pytest.raises(UnknownOutcomeError):
            await server.reach(EccState.DESCRIBED)
        assert server.snapshot.result is Result.TIMEOUT


async def test_who_waits_no_more_leaves_the_command_alone(
    lab: Any, remote: RemoteServer
) -> None:
    lab.sim().takes("Describe", 1.0)
    walk = asyncio.ensure_future(remote.reach(EccState.DESCRIBED))
    await soon(lambda: remote.snapshot.transitioning, "Describing")
    walk.cancel()
    await asyncio.wait([walk])
    await soon(lambda: remote.snapshot.state is EccState.DESCRIBED, "Described")
    await soon(lambda: remote.snapshot.result is Result.DONE, "Done")


# Processes come and go


async def test_a_server_that_nobody_serves_is_offline_after_the_deadline(
    make_lab: Any,
) -> None:
    lab = make_lab()
    began = time.monotonic()
    async with following(lab, "CoBo0") as (server,):
        assert not server.snapshot.known
        await soon(lambda: server.snapshot.known, "known")
        assert time.monotonic() - began >= CONNECTION_DEADLINE
        assert server.snapshot.is_lost
        assert server.snapshot.allowed == 0
        sentence = (
            "CoBo0 is not served: no answer from " + f"{lab.prefix}ECC:CoBo0:State"
        )
        assert server.snapshot.message == sentence
        with pytest.raises(RefusedError, match="Nothing was sent") as caught:
            await server.reach(EccState.READY)
        assert str(caught.value).startswith(sentence)
        server.abort()  # nobody to tell


async def test_the_order_waits_for_a_server_that_is_not_found_yet(
    make_lab: Any,
) -> None:
    lab = make_lab(cobos=2)
    began = time.monotonic()
    async with following(lab, "CoBo0", "CoBo1") as servers:
        order = Order(lambda: servers, table=SystemSettings().table(), prefix="")
        with pytest.raises(RefusedError, match=r"is not served.*Start daqpv serve"):
            await order.guard("CoBo0")(EccState.READY, [Operation.START])
        assert time.monotonic() - began >= CONNECTION_DEADLINE


async def test_a_process_killed_in_the_middle_leaves_an_unknown_outcome(
    make_lab: Any,
) -> None:
    lab = make_lab()
    lab.simulate()
    serving = lab.serve()
    told: list[Event] = []
    events = Events()
    events.add(told.append)
    async with following(lab, "CoBo0", events=events) as (server,):
        await soon(lambda: server.snapshot.online, "online")
        lab.sim().takes("Describe", 3.0)
        walk = asyncio.ensure_future(server.reach(EccState.READY))
        await soon(lambda: server.snapshot.transitioning, "Describing")
        serving.end(signal.SIGKILL)
        with pytest.raises(UnknownOutcomeError, match="in the middle"):
            await asyncio.wait_for(walk, 5)
        await soon(lambda: server.snapshot.is_lost, "lost")
        assert server.snapshot.condition is Condition.OFFLINE
        assert "CoBo0 is not served" in server.snapshot.message
        assert not server.snapshot.busy
        assert [event.name for event in told] == ["lost"]

        lab.serve()
        await soon(lambda: server.snapshot.online, "online again")
        await soon(lambda: server.snapshot.state is EccState.DESCRIBED, "Described")
        assert "Prepare" not in lab.sim().operations()  # nothing goes on by itself
        assert [event.name for event in told] == ["lost", "online"]
        await server.reach(EccState.IDLE)
        assert server.snapshot.state is EccState.IDLE


async def test_a_process_that_ends_well_is_lost_as_well(make_lab: Any) -> None:
    lab = make_lab()
    lab.simulate()
    serving = lab.serve()
    async with following(lab, "CoBo0") as (server,):
        await soon(lambda: server.snapshot.online, "online")
        serving.end()
        await soon(lambda: server.snapshot.is_lost, "lost")


async def test_what_the_serving_process_loses_is_lost_here(
    lab: Any, remote: RemoteServer
) -> None:
    lab.sim().fault("GetState", "cut")
    await soon(lambda: remote.snapshot.is_lost, "lost")
    assert remote.snapshot.condition is Condition.OFFLINE
    assert not remote.snapshot.online
    with pytest.raises(RefusedError):
        await remote.reach(EccState.READY)


async def test_a_server_that_was_never_reached_is_not_known_here(make_lab: Any) -> None:
    lab = make_lab()
    lab.serve()  # nobody simulates
    async with following(lab, "CoBo0") as (server,):
        await soon(lambda: server.snapshot.known, "known")
        assert server.snapshot.condition is Condition.OFFLINE
        assert "not served" not in server.snapshot.message


async def test_fifty_servers_are_followed_and_commanded_at_once(make_lab: Any) -> None:
    lab = make_lab(cobos=50, speed=200.0)
    lab.simulate()
    lab.serve()
    names = [f"CoBo{n}" for n in range(50)]
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(following(lab, *names))
        await soon(lambda: all(s.snapshot.online for s in servers), "all online")
        async with asyncio.TaskGroup() as tasks:
            for server in servers:
                tasks.create_task(server.reach(EccState.READY))
        assert {server.snapshot.state for server in servers} == {EccState.READY}
