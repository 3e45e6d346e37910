"""Drivers and simulators agree on all forms of talk: echo, check sums, lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daqpv.instruments.driver import Write
from tests.support.simulated import rig

TCP = "tcp://192.168.1.5:8000"
SERIAL = "serial:///dev/ttyUSB0?baud=115200"
UDP = "udp://192.168.1.5:8000"

BINARY = {
    "read": {"ask": "R?", "answer": "{p:>i2}{t:<f4}"},
    "answer_length": 6,
    "simulator": {
        "variables": {"p": 7, "t": 2.5},
        "rules": [
            {"ask": "R?", "answer": "{p:>i2}{t:<f4}"},
            {"ask": "P {p:d}"},
        ],
    },
}
FORMS: list[dict[str, Any]] = [
    {},
    {"terminator": "\r"},
    {"send_terminator": "\n", "receive_terminator": ";FF"},
    {"terminator": ""},
    {"echo": True},
    {"echo": "character"},
    {"checksum": "sum8 HEX"},
    {"checksum": "crc16-modbus HEX", "terminator": "\r"},
    {"acknowledge": {"ok": "OK", "refused": "NO", "then": None}},
    {"acknowledge": {"ok": "\x06", "refused": "\x15", "then": "\x05"}},
    {"encoding": "latin-1"},
    {"gap": 0.02},
    BINARY,
]


@pytest.mark.parametrize("connection", [TCP, SERIAL, UDP])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: ",".join(form) or "plain")
async def test_values_are_read_and_written(
    form: dict[str, Any], connection: str, tmp_path: Path
) -> None:
    if connection == UDP and form.get("echo") == "character":
        pytest.skip("a datagram is a whole message")
    keys: dict[str, Any] = {
        "connection": connection,
        "timeout": 1.0,
        "read": {"ask": "R?", "answer": "{p:d},{t:g}°"},
        "channels": {"p": {"write": "P {value:d}"}, "t": {}},
        "simulator": {
            "variables": {"p": 7, "t": 2.5},
            "rules": [
                {"ask": "R?", "answer": "{p:d},{t:g}°"},
                {"ask": "P {p:d}"},
            ],
        },
        **form,
    }
    async with rig(tmp_path, **keys) as one:
        for _ in range(3):
            readings = await one.read()
            assert (readings["p"].value, readings["t"].value) == (7, 2.5)
        await one.driver.exchange(Write("p", 12))
        readings = await one.read()
        assert readings["p"].value == 12
        assert not one.frame.bad
