"""Simulators for a whole experiment."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from daqpv.ecc import ConfigId, EccState, Operation
from daqpv.errors import DaqError, SimulatorError
from daqpv.sim.ecc import Build, EccSimulator
from daqpv.sim.experiment import ServerPlan, plan_from, simulate
from tests.support.sim import until

LINKS = (
    '<DataLinkSet><DataLink><DataSender id="CoBo[0]"/><DataRouter name="data0" '
    'ipAddress="127.0.0.1" port="46005" type="TCP"/></DataLink></DataLinkSet>'
)


async def ask(
    simulator: EccSimulator, method: str, config: ConfigId, links: str = LINKS
) -> str:
    parts = zip(
        ("describe", "prepare", "configure"), str(config).split("/"), strict=True
    )
    ids = "".join(f'<SubConfigId type="{t}">{name}</SubConfigId>' for t, name in parts)
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<e:{method} xmlns:e="urn:ecc"><configID><ConfigId>{ids}</ConfigId></configID>'
        f"<table>{links}</table></e:{method}></s:Body></s:Envelope>"
    ).encode()
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    try:
        head = f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        async with asyncio.timeout(10):
            return (await reader.read()).decode()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class Running:
    """`simulate` as a task."""

    def __init__(self, plans: Sequence[ServerPlan], **options: Any) -> None:
        self.simulators: Sequence[EccSimulator] = ()
        self._ready = asyncio.Event()
        self._work = simulate(plans, ready=self._note, speed=1000, **options)

    def _note(self, simulators: Sequence[EccSimulator]) -> None:
        self.simulators = simulators
        self._ready.set()

    async def __aenter__(self) -> Running:
        self._task = asyncio.create_task(self._work)
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait(
            {self._task, ready}, timeout=10, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        if self._task.done():
            await self._task
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task


def plan(name: str, senders: Sequence[str] = (), **more: Any) -> ServerPlan:
    return ServerPlan(
        name=name,
        host="127.0.0.1",
        port=0,
        config=ConfigId(name.lower(), "e20009", "e20009"),
        senders=tuple(senders),
        **more,
    )


async def test_every_server_runs_with_the_files_of_all() -> None:
    plans = [plan("CoBo0", ["CoBo[0]"]), plan("CoBo1", ["CoBo[1]"])]
    async with Running(plans) as running:
        assert [s.name for s in running.simulators] == ["CoBo0", "CoBo1"]
        for simulator in running.simulators:
            listed = await ask(simulator, "GetConfigIDs", plans[0].config)
            assert listed.count("&lt;ConfigId&gt;") == 2
            answer = await ask(simulator, "Describe", plans[1].config)
            assert '&lt;DataSender id="CoBo[1]" /&gt;' in answer
    with pytest.raises(ConnectionRefusedError):
        await ask(running.simulators[0], "GetState", plans[0].config)


async def test_servers_that_name_different_files_alike_have_their_own() -> None:
    config = ConfigId("e20009", "e20009", "e20009")
    plans = [
        plan_from(
            f"CoBo{n}", "http://127.0.0.1:0", config=config, senders=[f"CoBo[{n}]"]
        )
        for n in range(2)
    ]
    async with Running(plans) as running:
        for number, simulator in enumerate(running.simulators):
            assert f"CoBo[{number}]" in await ask(simulator, "Describe", config)


async def test_the_mutant_is_configured_only_when_all_cobos_are() -> None:
    cobo, mutant = (
        plan("CoBo0", ["CoBo[0]"]),
        plan("MuTAnT", ["Mutant[master]"], is_mutant=True),
    )
    async with Running([mutant, cobo]) as running:
        mutant_, cobo_ = running.simulators
        for method in ("Describe", "Prepare"):
            await ask(mutant_, method, mutant.config)
            await ask(cobo_, method, cobo.config)
        refused = await ask(mutant_, "Configure", mutant.config)
        assert "Status register indicates master shelf is not ready!" in refused
        await ask(cobo_, "Configure", cobo.config)
        assert cobo_.state is EccState.READY
        own_links = LINKS.replace("CoBo[0]", "Mutant[master]")
        await ask(mutant_, "Configure", mutant.config, own_links)
        assert mutant_.state is EccState.READY


async def test_a_prepare_name_of_its_own_is_listed_as_the_build_of_2014_does() -> None:
    config = ConfigId("cobo0", "p", "c")
    async with Running(
        [plan_from("CoBo0", "http://127.0.0.1:0", config=config)]
    ) as running:
        (simulator,) = running.simulators
        assert simulator.behaviour.build is Build.MAY_2014
        listed = await ask(simulator, "GetConfigIDs", config)
        assert 'type="prepare"&gt;p&lt;' in listed
        assert "<ErrorCode>0<" in await ask(simulator, "Describe", config)
        assert "<ErrorCode>0<" in await ask(simulator, "Prepare", config)
        assert simulator.state is EccState.PREPARED


async def test_a_server_that_dies_is_started_again() -> None:
    async with Running([plan("CoBo0")]) as running:
        (simulator,) = running.simulators
        assert simulator.behaviour.keep_alive == 5
        simulator.behaviour.keep_alive = 0.01
        simulator.crash("a test")
        await until(lambda: simulator.is_listening)


async def test_durations_vary_alike_with_a_seed_and_differ_between_servers() -> None:
    drawn = []
    for _ in range(2):
        async with Running([plan("CoBo0"), plan("CoBo1")], seed=3) as running:
            drawn.append(
                [s.behaviour.duration(Operation.CONFIGURE) for s in running.simulators]
            )
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]


@pytest.mark.parametrize("host", ["192.168.41.60", "0.0.0.0", "lab.example", "::1"])
async def test_a_foreign_address_is_refused_before_anything_runs(host: str) -> None:
    url = f"http://[{host}]:1" if ":" in host else f"http://{host}:1"
    plans = [plan("CoBo0"), plan_from("CoBo1", url), plan_from("CoBo2", url)]
    with pytest.raises(SimulatorError) as caught:
        await simulate(plans, ready=lambda _: pytest.fail("it ran"))
    first, second, third = str(caught.value).splitlines()
    assert first == (
        f"CoBo1: {host}:1 is not an IPv4 loopback address (127.x.y.z); simulators run "
        "on this computer only"
    )
    assert second.startswith("CoBo2: ")
    assert third == f"CoBo2: {host}:1 is the address of CoBo1 as well"


@pytest.mark.parametrize("host", ["192.168.41.60", "0.0.0.0", "::1", "lab.example"])
def test_a_simulator_does_not_listen_on_a_foreign_address(host: str) -> None:
    with pytest.raises(ValueError, match=r"CoBo0: .* is not an IPv4 loopback address"):
        EccSimulator("CoBo0", host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost"])
async def test_every_loopback_address_will_do(host: str) -> None:
    async with Running([plan_from("CoBo0", f"http://{host}:0/")]) as running:
        (simulator,) = running.simulators
        assert simulator.url == (
            f"http://{'127.0.0.1' if host == 'localhost' else host}:{simulator.port}/"
        )


async def test_a_taken_port_is_named_in_one_line_and_nothing_is_left_running() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        plans = [plan("CoBo0"), plan_from("CoBo1", f"http://127.0.0.1:{port}")]
        with pytest.raises(SimulatorError) as caught:
            await simulate(plans, ready=lambda _: pytest.fail("it ran"))
    assert str(caught.value) == (
        f"CoBo1: cannot listen on 127.0.0.1:{port} (Address already in use); is "
        "another simulator or server running there?"
    )
    assert isinstance(caught.value, DaqError)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_plan_has_the_usual_port_and_some_configuration() -> None:
    assert plan_from("CoBo0", "http://127.0.0.1") == ServerPlan(
        name="CoBo0",
        host="127.0.0.1",
        port=8083,
        config=ConfigId("cobo0", "simulated", "simulated"),
    )
    assert plan_from(
        "M", "http://localhost:9/x", senders=("A[0]", "B[0]", "A[0]"), is_mutant=True
    ) == ServerPlan(
        name="M",
        host="localhost",
        port=9,
        config=ConfigId("m", "simulated", "simulated"),
        senders=("A[0]", "B[0]"),
        is_mutant=True,
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://", "127.0.0.1:80"])
def test_a_plan_needs_a_url(url: str) -> None:
    with pytest.raises(SimulatorError, match=r"CoBo0: .* (is not a URL|names no host)"):
        plan_from("CoBo0", url)
