"""The log of a device's own program: what is shown of it, and who is told what."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core import Device, DeviceSnapshot, Event, Events, EventSeverity, Result
from daqpv.errors import NotConnectedError, OperationError, RefusedError
from daqpv.remote_log import LINES, SIZE, RemoteLog, newest

# What is shown of a log


def test_the_last_fifty_lines_are_shown_the_newest_last() -> None:
    text = newest(b"".join(b"line %d\n" % n for n in range(100)))
    assert text.splitlines() == [f"line {n}" for n in range(50, 100)]


def test_fifty_ordinary_lines_fit() -> None:
    lines = [f"{n:03}" + 316 * "x" for n in range(LINES)]
    assert newest("\n".join(lines).encode()).splitlines() == lines


def test_of_what_is_too_long_the_newest_is_shown() -> None:
    text = newest(b"".join(b"%d %s\n" % (n, 2000 * b"x") for n in range(20)))
    assert text.startswith("...xxx")
    assert text.splitlines()[-1].startswith("19 x")
    assert newest(20 * SIZE * b"x" + b"end") == "..." + (SIZE - 7) * "x" + "end"


def test_a_log_of_any_program_is_readable() -> None:
    log = b"caf\xe9\r\n\tat \x1b[2J\x00\r\n"
    assert newest(log) == "caf\ufffd\n        at \\x1b[2J\\x00"
    assert newest(b"") == ""


@given(
    st.one_of(st.binary(), st.binary(min_size=500, max_size=900)), st.integers(1, 80)
)
def test_whatever_the_bytes_they_are_a_text_that_fits(part: bytes, times: int) -> None:
    text = newest(part * times)
    assert len(text.encode()) < SIZE
    assert len(text.split("\n")) <= LINES
    assert not _controls(text)


def _controls(text: str) -> set[str]:
    return {c for c in text if c != "\n" and (c < " " or "\x7f" <= c < "\xa0")}


# Who is told what


class File:
    """The log on its computer; it is read when somebody lets it."""

    def __init__(self) -> None:
        self.missing = ""
        self.log = b"one\ntwo\n"
        self.error: Exception | None = None
        self.asked = 0
        self.go = asyncio.Event()
        self.go.set()

    async def read(self) -> bytes:
        self.asked += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return self.log


class Watched:
    """A device, its log, and all that they told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        events = Events()
        events.add(self.events.append)
        self.owner: Device[Any] = Device(
            "CoBo0", DeviceSnapshot(), events=events, prefix="AT:ECC:CoBo0:"
        )
        self.file = File()
        self.log = RemoteLog(self.owner, self.file, events=events)

    @property
    def text(self) -> str:
        return self.log.snapshot.text

    async def fails(self, why: str) -> None:
        self.file.error = NotConnectedError(why)
        with pytest.raises(OperationError):
            await self.log.read()
        self.file.error = None


@pytest.fixture
async def watched() -> Watched:
    return Watched()


async def test_it_is_shown_and_the_device_is_as_it_was(watched: Watched) -> None:
    before = watched.owner.snapshot
    await watched.log.read()
    assert watched.text == "one\ntwo"
    assert watched.owner.snapshot == before
    (event,) = watched.events
    assert (event.device, event.name) == ("AT:ECC:CoBo0", "command")


async def test_the_same_text_read_again_is_newer(watched: Watched) -> None:
    await watched.log.read()
    first = watched.log.snapshot.time
    await watched.log.read()
    assert watched.log.snapshot.time > first
    assert watched.log.snapshot.observed == {"text"}


async def test_a_failure_is_said_by_last_error_alone(watched: Watched) -> None:
    await watched.log.read()
    before = watched.owner.snapshot
    await watched.fails("mac0: connection refused")
    assert watched.text == "one\ntwo"
    now = watched.owner.snapshot
    assert now.last_error.endswith(
        "CoBo0: its log cannot be read: mac0: connection refused"
    )
    assert (now.result, now.result_count, now.message, now.errors) == (
        before.result, before.result_count, before.message, before.errors,
    )  # fmt: skip
    assert watched.events[-1].severity is EventSeverity.ERROR


async def test_its_failure_is_forgotten_when_it_succeeds(watched: Watched) -> None:
    await watched.fails("mac0: connection refused")
    await watched.log.read()
    assert watched.owner.snapshot.last_error == ""


async def test_a_failure_of_the_device_is_not_forgotten(watched: Watched) -> None:
    await watched.fails("mac0: connection refused")
    watched.owner.failed("operation", "no power")
    said = watched.owner.snapshot.last_error
    await watched.log.read()
    assert watched.owner.snapshot.last_error == said


async def test_while_a_command_of_the_device_runs_it_runs_on(watched: Watched) -> None:
    with watched.owner.command("go to Ready"):
        await watched.fails("mac0: connection refused")
        await watched.log.read()
        assert watched.text == "one\ntwo"
        running = watched.owner.snapshot
        assert running.result is Result.BUSY
        assert running.busy
    ended = watched.owner.snapshot
    assert ended.result is Result.DONE


async def test_who_asks_while_it_is_read_gets_the_same(watched: Watched) -> None:
    watched.file.go.clear()
    asked = [asyncio.ensure_future(watched.log.read()) for _ in range(3)]
    await asyncio.sleep(0)
    watched.file.go.set()
    await asyncio.gather(*asked)
    assert watched.file.asked == 1
    assert len(watched.events) == 1


async def test_where_it_is_has_to_be_in_the_file(watched: Watched) -> None:
    watched.file.missing = "ssh: user@host"
    with pytest.raises(RefusedError, match="say in the experiment file ssh: user@host"):
        await watched.log.read()
    assert watched.file.asked == 0
    assert "ssh: user@host" in watched.owner.snapshot.last_error
    assert watched.events[-1].severity is EventSeverity.WARNING


async def test_a_put_that_is_refused_before_it_is_said_by_the_device(
    watched: Watched,
) -> None:
    watched.log.refuse("put to AT:ECC:CoBo0:ReadLog", RefusedError("DISP is set"))
    assert watched.owner.snapshot.last_error.endswith("DISP is set")
    assert watched.owner.snapshot.result is Result.NONE
