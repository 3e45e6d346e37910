"""The SNMP driver with the simulated agent: columns, faults, writes, silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from daqpv.core import Status
from daqpv.errors import (
    ConfigError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    ProtocolError,
)
from daqpv.instruments.driver import Fault
from daqpv.instruments.snmp.ber import oid
from daqpv.instruments.snmp.message import ErrorStatus, Operation
from daqpv.instruments.snmp.values import Kind
from daqpv.links.places import places
from daqpv.links.snmp.kinds import SNMP
from daqpv.sim.snmp import LARGEST, Point, SnmpSimulator, points_of
from tests.support.drivers import Opened, instrument
from tests.support.ports import free_port

CRATE = "1.3.6.1.4.1.19947.1"
OUTPUTS = f"{CRATE}.3.2.1"
COLUMNS = {"U": 5, "I": 7, "T": 8, "On": 9, "SetU": 10, "SetI": 12}


def crate() -> dict[str, Point]:
    """A WIENER crate with 64 outputs."""
    points = {
        "1.3.6.1.2.1.1.3.0": Point(Kind.TICKS, lambda: 4711),
        f"{CRATE}.1.1.0": Point(Kind.INTEGER, lambda: 1, is_writable=True),
        f"{CRATE}.1.2.0": Point(Kind.TEXT, lambda: b"\x80\x01"),
        f"{CRATE}.5.1.0": Point(Kind.IP, lambda: "10.0.0.5"),
        f"{CRATE}.5.2.0": Point(Kind.COUNTER64, lambda: 2**63),
        f"{CRATE}.5.3.0": Point(Kind.TEXT, lambda: b"MPOD", is_writable=True),
        f"{CRATE}.5.4.0": Point(Kind.OID, lambda: "1.3.6.1"),
    }
    for column in COLUMNS.values():
        for row in range(1, 66):
            is_whole = column in (8, 9)
            kind = Kind.INTEGER if is_whole else Kind.FLOAT
            value = column if is_whole else column + row / 256
            points[f"{OUTPUTS}.{column}.{row}"] = Point(
                kind, partial(float, value), is_writable=column > 8
            )
    return points


class Agent:
    """A simulated agent, and drivers for it."""

    def __init__(self, simulator: SnmpSimulator, port: int) -> None:
        self.simulator, self.port = simulator, port

    def opened(
        self, channels: dict[str, Any], query: str = "write=guru", **keys: Any
    ) -> Opened:
        url = f"snmp://127.0.0.1:{self.port}?{query}"
        return Opened(SNMP, url, channels=channels, **({"timeout": 20} | keys))


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    simulator = SnmpSimulator(crate(), write="guru")
    yield Agent(simulator, await simulator.start())
    simulator.close()


def wait(opened: Opened, seconds: float) -> None:
    """Let the driver wait so long from now on."""
    driver: Any = opened.driver
    driver._timeout = driver._reader._timeout = seconds


def outputs() -> dict[str, Any]:
    return {
        f"{name}{row}": {"at": {"oid": f"{OUTPUTS}.{column}", "index": row}}
        for name, column in COLUMNS.items()
        for row in range(1, 65)
    }


async def test_64_outputs_take_at_most_two_requests_per_column(agent: Agent) -> None:
    async with agent.opened(outputs()) as crate:
        agent.simulator.asked.clear()
        values = await crate.read()
    assert len(values) == 384
    assert values["U64"] == 5.25
    assert values["On1"] == 9
    assert agent.simulator.asked.total() <= 2 * len(COLUMNS)
    assert set(agent.simulator.asked) == {Operation.GET_BULK}


async def test_values_of_all_types(agent: Agent) -> None:
    channels = {
        "ip": {"at": f"{CRATE}.5.1.0"},
        "count": {"at": f"{CRATE}.5.2.0"},
        "name": {"at": f"{CRATE}.5.3.0"},
        "oid": {"at": f"{CRATE}.5.4.0"},
        "up": {"at": "1.3.6.1.2.1.1.3.0"},
        "raw": {"at": f"{CRATE}.1.2.0"},
        "bits": {"at": {"oid": f"{CRATE}.1.2.0", "type": "bits"}},
        "on": {"at": {"oid": f"{CRATE}.1.2.0", "bit": 0}},
        "tripped": {"at": {"oid": f"{CRATE}.1.2.0", "bit": 1}},
        "late": {"at": {"oid": f"{CRATE}.1.2.0", "bit": 15}},
    }
    async with agent.opened(channels) as crate:
        assert await crate.read() == {
            "ip": "10.0.0.5",
            "count": 2**63,
            "name": "MPOD",
            "oid": "1.3.6.1",
            "up": 4711,
            "raw": b"\x80\x01",
            "bits": 1 << 0 | 1 << 15,
            "on": True,
            "tripped": False,
            "late": True,
        }


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_an_object_that_is_not_there_is_a_fault_of_its_channel_alone(
    agent: Agent, version: str
) -> None:
    channels = {
        "there": {"at": f"{CRATE}.1.1.0"},
        "gone": {"at": f"{CRATE}.9.9.0"},
        "away": {"at": f"{CRATE}.9.8.0"},
    }
    async with agent.opened(channels, f"version={version}") as crate:
        values = await crate.read()
        assert values["there"] == 1
        assert isinstance(values["gone"], Fault)
        assert isinstance(values["away"], Fault)
        assert f"{CRATE}.9.9.0" in values["gone"].words
        agent.simulator.asked.clear()
        await crate.read()  # what spoils a request of version 1 is not asked again
    assert agent.simulator.asked == {Operation.GET: 1}


async def test_a_row_that_is_not_there_is_a_fault_of_its_channel(agent: Agent) -> None:
    rows = (1, 2, 3, 4, 70, 71)
    channels = {
        f"U{row}": {"at": {"oid": f"{OUTPUTS}.5", "index": row}} for row in rows
    }
    async with agent.opened(channels) as crate:
        values = await crate.read()
    assert values["U4"] == 5 + 4 / 256
    assert isinstance(values["U70"], Fault)
    assert isinstance(values["U71"], Fault)


async def test_a_few_rows_of_a_long_column_are_read_one_by_one(agent: Agent) -> None:
    rows = (1, 20, 40, 60)
    channels = {
        f"U{row}": {"at": {"oid": f"{OUTPUTS}.5", "index": row}} for row in rows
    }
    async with agent.opened(channels) as crate:
        first = await crate.read()
        agent.simulator.asked.clear()
        assert await crate.read() == first
    assert first["U60"] == 5 + 60 / 256
    assert agent.simulator.asked == {Operation.GET: 1}


async def test_an_answer_that_would_be_too_big_is_split() -> None:
    points = {"1.3.6.1.2.1.1.3.0": Point(Kind.TICKS, lambda: 1)} | {
        f"1.3.6.1.4.1.1.{n}.0": Point(Kind.TEXT, partial(bytes, [65 + n] * 200))
        for n in range(20)
    }
    simulator = SnmpSimulator(points)
    agent = Agent(simulator, await simulator.start())
    channels = {f"c{n}": {"at": f"1.3.6.1.4.1.1.{n}.0"} for n in range(20)}
    async with agent.opened(channels) as many:
        values = await many.read()
        assert values == {f"c{n}": chr(65 + n) * 200 for n in range(20)}
        simulator.asked.clear()
        await many.read()  # it has learnt how many fit
    assert simulator.asked[Operation.GET] <= 20 * 200 // (LARGEST // 4)
    simulator.close()


async def test_an_object_that_spoils_a_request_is_a_fault_of_its_channel(
    agent: Agent,
) -> None:
    agent.simulator.point(f"{CRATE}.5.3.0").error = ErrorStatus.GEN_ERR
    channels = {"name": {"at": f"{CRATE}.5.3.0"}, "on": {"at": f"{CRATE}.1.1.0"}}
    async with agent.opened(channels) as crate:
        values = await crate.read()
    assert values["on"] == 1
    assert values["name"] == Fault(
        f"genErr {CRATE}.5.3.0", status=values["name"].status
    )


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_writes_have_the_type_of_the_object(agent: Agent, version: str) -> None:
    channels = {
        "on": {"at": f"{CRATE}.1.1.0", "write": True},
        "volts": {"at": f"{OUTPUTS}.10.1", "write": True},
        "name": {"at": f"{CRATE}.5.3.0", "write": True},
    }
    async with agent.opened(channels, f"version={version}&write=guru") as crate:
        await crate.write("on", 0.0)  # not read yet: the type is asked for
        await crate.write("volts", 1000)
        await crate.write("name", "LAB")
        assert await crate.read() == {"on": 0, "volts": 1000.0, "name": "LAB"}
    assert agent.simulator.asked[Operation.SET] == 3


async def test_a_value_that_does_not_fit_is_not_sent(agent: Agent) -> None:
    channels = {"on": {"at": f"{CRATE}.1.1.0", "write": True}}
    async with agent.opened(channels) as crate:
        with pytest.raises(OperationError, match=r"3\.7 is not a whole number"):
            await crate.write("on", 3.7)
        assert not agent.simulator.asked[Operation.SET]
        assert crate.driver.is_open


async def test_a_refused_write_has_the_words_of_the_agent(agent: Agent) -> None:
    channels = {
        "ro": {"at": f"{CRATE}.5.1.0", "write": True},
        "float": {"at": {"oid": f"{CRATE}.1.1.0", "type": "float"}, "write": True},
        "on": {"at": f"{CRATE}.1.1.0", "write": True},
    }
    async with agent.opened(channels) as crate:
        with pytest.raises(OperationError, match=r"notWritable.*write=\.\.\."):
            await crate.write("ro", "10.0.0.6")
        with pytest.raises(OperationError, match="wrongType"):
            await crate.write("float", 1.5)
    async with agent.opened(channels, "community=public") as crate:
        with pytest.raises(OperationError, match="noAccess"):
            await crate.write("on", 0)


async def test_a_wrong_community_is_named_when_no_answer_comes(agent: Agent) -> None:
    crate = agent.opened({}, "community=wrong", timeout=0.1)
    with pytest.raises(NoAnswerError, match=r"community right \(community="):
        async with crate:
            pass
    channels = {"on": {"at": f"{CRATE}.1.1.0", "write": True}}
    async with agent.opened(channels, "write=wrong") as crate:
        await crate.read()
        wait(crate, 0.1)
        with pytest.raises(NoAnswerError, match=r"not known.*\(write=") as refused:
            await crate.write("on", 0)
    assert refused.value.timed_out
    assert agent.simulator.asked[Operation.SET] == 0


async def test_a_port_without_a_program_is_said_at_once() -> None:
    agent = Agent(SnmpSimulator({}), free_port())
    with pytest.raises(NotConnectedError, match="no program has this UDP port"):
        async with agent.opened({}):
            pass


class Late(asyncio.DatagramProtocol):
    """Answers each request when the next one comes, or with what it is told."""

    def __init__(self, simulator: SnmpSimulator) -> None:
        self._simulator = simulator
        self._kept: bytes | None = None
        self.is_late = False
        self.instead: bytes | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = self.instead or self._simulator.answer(data)
        if self.is_late:
            answer, self._kept = self._kept, answer
        if answer:
            self._transport.sendto(answer, addr)  # type: ignore[attr-defined]


async def late() -> tuple[Late, Agent, asyncio.BaseTransport]:
    peer = Late(SnmpSimulator(crate(), write="guru"))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: peer, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    return peer, Agent(peer._simulator, port), transport


async def test_a_late_answer_becomes_no_others_and_is_counted() -> None:
    peer, agent, transport = await late()
    channels = {"a": {"at": f"{OUTPUTS}.5.1"}, "b": {"at": f"{OUTPUTS}.5.2"}}
    async with agent.opened(channels) as crate:
        wait(crate, 0.1)
        peer.is_late = True
        with pytest.raises(NoAnswerError):
            await crate.read("a")
        with pytest.raises(NoAnswerError):
            await crate.read("b")  # the answer to a comes
        peer.is_late = False
        wait(crate, 20)
        assert await crate.read("b") == {"b": 5 + 2 / 256}
        assert crate.driver._session.late == 1  # type: ignore[attr-defined]
    transport.close()


async def test_a_read_is_repeated_and_a_write_is_not() -> None:
    peer, agent, transport = await late()
    channels = {"on": {"at": f"{CRATE}.1.1.0", "write": True}}
    async with agent.opened(channels, retries=1) as crate:
        await crate.read()
        wait(crate, 0.1)
        peer.is_late = True
        asked = agent.simulator.asked
        asked.clear()
        with pytest.raises(NoAnswerError):
            await crate.write("on", 0)
        assert asked == {Operation.SET: 1}
        asked.clear()
        with pytest.raises(NoAnswerError):
            await crate.read()
        assert asked == {Operation.GET: 2}
    transport.close()


async def test_an_agent_that_is_silent_for_long_is_opened_again() -> None:
    peer, agent, transport = await late()
    async with agent.opened({"on": {"at": f"{CRATE}.1.1.0"}}) as crate:
        wait(crate, 0.05)
        peer.is_late = True
        peer._kept = None
        for _ in range(2):
            peer._kept = None
            with pytest.raises(NoAnswerError):
                await crate.read()
            assert crate.driver.is_open
        with pytest.raises(NoAnswerError):
            await crate.read()
        assert not crate.driver.is_open
        peer.is_late = False
        await crate.driver.close()
        driver: Any = crate.driver
        driver._timeout = 20
        await crate.driver.open()
        assert await crate.read() == {"on": 1}
    transport.close()


async def test_what_is_no_snmp_is_said() -> None:
    peer, agent, transport = await late()
    async with agent.opened({"on": {"at": f"{CRATE}.1.1.0"}}) as crate:
        wait(crate, 0.1)
        peer.instead = b"HTTP/1.1 400 Bad Request\r\n"
        with pytest.raises(ProtocolError, match="cannot be used"):
            await crate.read()
    transport.close()


async def test_an_agent_whose_column_goes_back_ends_no_loop() -> None:
    peer, agent, transport = await late()
    channels = {f"U{n}": {"at": f"{OUTPUTS}.5.{n}"} for n in range(1, 65)}
    async with agent.opened(channels) as crate:
        bulk = peer._simulator._bulk
        again = f"{OUTPUTS}.5.1"

        def back(request: Any) -> Any:
            rows = list(bulk(request))
            return [rows[0], peer._simulator._get(oid(again))]

        peer._simulator._bulk = back  # type: ignore[method-assign]
        with pytest.raises(ProtocolError, match="has a defect"):
            await crate.read()
    transport.close()


async def test_every_is_kept(agent: Agent) -> None:
    channels = {
        "on": {"at": f"{CRATE}.1.1.0"},
        "name": {"at": f"{CRATE}.5.3.0", "every": 10},
    }
    async with agent.opened(channels) as crate:
        assert set(await crate.read(cycle=0)) == {"on", "name"}
        assert set(await crate.read(cycle=1)) == {"on"}
        assert set(await crate.read("name", cycle=1)) == {"name"}


@pytest.mark.parametrize(
    ("query", "channels", "text"),
    [
        ("version=4", {}, "version"),
        ("version=3", {}, "user for version 3"),
        ("version=3&user=a&priv=12345678", {}, "auth"),
        ("version=3&user=a&auth=short", {}, "8 characters"),
        ("comunity=x", {}, "no such option"),
        ("", {"a": {"at": "sysDescr.0"}}, "channel a.*OID"),
        ("", {"a": {"at": {"oid": "1.3.6", "index": "x"}}}, "channel a.*index"),
        ("", {"a": {}}, "channel a"),
    ],
)
def test_wrong_settings_are_sentences(
    query: str, channels: dict[str, Any], text: str
) -> None:
    settings = instrument(f"snmp://127.0.0.1:161?{query}", channels)
    with pytest.raises((ValueError, ConfigError), match=text) as refused:
        SNMP.make("X", settings, None)  # type: ignore[arg-type]
    assert "12345678" not in str(refused.value)
    assert "short" not in str(refused.value).replace("8 characters", "")


VALUES = {"trip": lambda: True, "wrong": lambda: "x"}


async def test_an_instrument_is_simulated_by_its_channels() -> None:
    channels = {
        "volts": {"at": f"{OUTPUTS}.10.1", "write": True},
        "on": {"at": {"oid": f"{CRATE}.1.2.0", "bit": 0}},
        "trip": {"at": {"oid": f"{CRATE}.1.2.0", "bit": 9}},
        "name": {"at": f"{CRATE}.5.3.0", "type": "text"},
        "bits": {"at": {"oid": f"{CRATE}.1.4.0", "type": "bits"}, "type": "text"},
        "wrong": {"at": {"oid": f"{CRATE}.1.5.0", "type": "integer"}},
    }
    settings = instrument("snmp://127.0.0.1:161?write=guru", channels)
    simulator = SnmpSimulator(
        points_of(settings, places("X", SNMP, settings), VALUES),
        write="guru",
    )
    agent = Agent(simulator, await simulator.start())
    async with agent.opened(channels) as crate:
        await crate.write("volts", 12.5)
        assert await crate.read() == {
            "volts": 12.5,
            "on": False,
            "trip": True,
            "name": "",
            "bits": 0,
            "wrong": Fault(f"no value {CRATE}.1.5.0", status=Status.READ),
        }
    simulator.close()


def test_a_damaged_request_gets_no_answer() -> None:
    simulator = SnmpSimulator(crate())
    with pytest.raises(ValueError, match="cut"):
        simulator.answer(b"\x30\x10")
