"""Simulated instruments of a whole file: their places, and what cannot be simulated."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daqpv.errors import SimulatorError
from daqpv.instruments.settings import InstrumentSettings
from daqpv.sim.instruments import SimulatedInstruments
from tests.support.ports import free_port
from tests.support.waiting import soon

RULES = {"rules": [{"ask": "P", "answer": "{p:g}"}], "variables": {"p": 5}}


def instruments(
    folder: Path | None, **connections: str | dict[str, Any]
) -> SimulatedInstruments:
    keys = {
        name: {"connection": one} if isinstance(one, str) else one
        for name, one in connections.items()
    }
    settings = {
        name: InstrumentSettings.model_validate(
            {"simulator": RULES, "terminator": "\n", **one}
        )
        for name, one in keys.items()
    }
    return SimulatedInstruments(settings, folder)


@asynccontextmanager
async def running(simulated: SimulatedInstruments) -> AsyncIterator[None]:
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(simulated.run(ready.set))
        await ready.wait()
        yield
        task.cancel()


async def asked(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"P\n")
    answer = await reader.readline()
    writer.close()
    return answer


async def test_each_gets_an_address_of_its_own_and_keeps_its_options(
    tmp_path: Path,
) -> None:
    simulated = instruments(
        tmp_path,
        A="tcp://192.168.1.5:8000",
        B="serial:///dev/ttyUSB0?baud=19200&parity=E",
        C="udp://192.168.1.6:5000",
        D="snmp://192.168.1.7?community=lab",
    )
    assert simulated.title == "4 simulated instruments"
    async with running(simulated):
        changes = {name: str(url) for (name, _), url in simulated.changes().items()}
        assert changes["A"].startswith("tcp://127.0.0.1:")
        assert changes["B"].startswith("serial:///dev/pts/")
        assert changes["B"].endswith("?baud=19200&parity=E")
        assert changes["C"].startswith("udp://127.0.0.1:")
        assert changes["D"].startswith("snmp://127.0.0.1:")
        assert changes["D"].endswith("?community=lab")
        assert await asked(int(changes["A"].rpartition(":")[2])) == b"5\n"
        assert simulated.places()["A"] == f"at {changes['A']}"


def test_what_cannot_be_simulated_is_disabled(tmp_path: Path) -> None:
    """The copy of a file must not reach anything real."""
    simulated = instruments(tmp_path, A="mqtt://broker.lab", B={"channels": {}})
    assert simulated.changes() == {("A", "enable"): False}
    assert simulated.title == ""


async def test_without_a_folder_they_are_at_the_addresses_of_the_file(
    tmp_path: Path,
) -> None:
    port = free_port()
    line = tmp_path / "line"
    simulated = instruments(None, A=f"tcp://localhost:{port}", B=f"serial://{line}")
    async with running(simulated):
        assert await asked(port) == b"5\n"
        assert os.readlink(line).startswith("/dev/pts/")
    assert not line.is_symlink()


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("tcp://192.168.1.5:8000", "A: 192.168.1.5 is not a loopback address"),
        ({"file": "log.csv"}, "A: files are simulated at places of their own only"),
        ("nothing", "A: connection: a connection begins with what it is"),
        (
            {"connection": "snmp://127.0.0.1?comunity=x"},
            "A: connection: no such option of the connection: comunity",
        ),
        (
            {"connection": "tcp://127.0.0.1:1", "checksum": "sum9"},
            "A: checksum: 'sum9' is no check sum",
        ),
        (
            {"connection": "tcp://127.0.0.1:1", "simulator": {"change": {"x": "("}}},
            "the simulator of A: change.x",
        ),
    ],
)
def test_what_is_wrong_is_said_before_the_start(
    keys: str | dict[str, Any], problem: str
) -> None:
    with pytest.raises(SimulatorError, match=problem):
        instruments(None, A=keys)


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    first = instruments(None, A=f"tcp://127.0.0.1:{free_port()}")
    async with running(first):
        [url] = first.changes().values()
        for connection in (str(url), f"serial://{tmp_path}"):
            second = instruments(None, B=connection)
            with pytest.raises(SimulatorError, match="B: "):
                await second.run(lambda: None)


async def test_a_formula_without_result_ends_the_simulation(tmp_path: Path) -> None:
    simulator = {"variables": {"x": 1.0}, "change": {"x": "1 / (x - 1)"}, "tick": 0.01}
    keys = {"connection": "tcp://h:1", "simulator": simulator}
    simulated = instruments(tmp_path, A=keys)
    with pytest.raises(ExceptionGroup) as caught:
        await simulated.run(lambda: None)
    [error] = caught.value.exceptions
    assert isinstance(error, SimulatorError)
    assert "the simulator of A: formula '1 / (x - 1)': division by zero" in str(error)


async def test_many_clients_share_one_instrument(tmp_path: Path) -> None:
    simulated = instruments(tmp_path, A="tcp://h:1")
    async with running(simulated):
        [url] = simulated.changes().values()
        port = int(str(url).rpartition(":")[2])
        simulated.simulators["A"].play.variables["p"] = 8
        assert set(await asyncio.gather(asked(port), asked(port))) == {b"8\n"}


async def test_an_answer_that_cannot_be_made_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = [{"ask": "X", "answer": "{no}"}, {"ask": "P", "answer": "1"}]
    keys = {"connection": "tcp://h:1", "simulator": {"rules": rules}}
    simulated = instruments(tmp_path, A=keys)
    async with running(simulated):
        [url] = simulated.changes().values()
        port = int(str(url).rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"X\n")
        await soon(lambda: "the simulator of A: '{no}'" in caplog.text, "a message")
        writer.write(b"P\n")
        assert await reader.readline() == b"1\n"
        writer.close()
