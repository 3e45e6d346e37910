"""daqpv doctor on real sockets: what is wrong with an instrument, and its cure."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daqpv.app.examining import Examined
from daqpv.config import DeviceSettings, Kind
from daqpv.core import Finding
from daqpv.errors import ConfigError
from daqpv.testing import LineServer
from tests.support.doctor import examined, lines
from tests.support.ports import free_port
from tests.support.serve import loopback
from tests.support.talker import Device
from tests.support.waiting import soon

READ: dict[str, Any] = {
    "read": {"ask": "PR1", "answer": "{p:g},{t:g}"},
    "channels": {"p": {"units": "mbar", "words": {"OVER": "major"}}, "t": {}},
}


@pytest.fixture(autouse=True)
def _on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    client = {"ADDR_LIST": f"127.0.0.1:{port}", "AUTO_ADDR_LIST": "NO"}
    for name, value in client.items():
        monkeypatch.setenv(f"EPICS_CA_{name}", value)
    for name, value in loopback(port).items():
        monkeypatch.setenv(name, value)


async def examine(folder: Path, *, timeout: float = 20.0, **gauge: Any) -> Examined:
    (found,) = await examined(folder, {"gauge": {**READ, **gauge}}, timeout=timeout)
    return found


def texts(found: Examined) -> list[str]:
    """Its findings, without durations."""
    return [re.sub(r"[\d.]+(e-\d+)? m?s\b", "T", line) for line in lines(found)]


# -- what is good ----------------------------------------------------------------------


async def test_an_instrument_that_answers(tmp_path: Path) -> None:
    async with LineServer(lambda _: "1.2E-5,23.5") as gauge:
        found = await examine(tmp_path, connection=gauge.address)
    who = f"gauge at {gauge.address.removeprefix('tcp://')}"
    assert texts(found) == [
        f"connection: good: {who}: opened in T.",
        "exchange: good: 1 answer in T.",
        "parse: good: 2 of 2 channels came: p 1.2e-05 mbar, t 23.5.",
    ]
    assert found.good
    assert found.findings[1].facts["seconds"] < 20
    values = found.findings[2].facts["values"]
    assert values == {"p": {"value": 1.2e-5}, "t": {"value": 23.5}}


async def test_a_channel_that_is_only_written_is_not_missed(tmp_path: Path) -> None:
    put = {"write": "SP {value:g}", "reply": "OK", "read_back": "p"}
    channels = {"p": {"units": "mbar"}, "t": {}, "setpoint": put}
    async with LineServer(lambda _: "1.2E-5,23.5") as gauge:
        found = await examine(tmp_path, connection=gauge.address, channels=channels)
    assert found.good
    last = "parse: good: 2 of 2 channels came: p 1.2e-05 mbar, t 23.5."
    assert texts(found)[-1] == last


async def test_a_word_in_place_of_a_value_is_good(tmp_path: Path) -> None:
    async with LineServer(lambda _: "OVER,1") as gauge:
        found = await examine(tmp_path, connection=gauge.address)
    assert lines(found)[2:] == [
        "parse: good: 2 of 2 channels came: p (OVER, MAJOR), t 1."
    ]


async def test_an_instrument_that_sends_by_itself(tmp_path: Path) -> None:
    device = Device(lambda _: None)
    device.greeting = b"P=1\r\n"

    async def send() -> None:
        while True:
            device.send(b"T=2\r\n")
            await asyncio.sleep(0.02)

    async with device.listening():
        sending = asyncio.create_task(send())
        found = await examine(
            tmp_path,
            connection=device.address,
            read=(),
            stream=[{"answer": "P={p:g}"}, {"answer": "T={t:g}"}],
        )
        sending.cancel()
    assert texts(found)[1:] == [
        "exchange: good: The first line came T after the opening.",
        "parse: good: 2 of 2 channels came: p 1 mbar, t 2.",
    ]


async def test_nothing_is_reached_if_all_channels_are_computed(tmp_path: Path) -> None:
    (found,) = await examined(
        tmp_path, {"sum": {"channels": {"a": {"calc": 'pv("A:B") + 1'}}}}
    )
    assert lines(found) == ["connection: good: sum: all of its channels are computed."]


async def test_a_text_file_is_read_as_at_the_first_start(tmp_path: Path) -> None:
    log = tmp_path / "gas.csv"
    log.write_text("1000,1.5\n1001,what?\n1002,2.5\n")
    gas = {
        "file": str(log),
        "columns": {"time": "unix", "names": ["p"]},
        "channels": {"p": {"units": "mbar"}},
        "positions": str(tmp_path / "kept"),
        "period": 0.1,
    }
    for _ in range(2):
        (found,) = await examined(tmp_path, {"gas": gas})
        assert [(one.step, one.good) for one in found.findings] == [
            ("connection", True),
            ("exchange", True),
            ("parse", False),
            ("parse", False),
            ("clock", True),
        ]
        assert found.findings[2].facts["values"] == {"p": {"value": 2.5}}
        assert "what?" in found.findings[3].text
        assert found.findings[4].is_warning
    assert not (tmp_path / "kept").exists()


# -- what is wrong ---------------------------------------------------------------------


async def test_nobody_listens(tmp_path: Path) -> None:
    port = free_port()
    found = await examine(tmp_path, connection=f"tcp://127.0.0.1:{port}")
    assert lines(found) == [
        f"connection: PROBLEM: gauge at 127.0.0.1:{port}: connection refused. Nothing "
        "listens there: start the server, or correct the port."
    ]


async def test_a_black_hole_ends_with_the_deadline(tmp_path: Path) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = hole.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            found = await examine(
                tmp_path,
                connection=f"tcp://127.0.0.1:{port}?connect_timeout=100",
                timeout=0.5,
            )
    (finding,) = found.findings
    assert not finding.good
    assert "not ended in the" in finding.text
    assert "that were left" in finding.text


async def test_a_name_that_does_not_exist(tmp_path: Path) -> None:
    found = await examine(tmp_path, connection="tcp://no.such.host.invalid:1")
    (finding,) = found.findings
    assert (finding.step, finding.good) == ("name", False)
    assert "gauge at no.such.host.invalid:1" in finding.text


async def test_a_name_is_looked_up(tmp_path: Path) -> None:
    async with LineServer(lambda _: "1,2") as gauge:
        address = gauge.address.replace("127.0.0.1", "localhost")
        found = await examine(tmp_path, connection=address)
    assert found.good
    assert found.findings[0].step == "name"
    assert "127.0.0.1" in found.findings[0].facts["addresses"]


async def test_an_instrument_that_is_silent(tmp_path: Path) -> None:
    async with LineServer(lambda _: None) as gauge:
        found = await examine(tmp_path, connection=gauge.address)
    assert [one.good for one in found.findings] == [True, False]
    assert "has not answered 'PR1' in" in found.findings[1].text


async def test_garbage_is_shown_with_the_reason(tmp_path: Path) -> None:
    async with LineServer(lambda _: "what?") as gauge:
        found = await examine(tmp_path, connection=gauge.address)
    assert not found.good
    assert texts(found)[1:3] == [
        "exchange: PROBLEM: Answered in T; nothing of it could be read.",
        "parse: PROBLEM: 0 of 2 channels came.",
    ]
    assert "It cannot be read: expected ',' at character 6 of" in lines(found)[3]


async def test_a_value_that_is_none_is_a_bad_line(tmp_path: Path) -> None:
    channels = {"p": {"type": "integer"}, "t": {}}
    async with LineServer(lambda _: "1.5,2") as gauge:
        found = await examine(tmp_path, connection=gauge.address, channels=channels)
    assert lines(found)[2:] == [
        "parse: PROBLEM: 1 of 2 channels came: t 2.",
        "parse: PROBLEM: It cannot be read: p: 1.5 is not a whole number. Correct the "
        "pattern, or add the text to `words`.",
        "parse: PROBLEM: No value of p.",
    ]


async def test_a_channel_without_an_answer_is_named(tmp_path: Path) -> None:
    channels = {"p": {}, "t": {}, "u": {"ask": "U?", "answer": "{value:g}"}}
    answers = {"PR1": "1,2"}
    async with LineServer(answers.get) as gauge:
        found = await examine(
            tmp_path, connection=gauge.address, channels=channels, period=0.1
        )
    first, second = lines(found)[2:]
    assert first == "parse: PROBLEM: 2 of 3 channels came: p 1, t 2."
    assert second.startswith("parse: PROBLEM: No value of u: ")
    assert "'U?'" in second


async def test_a_stream_with_another_end_of_lines(tmp_path: Path) -> None:
    device = Device(lambda _: None)
    async with device.listening():
        work = asyncio.ensure_future(
            examine(
                tmp_path,
                connection=device.address,
                terminator="\n\r",
                read=(),
                stream="{p:g},{t:g}",
                timeout=2,
            )
        )
        while not work.done():
            device.send(b"1,2\r\n")
            await asyncio.sleep(0.05)
        found = await work
    last = lines(found)[-1]
    assert "without the end of a message, from '1,2\\r\\n" in last
    assert last.endswith("Is the terminator right?")


async def test_a_stream_that_does_not_come(tmp_path: Path) -> None:
    device = Device(lambda _: None)
    async with device.listening():
        found = await examine(
            tmp_path,
            connection=device.address,
            read=(),
            stream=[{"answer": "{p:g} {t:g}"}],
            timeout=1.5,
        )
    assert [one.good for one in found.findings] == [True, False]
    assert "has sent nothing in" in found.findings[1].text
    assert found.findings[1].cure.startswith("Its values come unasked: ")


async def test_one_that_takes_one_client_only(tmp_path: Path) -> None:
    clients: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append(writer)
        if len(clients) > 1:
            await reader.readline()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, first = await asyncio.open_connection("127.0.0.1", port)
    await soon(lambda: clients, "the first client")
    found = await examine(tmp_path, connection=f"tcp://127.0.0.1:{port}")
    for one in (first, *clients):
        one.close()
    server.close()
    assert "take one client only" in lines(found)[1]


# -- serial ports ----------------------------------------------------------------------

HOLD = """
import fcntl, os, sys
port = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("ready", flush=True)
sys.stdin.read()
"""
REGISTERS = {"channels": {"p": {"at": {"holding": 0}}}}


@pytest.fixture
def port() -> Any:
    """A pseudo terminal."""
    ours, its = os.openpty()
    yield os.ttyname(its)
    os.close(ours)
    os.close(its)


async def examine_port(folder: Path, path: str) -> Examined:
    gauge = {"connection": f"modbus-rtu://{path}", **REGISTERS}
    (found,) = await examined(folder, {"gauge": gauge})
    return found


@contextmanager
def held(port: str) -> Iterator[int]:
    """Another process has the port; its number."""
    command = [sys.executable, "-c", HOLD, port]
    with subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        yield holder.pid
        holder.stdin.close()


async def test_a_port_that_another_process_holds(tmp_path: Path, port: str) -> None:
    with held(port) as number:
        found = await examine_port(tmp_path, port)
    (finding,) = found.findings
    assert (finding.step, finding.good) == ("port", False)
    assert finding.facts["held_by"] == [number]
    assert finding.text.startswith(f"{port} is held by process {number} (")
    assert "Nothing was sent" in finding.cure


async def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    found = await examine_port(tmp_path, "/dev/ttyNOSUCH9")
    (finding,) = found.findings
    assert finding.text == "/dev/ttyNOSUCH9: No such file or directory."
    assert finding.cure.startswith("Is the adapter plugged in?")


async def test_a_port_that_is_free_is_opened(tmp_path: Path, port: str) -> None:
    found = await examine_port(tmp_path, port)
    assert [(one.step, one.good) for one in found.findings][:2] == [
        ("port", True),
        ("connection", True),
    ]


# -- several, and foreign code ---------------------------------------------------------


async def test_all_are_examined_at_the_same_time_and_told_in_the_order_of_the_file(
    tmp_path: Path,
) -> None:
    arrived = asyncio.Barrier(3)

    async def examine(*_: Any) -> AsyncIterator[Finding]:
        await arrived.wait()  # none could end, if they came one after the other
        yield Finding("connection", True, "It is there.")

    found = await lamps(tmp_path, examine, "a", "b", "c")
    assert [one.name for one in found] == ["a", "b", "c"]
    assert all(one.good for one in found)


async def lamps(
    folder: Path, examine: Any, *names: str, timeout: float = 20.0
) -> list[Examined]:
    """What is found of devices of a third party's kind."""
    kind: Kind[Any, Any] = Kind("instruments", DeviceSettings, api=1, examine=examine)
    lamps: dict[str, Any] = {name: {} for name in names}
    return await examined(folder, lamps, kinds=(kind,), timeout=timeout)


