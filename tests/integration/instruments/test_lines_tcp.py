"""Instruments that speak in lines over TCP: questions, answers, commands."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from daqpv.core import Severity
from daqpv.errors import (
    NoAnswerError,
    NotConnectedError,
    OperationError,
    ProtocolError,
    RefusedError,
)
from daqpv.instruments.driver import Fault, Frame, Read, Write
from tests.support.ports import free_port
from tests.support.talker import Device, Heard, driver, opened
from tests.support.waiting import soon

PRESSURE: dict[str, Any] = {
    "read": {"ask": "PR1", "answer": "{p:g}"},
    "channels": {"p": {}},
}


def answering(answers: dict[bytes, bytes]) -> Device:
    return Device(answers.get)


async def read(device: Device, **keys: Any) -> Frame:
    async with device.listening(), opened(driver(device.address, **keys)) as gauge:
        return await gauge.exchange(Read())


async def test_an_answer_becomes_the_values_of_channels() -> None:
    frame = await read(
        answering({b"PR?": b"1.2E-5,23.5\r\n"}),
        read={"ask": "PR?", "answer": "{p:g},{t:g}"},
        channels={"p": {}, "t": {}},
    )
    assert frame.values == {"p": 1.2e-5, "t": 23.5}
    assert (frame.good, frame.bad, frame.late) == (1, [], 0)


async def test_channels_with_equal_questions_ask_once() -> None:
    device = answering({b"S?": b"5 7\r\n", b"T?": b"20\r\n"})
    frame = await read(
        device,
        channels={
            "a": {"ask": "S?", "answer": "{value:g} {}"},
            "b": {"ask": "S?", "answer": "{} {value:g}"},
            "t": {"ask": "T?", "answer": "{value:g}"},
        },
    )
    assert frame.values == {"a": 5, "b": 7, "t": 20}
    assert device.asked == [b"S?", b"T?"]


async def test_every_tenth_cycle() -> None:
    device = answering({b"P": b"1\r\n", b"ID": b"2\r\n"})
    async with device.listening():
        gauge = driver(
            device.address,
            read=[
                {"ask": "P", "answer": "{p:g}"},
                {"ask": "ID", "answer": "{i:g}", "every": 10},
            ],
            channels={"p": {}, "i": {}},
        )
        async with opened(gauge):
            for cycle in range(12):
                await gauge.exchange(Read(cycle))
            assert device.asked.count(b"ID") == 2
            await gauge.exchange(Read(5, frozenset({"i"})))
    assert device.asked.count(b"P") == 12
    assert device.asked.count(b"ID") == 3


async def test_several_lines_are_one_answer() -> None:
    frame = await read(
        answering({b"sc 0": b"ID-SCAN BUS 0:\r\n0: 17, ON\r\n1: -\r\n"}),
        read={
            "ask": "sc 0",
            "lines": 3,
            "answer": "ID-SCAN BUS 0:\n0: {a:d}, {}\n1: {}",
        },
        channels={"a": {}},
    )
    assert frame.values == {"a": 17}


async def test_what_is_silent_is_named_and_the_rest_is_read() -> None:
    device = answering({b"A": b"1\r\n", b"C": b"3\r\n"})
    async with device.listening():
        gauge = driver(
            device.address,
            timeout=0.1,
            channels={
                key: {"ask": key.upper(), "answer": "{value:g}"} for key in "abc"
            },
        )
        async with opened(gauge):
            frame = await gauge.exchange(Read())
            assert frame.values["a"] == 1
            assert frame.values["c"] == 3
            fault = frame.values["b"]
            assert isinstance(fault, Fault)
            assert fault.severity is Severity.INVALID
            assert "'B'" in fault.words
            await gauge.open()
            await gauge.exchange(Read(1))
    assert device.asked == [b"A", b"B", b"C", b"A", b"C", b"B"]


async def test_silence_is_no_answer_with_the_question_and_a_cure() -> None:
    async with answering({}).listening() as device:
        gauge = driver(device.address, timeout=0.1, **PRESSURE)
        async with opened(gauge):
            with pytest.raises(NoAnswerError, match=r"gauge at .* 'PR1' in 0.1 s\. Is"):
                await gauge.exchange(Read())
            assert not gauge.is_open
            with pytest.raises(NotConnectedError):
                await gauge.exchange(Read())


async def test_a_question_is_asked_again_and_a_command_is_not() -> None:
    seen: list[bytes] = []

    def answer(line: bytes) -> bytes | None:
        seen.append(line)
        return b"1.5\r\n" if seen == [b"PR1"] * 3 else None

    async with Device(answer).listening() as device:
        gauge = driver(
            device.address,
            timeout=0.1,
            retries=2,
            read={"ask": "PR1", "answer": "{p:g}"},
            channels={"p": {"write": "SP {value:g}", "reply": "OK"}},
        )
        async with opened(gauge):
            assert (await gauge.exchange(Read())).values == {"p": 1.5}
            with pytest.raises(NoAnswerError):
                await gauge.exchange(Write("p", 3))
    assert seen == [b"PR1"] * 3 + [b"SP 3"]


async def test_a_line_that_does_not_fit_is_bad_and_the_answer_is_taken() -> None:
    device = answering({b"PR1": b"12.5.7\r\n\xff\xfe\r\n1.5\r\n"})
    frame = await read(device, **PRESSURE)
    assert frame.values == {"p": 1.5}
    assert len(frame.bad) == 2
    assert "12.5.7" in frame.bad[0]
    assert "utf-8" in frame.bad[1]


async def test_only_lines_that_do_not_fit_are_told() -> None:
    frame = await read(answering({b"PR1": b"12.5.7\r\n"}), timeout=0.1, **PRESSURE)
    assert frame.good == 0
    assert "12.5.7" in frame.bad[0]
    assert isinstance(frame.values["p"], Fault)


async def test_a_refused_question_is_a_fault_with_the_words() -> None:
    frame = await read(
        answering({b"PR1": b"ERR3\r\n"}), errors={"ERR*": "no sensor"}, **PRESSURE
    )
    assert frame.values == {"p": Fault("no sensor (ERR3)")}


@pytest.mark.parametrize("reply", [None, "OK"])
async def test_a_command_is_sent(reply: str | None) -> None:
    device = answering({b"SP 2.50": b"OK\r\n"} if reply else {})
    async with device.listening():
        gauge = driver(
            device.address,
            channels={"sp": {"write": "SP {value:.2f}", "reply": reply}},
        )
        async with opened(gauge):
            await gauge.exchange(Write("sp", 2.5))
            await soon(lambda: device.asked, "the command")
    assert device.asked == [b"SP 2.50"]


async def test_a_refused_command_has_the_words_of_the_instrument() -> None:
    device = Device(lambda line: b"E05\r\n")
    async with device.listening():
        gauge = driver(
            device.address,
            errors={"E0?": "out of range"},
            channels={"sp": {"write": "SP {value:g}", "reply": "OK"}},
        )
        async with opened(gauge):
            with pytest.raises(OperationError, match=r"'SP 9': out of range \(E05\)"):
                await gauge.exchange(Write("sp", 9))
            assert gauge.is_open


async def test_denied_commands_are_never_sent() -> None:
    device = answering({})
    with pytest.raises(ValueError, match="deny"):
        driver("tcp://127.0.0.1:5", init="a4", deny=["A4*"])
    async with device.listening():
        gauge = driver(
            device.address,
            deny=["A4*"],
            channels={"sp": {"write": "A{value:d}"}, "s": {"write": "S {value}"}},
        )
        async with opened(gauge):
            with pytest.raises(RefusedError, match=r"'A49408' is never sent"):
                await gauge.exchange(Write("sp", 49408))
            with pytest.raises(RefusedError):
                await gauge.exchange(Write("s", "x\r\nA49408"))
            with pytest.raises(RefusedError, match="no command"):
                await gauge.exchange(Write("t", 1))
    assert device.asked == []


async def test_a_late_answer_is_counted_and_never_anothers() -> None:
    """The property is tested in unit/instruments/test_lines_in_step.py."""
    device = answering({b"PR1": b"1.5\r\n1.5\r\n"})
    async with device.listening(), opened(driver(device.address, **PRESSURE)) as gauge:
        frames = [await gauge.exchange(Read(n)) for n in range(3)]
    assert [frame.values for frame in frames] == [{"p": 1.5}] * 3
    assert sum(frame.late for frame in frames) == 3


async def test_init_is_sent_after_each_connection() -> None:
    device = answering({b"*IDN?": b"ACME 3000\r\n", b"PR1": b"1\r\n"})
    async with device.listening():
        gauge = driver(
            device.address,
            init=["SYST:REM", {"ask": "*IDN?", "answer": "ACME {model}"}],
            read={"ask": "PR1", "answer": "{p:g}"},
            channels={"p": {}, "model": {"type": "text"}},
        )
        async with opened(gauge):
            frame = await gauge.exchange(Read())
            assert frame.values == {"p": 1, "model": "3000"}
            device.hang_up()
            await soon(lambda: not gauge.is_open, "the loss")
            await gauge.open()
    assert device.asked == [b"SYST:REM", b"*IDN?", b"PR1", b"SYST:REM", b"*IDN?"]


async def test_another_instrument_is_refused() -> None:
    async with answering({b"*IDN?": b"OTHER 3000\r\n"}).listening() as device:
        gauge = driver(
            device.address,
            timeout=0.1,
            init={"ask": "*IDN?", "answer": "ACME {model}"},
            channels={"model": {}},
        )
        with pytest.raises(ProtocolError, match="OTHER 3000"):
            await gauge.open()
        await gauge.close()


async def test_one_that_closes_is_told_at_once() -> None:
    heard = Heard()
    async with answering({}).listening() as device:
        gauge = driver(device.address, **PRESSURE)
        gauge.listen(heard)
        async with opened(gauge):
            device.hang_up()
            await soon(lambda: heard.losses, "the loss")
            assert not gauge.is_open
    assert "gauge" in str(heard.losses[0]) or "127.0.0.1" in str(heard.losses[0])


async def test_one_that_closes_instead_of_answering() -> None:
    device = Device(lambda line: device.hang_up())
    async with device.listening():
        gauge = driver(device.address, timeout=30, **PRESSURE)
        async with opened(gauge):
            with pytest.raises(NoAnswerError, match="one client only") as caught:
                await gauge.exchange(Read())
    assert not caught.value.timed_out


async def test_nobody_listens() -> None:
    gauge = driver(f"tcp://127.0.0.1:{free_port()}", **PRESSURE)
    with pytest.raises(NotConnectedError, match="connection refused"):
        await gauge.open()
    await gauge.close()


async def test_a_black_hole() -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = hole.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            gauge = driver(f"tcp://127.0.0.1:{port}?connect_timeout=0.2", **PRESSURE)
            with pytest.raises(NotConnectedError, match=r"no connection in 0.2 s"):
                await gauge.open()
            await gauge.close()


async def test_babble_ends_the_connection_in_bounded_memory() -> None:
    block = b"x" * 2**20
    sent = 0

    class Babbler(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            self.resume_writing()

        def resume_writing(self) -> None:
            nonlocal sent
            while sent < 100 and not self.paused:
                sent += 1
                self.transport.write(block)  # type: ignore[attr-defined]

        def pause_writing(self) -> None:
            self.paused = True

        paused = False

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Babbler, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    heard = Heard()
    gauge = driver(f"tcp://127.0.0.1:{port}", **PRESSURE)
    gauge.listen(heard)
    await gauge.open()
    with pytest.raises(
        (ProtocolError, NotConnectedError), match=r"without the end|gone"
    ):
        await gauge.exchange(Read())
    assert not gauge.is_open
    await gauge.close()
    server.close()
    await server.wait_closed()


async def test_a_flood_of_lines_leaves_turns_to_others() -> None:
    async with answering({}).listening() as device:
        heard = Heard()
        gauge = driver(device.address, stream={"answer": "{a:g}"}, channels={"a": {}})
        gauge.listen(heard)
        async with opened(gauge):
            assert not gauge.polls
            await soon(lambda: device.clients, "the client")
            device.send(b"1.5\r\n" * 100_000)
            turns = 0
            while len(heard.frames) < 100_000:
                await asyncio.sleep(0)
                turns += 1
            assert turns > 20
            assert (await gauge.exchange(Read())).good == 0


async def test_lines_of_one_read_are_frames_in_the_same_turn() -> None:
    async with answering({}).listening() as device:
        heard = Heard()
        gauge = driver(
            device.address,
            stream=[{"answer": "T={t:g}"}, {"answer": "{p:g} mbar"}],
            comment="#",
            channels={"t": {}, "p": {}},
        )
        gauge.listen(heard)
        async with opened(gauge):
            await soon(lambda: device.clients, "the client")
            device.send(b"T=1\r\n# note\r\n2 mbar\r\nwhat\r\n\r\nT=3\r\nT=")
            await soon(lambda: len(heard.frames) == 4, "the lines")
            device.send(b"4\r\n")
            await soon(lambda: len(heard.frames) == 5, "the rest of a line")
    values = [frame.values for frame in heard.frames]
    assert values == [{"t": 1}, {"p": 2}, {}, {"t": 3}, {"t": 4}]
    assert "'what'" in heard.frames[2].bad[0]
    assert heard.frames[2].good == 0


async def test_lines_that_come_between_question_and_answer() -> None:
    device = answering({b"PR1": b"T=5\r\n1.5\r\n"})
    async with device.listening():
        heard = Heard()
        gauge = driver(
            device.address,
            read={"ask": "PR1", "answer": "{p:g}"},
            stream={"answer": "T={t:g}"},
            channels={"p": {}, "t": {}},
        )
        gauge.listen(heard)
        async with opened(gauge):
            frame = await gauge.exchange(Read())
    assert frame.values == {"p": 1.5}
    assert frame.bad == []
    assert [one.values for one in heard.frames] == [{"t": 5}]


async def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match="no such option"):
        driver("tcp://127.0.0.1:5?speed=3")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"read": {"ask": "A", "answer": "{x:g}"}}, "no channel"),
        ({"read": {"answer": "{p:g}"}, "channels": {"p": {}}}, "ask is missing"),
        ({"channels": {"p": {"answer": "{value:g}"}}}, "needs ask"),
        ({"read": {"ask": "A", "answer": "{p:"}, "channels": {"p": {}}}, "pattern"),
    ],
)
def test_settings_that_cannot_be_used(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        driver("tcp://127.0.0.1:5", **keys)


async def test_a_stream_without_ends_is_told_and_closed() -> None:
    async with answering({}).listening() as device:
        heard = Heard()
        gauge = driver(device.address, stream={"answer": "{a:g}"}, channels={"a": {}})
        gauge.listen(heard)
        async with opened(gauge):
            await soon(lambda: device.clients, "the client")
            device.send(b"1.5\r\n" + b"x" * 2**21)
            await soon(lambda: heard.losses, "the loss")
            assert not gauge.is_open
    assert "terminator" in str(heard.losses[0])
    assert [frame.values for frame in heard.frames] == [{"a": 1.5}]


async def test_half_a_line_is_no_value_when_the_connection_ends() -> None:
    async with answering({}).listening() as device:
        heard = Heard()
        gauge = driver(device.address, stream={"answer": "{a:g}"}, channels={"a": {}})
        gauge.listen(heard)
        async with opened(gauge):
            await soon(lambda: device.clients, "the client")
            device.send(b"12")
            device.clients[0].transport.close()
            await soon(lambda: heard.losses, "the loss")
            await gauge.open()
            await soon(lambda: device.clients, "the client")
            device.send(b"3.5\r\n")
            await soon(lambda: heard.frames, "a line")
    assert [frame.values for frame in heard.frames] == [{"a": 3.5}]
