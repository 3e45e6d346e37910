"""Instruments whose messages end with a check sum."""

from __future__ import annotations

from typing import Any

import pytest

from daqpv.instruments.driver import Fault, Frame, Read, Write
from daqpv.instruments.parsing import checksum
from tests.support.talker import Device, Heard, driver, opened
from tests.support.waiting import soon

PRESSURE: dict[str, Any] = {
    "read": {"ask": "PR?", "answer": "{p:g}"},
    "channels": {"p": {}},
    "timeout": 0.5,
}


async def read(device: Device, **keys: Any) -> Frame:
    async with device.listening(), opened(driver(device.address, **keys)) as gauge:
        return await gauge.exchange(Read())


@pytest.mark.parametrize("name", ["sum8 hex", "xor8 HEX", "sum8 decimal", "leybold"])
async def test_questions_and_answers_have_it(name: str) -> None:
    made = checksum(name)
    answers = {b"PR?" + made(b"PR?"): b"1.2E-5" + made(b"1.2E-5") + b"\r\n"}
    frame = await read(Device(answers.get), checksum=name, **PRESSURE)
    assert frame.values == {"p": 1.2e-5}


async def test_a_sum_may_be_a_line_break() -> None:
    made = checksum("sum8")
    answer = b"1.2D-5 "
    answer += bytes([(10 - sum(answer)) % 256])
    answers = {b"PR?" + made(b"PR?"): answer + made(answer) + b"\r\n"}
    assert made(answer) == b"\n"
    keys = PRESSURE | {"read": {"ask": "PR?", "answer": "{p:g} {}"}}
    keys |= {"encoding": "latin-1"}
    frame = await read(Device(answers.get), checksum="sum8", **keys)
    assert frame.values["p"] == pytest.approx(1.2e-5)


async def test_a_wrong_sum_is_no_answer() -> None:
    device = Device(lambda line: b"1.2E-5ff\r\n")
    frame = await read(device, checksum="sum8 hex", **PRESSURE)
    assert isinstance(frame.values["p"], Fault)
    assert "1.2E-5ff: the check sum sum8 hex is 'ff', and should be" in frame.bad[0]


async def test_commands_have_it_and_lines_that_accept_have_not() -> None:
    made = checksum("sum8 hex")
    command, data = b"SP 5.0", b"7.5"
    answers = {
        command + made(command): b"\x06\r\n",
        b"PR?" + made(b"PR?"): b"\x06\r\n",
        b"\x05": data + made(data) + b"\r\n",
    }
    device = Device(answers.get)
    channels = {"p": {}, "sp": {"write": "SP {value:.1f}"}}
    keys = PRESSURE | {"channels": channels, "acknowledge": {"then": "\x05\r\n"}}
    async with device.listening():
        gauge = driver(device.address, checksum="sum8 hex", **keys)
        async with opened(gauge):
            await gauge.exchange(Write("sp", 5.0))
            frame = await gauge.exchange(Read())
    assert frame.values == {"p": 7.5}
    assert device.asked == [command + made(command), b"PR?" + made(b"PR?"), b"\x05"]


async def test_lines_that_come_unasked_have_it() -> None:
    made, heard = checksum("xor8 HEX from 2 less 1"), Heard()
    device = Device(lambda line: None)
    keys: dict[str, Any] = {
        "stream": {"answer": "${p:g}*"},
        "channels": {"p": {}},
        "checksum": "xor8 HEX from 2 less 1",
    }
    async with device.listening():
        gauge = driver(device.address, **keys)
        gauge.listen(heard)
        async with opened(gauge):
            await soon(lambda: bool(device.clients), "a client")
            device.send(b"$1.5*" + made(b"$1.5*") + b"\r\n$1.5*00\r\n")
            await soon(lambda: len(heard.frames) == 2, "two lines")
    assert heard.frames[0].values == {"p": 1.5}
    assert "the check sum" in heard.frames[1].bad[0]


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'sum9' is no check sum"):
        driver("tcp://127.0.0.1:1", checksum="sum9", **PRESSURE)
