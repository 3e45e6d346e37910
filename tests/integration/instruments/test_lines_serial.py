"""Instruments that speak in lines over a serial port: pseudo terminals."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from daqpv.errors import NoAnswerError, NotConnectedError, ProtocolError
from daqpv.instruments.driver import Fault, Frame, Read, Write
from daqpv.instruments.lines.driver import LineDriver
from daqpv.links.stream.kinds import SERIAL
from tests.support.talker import Answer, Heard, Pty, Site, driver, opened
from tests.support.waiting import soon

PRESSURE: dict[str, Any] = {
    "read": {"ask": "PR1", "answer": "{p:g}"},
    "channels": {"p": {}},
}


def gauge_at(pty: Pty, query: str = "", **keys: Any) -> LineDriver:
    return driver(pty.address + query, kind=SERIAL, **keys)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usb-gauge"


async def read(
    path: Path, answer: Answer, *, end: bytes = b"\r\n", **keys: Any
) -> Frame:
    with Pty(path, answer, end=end) as pty:
        async with opened(gauge_at(pty, **keys)) as gauge:
            return await gauge.exchange(Read())


async def test_an_answer(path: Path) -> None:
    frame = await read(path, lambda line: b"1.5E-3\r\n", **PRESSURE)
    assert frame.values == {"p": 1.5e-3}


async def test_the_options_are_those_of_the_port(path: Path) -> None:
    with Pty(path, lambda line: None) as pty:
        query = "?baud=19200&parity=E&bits=7&stop=2&rtscts=yes&dtr=no"
        async with opened(gauge_at(pty, query, **PRESSURE)) as gauge:
            line: Any = gauge._line
            port = line._wire._port._serial  # a terminal keeps 8 bits, no parity
            flags = termios.tcgetattr(pty.terminal)
    assert flags[4] == termios.B19200
    assert flags[2] & termios.CSTOPB
    assert flags[2] & termios.CRTSCTS
    assert (port.parity, port.bytesize, port.dtr) == ("E", 7, False)


@pytest.mark.parametrize("query", ["?bauds=9600", "?parity=X", "?bits=9", "?stop=3"])
def test_wrong_options_are_refused(query: str) -> None:
    with pytest.raises(ValueError, match="option"):
        driver(f"serial:///dev/ttyS99{query}", kind=SERIAL)


def test_two_slashes_are_a_host() -> None:
    with pytest.raises(ValueError, match="three slashes"):
        driver("serial://dev/ttyUSB0", kind=SERIAL)


async def test_a_terminator_of_three_bytes(path: Path) -> None:
    frame = await read(
        path,
        lambda line: b"@253ACK7.602E+2;FF",
        end=b";FF",
        terminator=";FF",
        read={"ask": "@253PR1?", "answer": "@253ACK{p:g}"},
        channels={"p": {}},
    )
    assert frame.values == {"p": 760.2}


async def test_a_silence_ends_an_answer(path: Path) -> None:
    frame = await read(
        path,
        lambda line: b"1.5",
        end=b"\r",
        send_terminator="\r",
        receive_terminator="",
        gap=0.02,
        **PRESSURE,
    )
    assert frame.values == {"p": 1.5}


async def test_an_answer_of_fixed_length(path: Path) -> None:
    frame = await read(path, lambda line: b"01.501.6", answer_length=4, **PRESSURE)
    assert frame.values == {"p": 1.5}


async def test_acknowledge_and_enquiry(path: Path) -> None:
    """TPG 26x: PR1 CR, ACK CR LF, ENQ, 0,+8.3400E-03 CR LF."""
    sent: list[bytes] = []

    class Gauge(Pty):
        def _read(self) -> None:
            data = os.read(self._master, 100)
            sent.append(data)
            if data == b"PR1\r":
                self.send(b"\x06\r\n")
            elif data == b"\x05":
                self.send(b"0,+8.3400E-03\r\n")

    with Gauge(path, lambda line: None) as pty:
        gauge = gauge_at(
            pty,
            send_terminator="\r",
            receive_terminator="\r\n",
            acknowledge={},
            read={"ask": "PR1", "answer": "{s:d},{p:g}"},
            channels={"s": {}, "p": {}},
        )
        async with opened(gauge):
            frame = await gauge.exchange(Read())
    assert frame.values == {"s": 0, "p": 8.34e-3}
    assert sent == [b"PR1\r", b"\x05"]


async def test_a_refusal_and_its_reason(path: Path) -> None:
    asked: list[bytes] = []
    reasons = {"0010": "bad parameter"}

    class Gauge(Pty):
        def _read(self) -> None:
            data = os.read(self._master, 100)
            asked.append(data)
            if data == b"\x05":
                self.send(b"0010\r\n")
            else:
                self.send(b"\x06\r\n" if data == b"ERR\r" else b"\x15\r\n")

    with Gauge(path, lambda line: None) as pty:
        gauge = gauge_at(
            pty,
            send_terminator="\r",
            receive_terminator="\r\n",
            acknowledge={"why": "ERR", "reasons": reasons},
            read={"ask": "PR9", "answer": "{s:d},{p:g}"},
            channels={"s": {}, "p": {}},
        )
        async with opened(gauge):
            frame = await gauge.exchange(Read())
    assert frame.values == dict.fromkeys("sp", Fault("bad parameter: 0010 (NAK)"))
    assert asked == [b"PR9\r", b"ERR\r", b"\x05"]


async def test_an_echo_is_compared(path: Path) -> None:
    """mesytec: the line comes back, then the answer; line ends LF CR."""
    answers = {b"re 0 3 32": b"re 0 3 32\n\rRE 0 3 32 1000\n\r"}
    with Pty(path, answers.get, end=b"\r") as pty:
        gauge = gauge_at(
            pty,
            echo=True,
            timeout=0.4,
            send_terminator="\r",
            receive_terminator="\n\r",
            read={"ask": "re 0 3 32", "answer": "RE 0 3 32 {v:d}"},
            channels={"v": {}},
        )
        async with opened(gauge):
            assert (await gauge.exchange(Read())).values == {"v": 1000}
            answers[b"re 0 3 32"] = b"re 0 2 32\n\rRE 0 3 32 1000\n\r"
            with pytest.raises(ProtocolError, match="in place of the echo"):
                await gauge.exchange(Read())
            answers[b"re 0 3 32"] = b"re 0 3 32\n\rRE 0 3 32 1001\n\r"
            assert (await gauge.exchange(Read())).values == {"v": 1001}


async def test_an_echo_of_each_character(path: Path) -> None:
    """iseg SHQ: the next character is sent when the one before has come back."""
    come: list[bytes] = []

    class Supply(Pty):
        def _read(self) -> None:
            data = os.read(self._master, 100)
            come.append(data)
            self.send(data)
            if data == b"\n":
                self.send(b"+12345-01\r\n")

    with Supply(path, lambda line: None) as pty:
        gauge = gauge_at(
            pty,
            echo="character",
            read={"ask": "U1", "answer": "{m:d}{e:d}"},
            channels={"m": {}, "e": {}},
        )
        async with opened(gauge):
            assert (await gauge.exchange(Read())).values == {"m": 12345, "e": -1}
            assert (await gauge.exchange(Read())).values == {"m": 12345, "e": -1}
    assert come == [b"U", b"1", b"\r", b"\n"] * 2


async def test_a_late_answer_is_dropped_and_counted(path: Path) -> None:
    with Pty(path, lambda line: None) as pty:
        gauge = gauge_at(pty, timeout=0.4, **PRESSURE)
        async with opened(gauge):
            with pytest.raises(NoAnswerError):
                await gauge.exchange(Read())
            assert gauge.is_open
            pty.send(b"7.0\r\n")
            pty.answer = lambda line: b"1.5\r\n"
            frame = await gauge.exchange(Read())
    assert frame.values == {"p": 1.5}
    assert frame.late == 1


async def test_unplugged_and_plugged_in_again(path: Path) -> None:
    heard = Heard()
    with Pty(path, lambda line: b"1.5\r\n") as pty:
        gauge = gauge_at(pty, **PRESSURE)
        gauge.listen(heard)
        async with opened(gauge):
            await gauge.exchange(Read())
            pty.unplug()
            await soon(lambda: heard.losses, "the loss")
            assert "plugged in" in str(heard.losses[0])
            assert "gauge" in str(heard.losses[0])
            with pytest.raises(NotConnectedError, match="no such device"):
                await gauge.open()
            pty.plug()
            await gauge.open()
            assert (await gauge.exchange(Read())).values == {"p": 1.5}


async def test_another_process_has_the_port(path: Path) -> None:
    script = (
        "import serial, sys\n"
        f"port = serial.Serial({str(path)!r}, exclusive=True)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with Pty(path, lambda line: b"1.5\r\n") as pty:
        other = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert other.stdin
        assert other.stdout
        assert await other.stdout.readline() == b"ready\n"
        gauge = gauge_at(pty, **PRESSURE)
        with pytest.raises(NotConnectedError, match=f"process {other.pid} "):
            await gauge.open()
        other.stdin.close()
        await other.wait()
        async with opened(gauge):
            await gauge.exchange(Read())


async def test_instruments_on_one_port_take_turns(path: Path) -> None:
    """Addresses on one bus; one of them is silent."""
    answers = {b"@1P?": b"1\r\n", b"@2P?": b"2\r\n"}
    site = Site()
    with Pty(path, answers.get) as pty:
        gauges = [
            gauge_at(
                pty,
                site=site,
                timeout=0.4,
                read={"ask": f"@{n}P?", "answer": "{p:g}"},
                channels={"p": {}},
            )
            for n in (1, 2, 3)
        ]
        for gauge in gauges:
            await gauge.open()
        for _ in range(3):
            frames = await asyncio.gather(
                *(gauge.exchange(Read()) for gauge in gauges), return_exceptions=True
            )
            assert isinstance(frames[2], NoAnswerError)
            assert [f.values["p"] for f in frames[:2] if isinstance(f, Frame)] == [1, 2]
        await gauges[2].close()
        assert gauges[0].is_open
        for gauge in gauges[:2]:
            await gauge.close()
        assert not gauges[0].is_open


async def test_other_options_for_the_same_port(path: Path) -> None:
    site = Site()
    driver(f"serial://{path}", kind=SERIAL, site=site)
    with pytest.raises(ValueError, match="other options"):
        driver(f"serial://{path}?baud=19200", kind=SERIAL, site=site)


async def test_a_stream_that_began_before_the_port_was_opened(path: Path) -> None:
    """Of the first line only its end comes."""
    with Pty(path, lambda line: None) as pty:
        heard = Heard()
        gauge = gauge_at(pty, stream={"answer": "{t:g}"}, channels={"t": {}})
        gauge.listen(heard)
        async with opened(gauge):
            pty.send(b"3.1\r\n23.2\r\n")
            await soon(lambda: heard.frames, "a line")
    assert [frame.values for frame in heard.frames] == [{"t": 23.2}]


async def test_rubbish_while_an_arduino_restarts(path: Path) -> None:
    with Pty(path, lambda line: None) as pty:
        heard = Heard()
        gauge = gauge_at(
            pty, settle_time=0.2, stream={"answer": "T={t:g}"}, channels={"t": {}}
        )
        gauge.listen(heard)
        opening = asyncio.create_task(gauge.open())
        await soon(lambda: gauge._line.is_open, "the port")
        pty.send(b"T=9\r\n\xff\x00garbage\r\nT=")
        await opening
        pty.send(b"5\r\n")
        await soon(lambda: heard.frames, "a line")
        await gauge.close()
    assert [frame.values for frame in heard.frames] == [{"t": 5}]


async def test_a_port_that_takes_nothing(path: Path) -> None:
    """The other side does not read: what cannot be sent is bounded."""

    class Deaf(Pty):
        def _read(self) -> None:
            asyncio.get_running_loop().remove_reader(self._master)

    with Deaf(path, lambda line: None) as pty:
        gauge = gauge_at(pty, channels={"s": {"type": "text", "write": "S {value}"}})
        async with opened(gauge):
            puts = [Write("s", "x" * 1000)] * 1000
            with pytest.raises(NoAnswerError, match="does not take"):
                await asyncio.gather(*map(gauge.exchange, puts))
            assert not gauge.is_open


async def test_many_lines_in_place_of_an_answer(path: Path) -> None:
    with Pty(path, lambda line: b"1.2.3\r\n" * 200) as pty:
        gauge = gauge_at(pty, timeout=60, **PRESSURE)
        async with opened(gauge):
            frame = await gauge.exchange(Read())
    assert frame.good == 0
    assert len(frame.bad) == 100