async def test_foreign_code_that_fails_is_a_finding(tmp_path: Path) -> None:
    async def examine(*_: Any) -> AsyncIterator[Finding]:
        yield Finding("connection", True, "It is there.")
        raise KeyError("x")

    (found,) = await lamps(tmp_path, examine, "a")
    assert [one.good for one in found.findings] == [True, False]
    assert "a: its examination failed: KeyError: 'x'" in found.findings[1].text


async def test_what_does_not_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daqpv.app.examining.GRACE", 0.1)
    monkeypatch.setattr("daqpv.app.examining._CANCELLED_WITHIN", 0.1)
    free = asyncio.Event()

    async def examine(*_: Any) -> AsyncIterator[Finding]:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue
        yield Finding("connection", True, "At last.")

    (found,) = await lamps(tmp_path, examine, "a", timeout=0.1)
    assert found.is_stuck
    assert lines(found)[0].startswith("deadline: PROBLEM: a: its examination has not")
    free.set()
    await soon(lambda: len(asyncio.all_tasks()) == 1, "the task to end")


async def test_only_what_is_enabled_is_examined_unless_it_is_named(
    tmp_path: Path,
) -> None:
    port = free_port()
    gauge = {**READ, "connection": f"tcp://127.0.0.1:{port}", "enable": False}
    assert await examined(tmp_path, {"gauge": gauge}) == []
    assert len(await examined(tmp_path, {"gauge": gauge}, "gauge")) == 1
    assert len(await examined(tmp_path, {"gauge": gauge}, "instruments.gauge")) == 1


async def test_a_name_that_the_file_does_not_have_is_refused(tmp_path: Path) -> None:
    gauge = {**READ, "connection": "tcp://127.0.0.1:1"}
    with pytest.raises(ConfigError, match=r"guage: the file has no such .* 'gauge'"):
        await examined(tmp_path, {"gauge": gauge}, "guage")
