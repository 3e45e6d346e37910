"""A link to an instrument that speaks in lines over TCP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from daqpv.errors import NoAnswerError, NotConnectedError, ProtocolError
from daqpv.links.line import LineLink

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(serve: Serve) -> AsyncIterator[str]:
    """A server on loopback; gives its address."""
    tasks: set[asyncio.Task[None]] = set()

    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(*answers: bytes) -> Serve:
    """A server that gives these answers, one for each line, on each connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\n")
            writer.write(answer)
        await reader.read()

    return serve


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = writer.get_extra_info("peername")[1]
    while line := await reader.readline():
        writer.write(b"%d %s" % (peer, line))


async def until_it_has_input(link: LineLink) -> None:
    async with asyncio.timeout(10):
        while not link.has_input:  # noqa: ASYNC110 - a property, no event
            await asyncio.sleep(0)


async def test_an_answer_comes_without_its_end() -> None:
    async with served(answering(b"1.2E-5\r\n")) as address:
        link = LineLink("Beamline", address)
        async with link:
            assert await link.ask("PR1") == "1.2E-5"


async def test_the_connection_stays_open() -> None:
    async with served(echo) as address, LineLink("Beamline", address) as link:
        ports = {(await link.ask("PR1")).split()[0] for _ in range(3)}
        assert len(ports) == 1


async def test_exchanges_that_come_together_go_one_after_the_other() -> None:
    async with served(echo) as address, LineLink("Beamline", address) as link:
        answers = await asyncio.gather(*(link.ask(f"PR{n}") for n in range(20)))
        assert [one.split()[1] for one in answers] == [f"PR{n}" for n in range(20)]


async def test_nobody_there_is_said_with_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        port = taken.getsockname()[1]
        link = LineLink("Beamline", f"tcp://127.0.0.1:{port}")
        with pytest.raises(NotConnectedError, match=f"Beamline at 127.0.0.1:{port}"):
            await link.ask("PR1")


async def test_no_answer_in_time_is_said_with_the_question() -> None:
    async with served(answering(b"")) as address:
        link = LineLink("Beamline", address, timeout=0.05)
        with pytest.raises(NoAnswerError, match=r"not answered 'PR1' in 0\.05 s") as no:
            await link.ask("PR1")
        assert no.value.timed_out


async def test_a_late_answer_is_not_the_answer_to_the_next_question() -> None:
    release = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line.startswith(b"first"):
                await release.wait()
            writer.write(line)

    async with (
        served(late) as address,
        LineLink("Beamline", address, timeout=0.2) as link,
    ):
        with pytest.raises(NoAnswerError):
            await link.ask("first")
        release.set()
        assert await link.ask("second") == "second"


async def test_what_nobody_asked_for_is_not_an_answer() -> None:
    greeted = 0

    async def greeting(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal greeted
        while line := await reader.readline():
            writer.write(line + b"unsolicited\r\n" * (greeted == 0))
            greeted += 1

    async with served(greeting) as address, LineLink("Beamline", address) as link:
        assert await link.ask("one") == "one"
        await until_it_has_input(link)
        assert await link.ask("two") == "two"


async def test_a_cancelled_exchange_leaves_nothing_behind() -> None:
    async with served(echo) as address, LineLink("Beamline", address) as link:
        await link.ask("zero")
        asking = asyncio.ensure_future(link.ask("one"))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert (await link.ask("two")).endswith(" two")


async def test_a_connection_that_is_cut_is_made_anew() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())

    async with served(once) as address, LineLink("Beamline", address) as link:
        for question in ("one", "two"):
            assert await link.ask(question) == question
            await until_it_has_input(link)


async def test_a_connection_that_is_cut_in_an_exchange_is_no_answer() -> None:
    async def hangs_up(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readline()
        writer.write(b"half an ans")

    async with served(hangs_up) as address:
        link = LineLink("Beamline", address)
        with pytest.raises(NoAnswerError, match="closed the connection") as no:
            await link.ask("PR1")
        assert not no.value.timed_out


async def test_garbage_is_a_sentence() -> None:
    async with served(answering(b"\xff\x00\x1b[2J\r\n")) as address:
        link = LineLink("Beamline", address)
        with pytest.raises(ProtocolError, match="not ASCII text") as no:
            await link.ask("PR1")
        assert str(no.value).isprintable()


async def test_an_answer_without_an_end_is_given_up() -> None:
    async with served(answering(b"9" * 5000)) as address:
        link = LineLink("Beamline", address, longest=1000)
        with pytest.raises(ProtocolError, match="more than 1000 bytes"):
            await link.ask("PR1")


async def test_a_command_without_an_answer_waits_for_none() -> None:
    heard = asyncio.Queue[bytes]()

    async def listens(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while line := await reader.readline():
            heard.put_nowait(line)

    async with (
        served(listens) as address,
        LineLink("Beamline", address, end="\n") as link,
    ):
        await link.tell("SP 1")
        assert await heard.get() == b"SP 1\n"


@pytest.mark.parametrize("line", ["PR1\r\nPR2", "pressão"])
async def test_a_question_is_one_ascii_line(line: str) -> None:
    link = LineLink("Beamline", "tcp://127.0.0.1:9")
    with pytest.raises(ValueError, match=r"line|ascii"):
        await link.ask(line)


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:4001", "tcp://host", "udp://h:1", "tcp://h:1/x"]
)
def test_an_address_is_checked(address: str) -> None:
    with pytest.raises(ValueError, match="tcp://HOST:PORT"):
        LineLink("Beamline", address)
