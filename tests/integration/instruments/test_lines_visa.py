"""Instruments that are reached by VISA: pyvisa-py, and a real server on a socket."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from daqpv.errors import NoAnswerError, NotConnectedError, OperationError
from daqpv.instruments.driver import Read, Write
from daqpv.instruments.lines.driver import LineDriver
from daqpv.links.stream.kinds import VISA
from tests.support.ports import free_port
from tests.support.talker import Device, Pty, driver, opened
from tests.support.waiting import soon

SUPPLY: dict[str, Any] = {
    "read": {"ask": ":MEAS:ALL? CH1", "answer": "{u:g},{i:g},{p:g}"},
    "channels": {"u": {"write": ":VOLT {value:.3f}"}, "i": {}, "p": {}},
}


def scpi(answers: dict[bytes, bytes]) -> Device:
    return Device(answers.get, end=b"\n")


def supply(device: Device, **keys: Any) -> LineDriver:
    address = f"visa://TCPIP::127.0.0.1::{device.port}::SOCKET"
    return driver(address, kind=VISA, **SUPPLY | keys)


async def test_a_supply_is_read_and_written() -> None:
    answers = {b":MEAS:ALL? CH1": b"12.0000,0.500,6.000\n"}
    async with scpi(answers).listening() as device:
        gauge = supply(device)
        async with opened(gauge):
            for _ in range(3):
                frame = await gauge.exchange(Read())
                assert frame.values == {"u": 12, "i": 0.5, "p": 6}
            await gauge.exchange(Write("u", 5))
            await soon(lambda: b":VOLT 5.000" in device.asked, "the command")


async def test_the_rest_of_a_late_answer_is_not_the_next_one() -> None:
    """pyvisa-py drops the part that has come, and keeps the rest."""
    answers = {b":MEAS:ALL? CH1": b"12.0000,0.5"}
    async with scpi(answers).listening() as device:
        gauge = supply(device, timeout=0.4)
        async with opened(gauge):
            with pytest.raises(NoAnswerError, match=r"gauge at .* in 0.4 s"):
                await gauge.exchange(Read())
            assert not gauge.is_open
            device.send(b"00,6.000\n")
            answers[b":MEAS:ALL? CH1"] = b"1,2,3\n"
            await gauge.open()
            frame = await gauge.exchange(Read())
    assert frame.values == {"u": 1, "i": 2, "p": 3}


async def test_a_closed_connection_is_told_at_once_and_costs_no_time() -> None:
    """pyvisa-py takes it for a slow answer, and reads without a pause."""
    async with Device(lambda line: device.hang_up(), end=b"\n").listening() as device:
        gauge = supply(device, timeout=60)
        async with opened(gauge):
            begun = time.process_time()
            with pytest.raises(NoAnswerError, match="closed") as caught:
                await gauge.exchange(Read())
            assert not caught.value.timed_out
            assert time.process_time() - begun < 5


async def test_a_port_that_refuses_is_not_connected() -> None:
    """pyvisa-py opens it, and fails when it is written."""
    address = f"visa://TCPIP::127.0.0.1::{free_port()}::SOCKET"
    gauge = driver(address, kind=VISA, **SUPPLY)
    with pytest.raises(NotConnectedError, match="refused"):
        await gauge.open()
    await gauge.close()


async def test_one_that_closes_ends_no_other_session() -> None:
    """All instruments share pyvisa's manager."""
    answers = {b":MEAS:ALL? CH1": b"1,2,3\n"}
    async with scpi(answers).listening() as one, scpi(answers).listening() as other:
        first, second = supply(one), supply(other)
        async with opened(second):
            async with opened(first):
                await first.exchange(Read())
            frame = await second.exchange(Read())
    assert frame.values["u"] == 1


async def test_a_refused_command() -> None:
    async with scpi({b":VOLT 99.000": b"-222\n"}).listening() as device:
        gauge = supply(
            device,
            errors={"-*": "data out of range"},
            channels={"u": {"write": ":VOLT {value:.3f}", "reply": "0"}},
            read=[],
        )
        async with opened(gauge):
            with pytest.raises(OperationError, match=r"data out of range \(-222\)"):
                await gauge.exchange(Write("u", 99))


async def test_a_cancelled_exchange_does_not_hold_up_the_end() -> None:
    async with scpi({}).listening() as device:
        gauge = supply(device, timeout=0.5)
        await gauge.open()
        asking = asyncio.create_task(gauge.exchange(Read()))
        await soon(lambda: device.asked, "the question")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert not gauge.is_open
        await gauge.close()


async def test_a_serial_port_by_visa(tmp_path: Path) -> None:
    answers = {b":MEAS:ALL? CH1": b"1,2,3\n"}
    with Pty(tmp_path / "tty", answers.get, end=b"\n") as pty:
        address = f"visa://ASRL{pty.path}::INSTR"
        gauge = driver(address, kind=VISA, **SUPPLY)
        async with opened(gauge):
            assert (await gauge.exchange(Read())).values["p"] == 3


@pytest.mark.parametrize(
    ("connection", "keys", "words"),
    [
        ("visa://10.0.0.5", {}, "VISA resource"),
        ("visa://GPIB0::12::INSTR?board=2", {}, "no such option"),
        ("visa://GPIB0::12::INSTR", {"stream": {"answer": "{u:g}"}}, "unasked"),
    ],
)
def test_settings_that_cannot_be_used(
    connection: str, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        driver(connection, kind=VISA, **SUPPLY | keys)


SIMULATED = r"""
spec: "1.1"
devices:
  supply:
    eom:
      TCPIP INSTR: {q: "\n", r: "\n"}
    error: ERROR
    dialogues:
      - {q: ":MEAS:ALL? CH1", r: "1.5,2.5,3.5"}
resources:
  TCPIP0::localhost::inst0::INSTR: {device: supply}
"""


async def test_messages_that_end_by_themselves(tmp_path: Path) -> None:
    """Another backend: pyvisa-sim."""
    pytest.importorskip("pyvisa_sim")
    file = tmp_path / "supply.yaml"
    file.write_text(SIMULATED)
    address = "visa://TCPIP0::localhost::inst0::INSTR"
    gauge = driver(
        address, kind=VISA, options={"backend": f"{file}@sim"}, timeout=2, **SUPPLY
    )
    async with opened(gauge):
        for _ in range(2):
            assert (await gauge.exchange(Read())).values["i"] == 2.5
