"""Instruments that speak in lines: UDP, those that connect to us, shared converters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from daqpv.errors import NoAnswerError, NotConnectedError
from daqpv.instruments.driver import Frame, Read
from daqpv.instruments.lines.driver import LineDriver
from daqpv.links.stream.kinds import TCP_LISTEN, UDP
from tests.support.ports import free_port
from tests.support.talker import Device, Heard, Site, driver, opened
from tests.support.waiting import soon

PRESSURE: dict[str, Any] = {
    "read": {"ask": "PR1", "answer": "{p:g}"},
    "channels": {"p": {}},
}


class Box(asyncio.DatagramProtocol):
    """An instrument on UDP."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self.answer = answer
        self.peers: list[Any] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.peers.append(addr)
        answer = self.answer(data)
        if answer is not None:
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def box(
    answer: Callable[[bytes], bytes | None],
) -> AsyncIterator[tuple[Box, str]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Box(answer), ("127.0.0.1", 0)
    )
    yield protocol, f"udp://127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    transport.close()


@pytest.mark.parametrize("answer", [b"1.5", b"1.5\r\n"])
async def test_a_datagram_is_an_answer(answer: bytes) -> None:
    async with (
        box(lambda data: answer if data == b"PR1\r\n" else None) as (_, address),
        opened(driver(address, kind=UDP, **PRESSURE)) as gauge,
    ):
        assert (await gauge.exchange(Read())).values == {"p": 1.5}


async def test_a_late_datagram_goes_to_a_port_that_is_closed() -> None:
    async with box(lambda data: None) as (instrument, address):
        gauge = driver(address, kind=UDP, timeout=0.1, **PRESSURE)
        async with opened(gauge):
            with pytest.raises(NoAnswerError):
                await gauge.exchange(Read())
            assert not gauge.is_open
            await gauge.open()
            instrument.transport.sendto(b"9", instrument.peers[0])
            instrument.answer = lambda data: b"1.5"
            assert (await gauge.exchange(Read())).values == {"p": 1.5}


async def test_nothing_listens_for_datagrams() -> None:
    gauge = driver(f"udp://127.0.0.1:{free_port()}", kind=UDP, timeout=30, **PRESSURE)
    async with opened(gauge):
        with pytest.raises((NoAnswerError, NotConnectedError)) as caught:
            await gauge.exchange(Read())
    assert "gauge" in str(caught.value)
    assert "refused" in str(caught.value)


async def test_datagrams_that_come_unasked_to_our_own_port() -> None:
    local = free_port()
    async with box(lambda data: None) as (instrument, address):
        heard = Heard()
        gauge = driver(
            f"{address}?local={local}",
            kind=UDP,
            stream={"answer": "T={t:g}"},
            channels={"t": {}},
        )
        gauge.listen(heard)
        async with opened(gauge):
            instrument.transport.sendto(b"T=1\r\nT=2", ("127.0.0.1", local))
            await soon(lambda: len(heard.frames) == 2, "two lines")
    assert [frame.values for frame in heard.frames] == [{"t": 1}, {"t": 2}]


class Caller(asyncio.Protocol):
    """An instrument that connects to us, and answers."""

    asked = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.asked += 1
        self.transport.write(b"ACME\r\n" if data.startswith(b"ID") else b"1.5\r\n")


async def call(port: int) -> Caller:
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(Caller, "127.0.0.1", port))[1]


async def test_an_instrument_that_connects_to_us_again_and_again() -> None:
    port = free_port()
    address = f"tcp-listen://127.0.0.1:{port}"
    gauge = driver(
        address, kind=TCP_LISTEN, init={"ask": "ID", "answer": "ACME"}, **PRESSURE
    )
    heard = Heard()
    gauge.listen(heard)
    async with opened(gauge):
        for number in range(1, 4):
            with pytest.raises(NotConnectedError, match="has not connected"):
                await gauge.exchange(Read())
            assert gauge.is_open  # and listens
            instrument = await call(port)
            await soon(lambda: gauge._line.is_connected, "the connection")
            assert (await gauge.exchange(Read())).values == {"p": 1.5}
            assert instrument.asked == 2  # `init` each time
            instrument.transport.close()
            await soon(lambda n=number: len(heard.losses) == n, "the loss")  # type: ignore[misc]


async def test_an_instrument_that_connects_once_more() -> None:
    """It was switched off and on: the first connection is dead, and nobody knows."""
    port = free_port()
    heard = Heard()
    gauge = driver(f"tcp-listen://:{port}", kind=TCP_LISTEN, **PRESSURE)
    gauge.listen(heard)
    async with opened(gauge):
        for _ in range(2):
            instrument = await call(port)
            await soon(lambda: gauge._line.is_connected, "the connection")
            await gauge.exchange(Read())
        assert "once more" in str(heard.losses[0])
        instrument.transport.close()


