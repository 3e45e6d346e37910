"""The SNMP driver with net-snmp's snmpd, as Debian has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daqpv.errors import LinkError, NoAnswerError, OperationError, ProtocolError
from daqpv.instruments.driver import Fault, Read
from daqpv.links.snmp.kinds import SNMP
from tests.support.drivers import Opened, program
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE

LOAD_FLOAT = "1.3.6.1.4.1.2021.10.1.6.1"  # UCD-SNMP-MIB::laLoadFloat.1: Opaque
CONTACT = "1.3.6.1.2.1.1.4.0"
UPTIME = "1.3.6.1.2.1.1.3.0"
OBJECT_ID = "1.3.6.1.2.1.1.2.0"
LAB = "1.3.6.1.4.1.8072.9999"  # netSnmpPlaypen

CONFIG = f"""
agentAddress udp:127.0.0.1:{{port}}
rocommunity public 127.0.0.1
rwcommunity guru 127.0.0.1
createUser lab SHA "auth word" AES "priv word"
createUser md MD5 "auth word" DES "priv word"
rwuser lab priv
rwuser md priv
override -rw .{LAB}.1.0 integer 5
override -rw .{LAB}.2.0 octet_str "idle"
override .{LAB}.3.0 integer 7
""" + "".join(f"override .{LAB}.9.1.{row} integer {row}\n" for row in range(1, 65))

CHANNELS: dict[str, Any] = {
    "number": {"at": f"{LAB}.1.0", "write": True},
    "text": {"at": f"{LAB}.2.0", "write": True},
    "fixed": {"at": f"{LAB}.3.0", "write": True},
    "load": {"at": LOAD_FLOAT},
    "up": {"at": UPTIME},
    "model": {"at": OBJECT_ID},
    "gone": {"at": f"{LAB}.4.0"},
}
USER = "version=3&user=lab&auth=auth%20word&priv=priv%20word"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an snmpd of our own."""
    folder: Path = tmp_path_factory.mktemp("snmpd")
    number = free_port()
    config = folder / "snmpd.conf"
    config.write_text(CONFIG.format(port=number))
    environ = {"SNMP_PERSISTENT_DIR": str(folder), "MIBS": ""}
    command = ["snmpd", "-f", "-Lo", "-C", "-c", str(config), "-p", f"{folder}/pid"]
    with program(*command, log=folder / "log", environ=environ) as process:
        asyncio.run(_answers(number))
        assert process.poll() is None
        yield number


async def _answers(port: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                async with agent(port, "community=public", {}, timeout=1):
                    return
            except LinkError:
                await asyncio.sleep(0.05)


def agent(port: int, query: str, channels: dict[str, Any], **keys: Any) -> Opened:
    url = f"snmp://127.0.0.1:{port}?{query}"
    return Opened(SNMP, url, channels=channels, **({"timeout": 20} | keys))


@pytest.mark.parametrize("query", ["", "version=1", USER], ids=["2c", "1", "3"])
async def test_values_are_read(port: int, query: str) -> None:
    async with agent(port, query, CHANNELS) as snmpd:
        values = await snmpd.read()
    assert values["number"] == 5
    assert values["text"] == "idle"
    assert values["model"].startswith("1.3.6.1.4.1.8072.")
    assert values["up"] > 0
    assert isinstance(values["load"], float)
    assert isinstance(values["gone"], Fault)
    assert f"{LAB}.4.0" in values["gone"].words


@pytest.mark.parametrize("query", ["", USER], ids=["2c", "3"])
async def test_a_column_is_read_by_getbulk(port: int, query: str) -> None:
    channels = {f"c{row}": {"at": f"{LAB}.9.1.{row}"} for row in range(1, 67)}
    async with agent(port, query, channels) as snmpd:
        frame = await snmpd.driver.exchange(Read())
    values = frame.values
    assert {name: values[name] for name in list(channels)[:64]} == {
        f"c{row}": row for row in range(1, 65)
    }
    assert isinstance(values["c65"], Fault)
    assert isinstance(values["c66"], Fault)
    assert frame.good <= 2


@pytest.mark.parametrize(
    "query",
    ["write=guru", "version=1&write=guru", USER],
    ids=["2c", "1", "3"],
)
async def test_values_are_written(port: int, query: str) -> None:
    async with agent(port, query, CHANNELS) as snmpd:
        await snmpd.write("number", 12.0)
        await snmpd.write("text", "run 7")
        assert await snmpd.read("number", "text") == {"number": 12, "text": "run 7"}
        await snmpd.write("number", 5)
        await snmpd.write("text", "idle")
        with pytest.raises(OperationError, match=r"notWritable|noSuchName"):
            await snmpd.write("fixed", 8)
        assert snmpd.driver.is_open


async def test_a_community_that_may_only_read_is_named(port: int) -> None:
    async with agent(port, "", CHANNELS) as snmpd:
        with pytest.raises(OperationError, match=r"noAccess.*write=\.\.\."):
            await snmpd.write("number", 6)


async def test_a_wrong_community_is_silence(port: int) -> None:
    with pytest.raises(NoAnswerError, match="Is the community right"):
        async with agent(port, "community=wrong", CHANNELS, timeout=0.2):
            pass


@pytest.mark.parametrize(
    "query",
    [
        USER.replace("auth%20word", "wrong%20word"),
        USER.replace("user=lab", "user=nobody"),
        "version=3&user=lab",
    ],
    ids=["password", "user", "no password"],
)
async def test_a_refused_user_is_said(port: int, query: str) -> None:
    with pytest.raises(ProtocolError, match="refuse") as refused:
        async with agent(port, query, CHANNELS) as snmpd:
            await snmpd.read()
    assert "wrong" not in str(refused.value)


async def test_version_3_is_opened_again_after_a_close(port: int) -> None:
    snmpd = agent(port, USER, CHANNELS)
    for _ in range(2):
        async with snmpd:
            assert (await snmpd.read("fixed")) == {"fixed": 7}
    other = agent(port, USER.replace("lab", "md") + "&auth_protocol=md5", CHANNELS)
    with pytest.raises(LinkError):  # another protocol of encryption
        async with other:
            await other.read()
    query = USER.replace("lab", "md") + "&auth_protocol=md5&priv_protocol=des"
    async with agent(port, query, CHANNELS) as third:
        assert (await third.read("fixed")) == {"fixed": 7}


async def test_silence_ends_in_time_in_version_3() -> None:
    peer = asyncio.DatagramProtocol()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: peer, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    with pytest.raises(NoAnswerError, match="SNMP version 3"):
        async with agent(port, USER, CHANNELS, timeout=0.2):
            pass
    transport.close()
