"""Modbus TCP with devices that are late, silent, closed or no Modbus devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from daqpv.errors import (
    LinkError,
    NoAnswerError,
    ProtocolError,
    RefusedError,
)
from daqpv.instruments.driver import Block, Driver, Fault, Frame, Read, Write
from daqpv.instruments.modbus.frames import TcpFrame, TcpFrames
from daqpv.instruments.modbus.memory import Memory
from daqpv.instruments.modbus.place import Table
from tests.support.modbus import OneSite, a_driver, values
from tests.support.waiting import soon


class Device:
    """A device in this process, whose answers a test may hold back.

    Attributes:
        memory: its registers.
        held: answers that are held back while `holds` is true.
        asked: questions so far.
        connections: so many were made.
    """

    def __init__(self) -> None:
        self.memory = Memory()
        self.memory.set(Table.HOLDING, 0, bytes(range(40)))
        self.holds = False
        self.held: list[bytes] = []
        self.asked: list[bytes] = []
        self.greeting = b""
        self.refusal = 0
        self.connections = 0
        self.writer: asyncio.StreamWriter | None = None
        self.url = ""

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.writer, frames = writer, TcpFrames()
        self.connections += 1
        writer.write(self.greeting)
        while data := await reader.read(4096):
            for frame in frames.fed(data):
                self.asked.append(frame.pdu)
                self.answered(frame)
        writer.close()

    def answered(self, frame: TcpFrame) -> None:
        pdu = self.memory.answer(frame.pdu)
        if self.refusal:
            pdu = bytes((frame.pdu[0] | 0x80, self.refusal))
        answer = frame._replace(pdu=pdu).packed()
        if self.holds:
            self.held.append(answer)
        else:
            self.send(answer)

    def send(self, data: bytes) -> None:
        assert self.writer is not None
        self.writer.write(data)


@asynccontextmanager
async def a_device() -> AsyncIterator[Device]:
    device = Device()
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    device.url = f"modbus-tcp://127.0.0.1:{port}"
    try:
        yield device
    finally:
        server.close()
        if device.writer is not None:
            device.writer.transport.abort()
        await asyncio.sleep(0)


def read_one(name: str) -> Read:
    return Read(channels=frozenset({name}))


TWO: dict[str, Any] = {"a": {"at": {"holding": 1}, "write": True}, "b": {"holding": 5}}


async def test_a_late_answer_is_never_taken_for_the_next() -> None:
    async with a_device() as device:
        driver = a_driver(device.url, TWO, timeout=0.1)
        await driver.open()
        device.holds = True
        with pytest.raises(NoAnswerError, match=r"unit 1 has not answered in 0\.1 s"):
            await driver.exchange(read_one("a"))
        assert driver.is_open
        device.holds = False
        device.send(device.held[0])  # late, and before the answer to the next question
        frame = await driver.exchange(read_one("b"))
        assert frame == Frame(values={"b": 0x0A0B}, late=1)
        assert device.connections == 1
        await driver.close()


async def test_two_time_outs_in_a_row_end_the_connection() -> None:
    """It may be half open: the device has restarted, and nobody has told us."""
    async with a_device() as device:
        driver = a_driver(device.url, TWO, timeout=0.05)
        await driver.open()
        device.holds = True
        for is_open in (True, False):
            with pytest.raises(NoAnswerError):
                await values(driver)
            assert driver.is_open is is_open
        device.holds = False
        await driver.close()
        await driver.open()
        assert await values(driver) == {"a": 0x0203, "b": 0x0A0B}
        assert device.connections == 2
        await driver.close()


async def test_a_write_to_a_silent_device_goes_out_once() -> None:
    """pymodbus sends it four times."""
    async with a_device() as device:
        driver = a_driver(device.url, TWO, timeout=0.05, retries=3)
        await driver.open()
        device.holds = True
        with pytest.raises(NoAnswerError):
            await driver.exchange(Write("a", 1))
        assert len(device.asked) == 1
        await driver.close()


async def test_a_value_out_of_range_is_refused_before_anything_is_sent() -> None:
    """struct.error of pymodbus."""
    async with a_device() as device:
        driver = a_driver(device.url, TWO)
        await driver.open()
        with pytest.raises(RefusedError, match="a takes 0 to 65535, not 70000"):
            await driver.exchange(Write("a", 70000))
        assert device.asked == []
        await driver.close()


async def test_a_device_that_closes_in_a_question_fails_it_at_once() -> None:
    """pymodbus waits for (retries + 1) time-outs."""
    async with a_device() as device:
        driver = a_driver(device.url, TWO, timeout=600.0)
        await driver.open()
        device.holds = True
        reading = asyncio.create_task(values(driver))
        await soon(lambda: device.held, "the question")
        assert device.writer is not None
        device.writer.transport.abort()
        with pytest.raises(NoAnswerError, match=r"plc at 127.* closed the connection"):
            await reading
        assert not driver.is_open
        await driver.close()


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.errors: list[LinkError] = []

    def heard(self, frame: Frame | Block) -> None:
        raise AssertionError(frame)

    def broken(self, error: LinkError) -> None:
        self.errors.append(error)


async def test_a_connection_that_is_lost_between_two_cycles_is_told() -> None:
    async with a_device() as device:
        driver, heard = a_driver(device.url, TWO), Heard()
        driver.listen(heard)
        await driver.open()
        await values(driver)
        assert device.writer is not None
        device.writer.close()
        await soon(lambda: heard.errors, "the loss")
        assert "closed the connection" in str(heard.errors[0])
        assert not driver.is_open
        await driver.close()


async def fails(driver: Driver) -> LinkError:
    with pytest.raises(LinkError) as raised:
        await values(driver)
    return raised.value


async def test_what_is_no_modbus_device_is_said() -> None:
    async with a_device() as device:
        device.greeting = b"SSH-2.0-OpenSSH_9.2\r\n"
        device.holds = True
        driver = a_driver(device.url, TWO)
        await driver.open()
        error = await fails(driver)
        if not isinstance(error, ProtocolError):  # the greeting came before
            assert "closed" in str(error)
        else:
            assert "does not speak Modbus TCP" in str(error)
        await driver.close()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "illegal function (01)"),
        (4, "device failure (04)"),
        (6, "busy (06)"),
        (0x55, "unknown exception (55)"),
    ],
)
async def test_exceptions_are_faults_in_words(code: int, words: str) -> None:
    async with a_device() as device:
        driver = a_driver(device.url, TWO)
        await driver.open()
        device.refusal = code
        frame = await driver.exchange(read_one("b"))
        assert frame.values == {"b": Fault(f"{words}: holding 5")}
        assert (frame.good, frame.bad) == (0, (f"holding 5: {words}",))
        assert len(device.asked) == 1
        await driver.close()


async def test_a_gateway_without_its_unit_is_no_answer() -> None:
    async with a_device() as device:
        driver = a_driver(device.url, TWO)
        await driver.open()
        device.refusal = 11
        assert "the unit does not answer (0B). Is the unit on?" in str(
            await fails(driver)
        )
        assert driver.is_open
        await driver.close()


async def test_what_is_read_every_third_cycle_is_not_in_the_others() -> None:
    async with a_device() as device:
        channels = {"a": {"holding": 1}, "slow": {"at": {"holding": 2}, "every": 3}}
        driver = a_driver(device.url, channels)
        await driver.open()
        found = [[*(await driver.exchange(Read(n))).values] for n in range(4)]
        assert found == [["a", "slow"], ["a"], ["a"], ["a", "slow"]]
        await driver.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "modbus-tcp://127.0.0.1?unit=x",
            "option unit of the connection: Input sh",
        ),
        ("modbus-tcp://127.0.0.1?units=1", "no such option of the connection: units"),
        ("modbus-tcp://", "modbus-tcp://HOST is wanted"),
        ("modbus-rtu-tcp://127.0.0.1", "modbus-rtu-tcp://HOST:PORT is wanted"),
        ("modbus-rtu-tcp://127.0.0.1:1?unit=0", "option unit of"),
        ("modbus-rtu://ttyUSB0", "modbus-rtu:///dev/ttyUSB0 is wanted"),
        ("modbus-rtu:///dev/x?parity=X", "option parity of"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        a_driver(url, TWO)


def test_an_input_register_cannot_be_written() -> None:
    with pytest.raises(ValueError, match=r"channels\.a: write: input 3 can only be"):
        a_driver("modbus-tcp://127.0.0.1", {"a": {"at": {"input": 3}, "write": True}})


def test_the_longest_cycle_has_time_for_all_blocks_and_all_units() -> None:
    site = OneSite()
    url = "modbus-rtu-tcp://127.0.0.1:1?silence=0.5"
    channels = {"a": {"holding": 1}, "b": {"holding": 9}}
    one = a_driver(f"{url}&unit=1", channels, site=site, timeout=1.0)
    a_driver(f"{url}&unit=2", channels, site=site, timeout=2.0)
    assert one.longest_cycle == 3 * (2.5 + 4.5)  # type: ignore[attr-defined]
    alone = a_driver("modbus-tcp://127.0.0.1", channels, timeout=1.0, retries=2)
    assert alone.longest_cycle == 3 * 3 * 1.0  # type: ignore[attr-defined]