async def test_lines_of_an_instrument_that_connects_to_us() -> None:
    port = free_port()
    heard = Heard()
    gauge = driver(
        f"tcp-listen://:{port}",
        kind=TCP_LISTEN,
        stream={"answer": "T={t:g}"},
        channels={"t": {}},
    )
    gauge.listen(heard)
    async with opened(gauge):
        instrument = await call(port)
        instrument.transport.write(b"T=1\r\nT=2\r\n")
        await soon(lambda: len(heard.frames) == 2, "two lines")
        assert (await gauge.exchange(Read())).good == 0
        instrument.transport.close()


async def test_the_port_for_instruments_is_taken() -> None:
    async with Device(lambda line: None).listening() as device:
        address = f"tcp-listen://127.0.0.1:{device.port}"
        gauge = driver(address, kind=TCP_LISTEN, **PRESSURE)
        with pytest.raises(NotConnectedError, match="Does another program"):
            await gauge.open()
        await gauge.close()


def on(device: Device, site: Site, number: int) -> LineDriver:
    return driver(
        device.address + "?shared=yes",
        site=site,
        timeout=0.4,
        read={"ask": f"@{number}P?", "answer": "{p:g}"},
        channels={"p": {}},
    )


async def test_instruments_behind_a_converter_share_a_connection() -> None:
    answers = {b"@1P?": b"1\r\n", b"@2P?": b"2\r\n"}
    site = Site()
    async with Device(answers.get).listening() as device:
        gauges = [on(device, site, number) for number in (1, 2, 3)]
        for gauge in gauges:
            await gauge.open()
        for _ in range(3):
            frames = await asyncio.gather(
                *(gauge.exchange(Read()) for gauge in gauges), return_exceptions=True
            )
            assert isinstance(frames[2], NoAnswerError)
            assert [f.values["p"] for f in frames[:2] if isinstance(f, Frame)] == [1, 2]
        assert len(device.clients) == 1
        for gauge in gauges:
            await gauge.close()


async def test_a_late_answer_of_one_is_not_for_the_other() -> None:
    site = Site()
    async with Device({b"@2P?": b"2\r\n"}.get).listening() as device:
        late, good = on(device, site, 1), on(device, site, 2)
        async with opened(late), opened(good):
            with pytest.raises(NoAnswerError):
                await late.exchange(Read())
            reading = asyncio.create_task(good.exchange(Read()))
            device.send(b"1\r\n")
            assert (await reading).values == {"p": 2}


async def test_the_loss_of_a_converter_is_told_to_all() -> None:
    site = Site()
    answers = {b"@1P?": b"1\r\n", b"@2P?": b"2\r\n"}
    async with Device(answers.get).listening() as device:
        gauges = [on(device, site, number) for number in (1, 2)]
        heard = [Heard(), Heard()]
        for gauge, one in zip(gauges, heard, strict=True):
            gauge.listen(one)
            await gauge.open()
        device.hang_up()
        await soon(lambda: all(one.losses for one in heard), "the loss")
        await gauges[0].open()
        assert not gauges[1].is_open  # what it needs at the start was not sent
        await gauges[1].open()
        frames = [await gauge.exchange(Read()) for gauge in gauges]
        assert [frame.values["p"] for frame in frames] == [1, 2]
        for gauge in gauges:
            await gauge.close()


async def test_turns_are_fair() -> None:
    """One that asks without a pause does not hold up the other."""
    site = Site()
    answers = {b"@1P?": b"1\r\n", b"@2P?": b"2\r\n"}
    async with Device(answers.get).listening() as device:
        greedy, modest = on(device, site, 1), on(device, site, 2)
        async with opened(greedy), opened(modest):

            async def ask_always() -> None:
                while True:
                    await greedy.exchange(Read())

            asking = asyncio.create_task(ask_always())
            await soon(lambda: len(device.asked) > 20, "questions")
            before = len(device.asked)
            await modest.exchange(Read())
            assert device.asked.index(b"@2P?") - before <= 2
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking


async def test_a_cancelled_exchange_leaves_no_answer_for_the_next() -> None:
    answers: dict[bytes, bytes] = {}
    async with Device(answers.get).listening() as device:
        gauge = driver(device.address, timeout=2, **PRESSURE)
        async with opened(gauge):
            asking = asyncio.create_task(gauge.exchange(Read()))
            await soon(lambda: device.asked, "the question")
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert not gauge.is_open
            answers[b"PR1"] = b"1.5\r\n"
            device.send(b"9\r\n")
            await gauge.open()
            assert (await gauge.exchange(Read())).values == {"p": 1.5}
