"""A router as the surveyor's page shows it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daqpv.errors import NotConnectedError, OperationError, ProtocolError
from daqpv.links.http import router_page
from daqpv.links.http.router_page import PageRouterLink
from daqpv.links.ssh.connections import SshHost
from daqpv.links.ssh.router import SshRouterLink
from tests.support.sshd import write
from tests.support.waiting import DEADLINE

PAGE = b"""1
/Users/attpc/data
Filesystem    512-blocks      Used Available Capacity  Mounted on
/dev/disk1s1   976490568 400000000 500000000    45%    /
total 3145728
-rw-r--r--  1 attpc  staff  1073741824 Nov 20 18:34 CoBo0_AsAd0_2026_0000.graw
-rw-r--r--  1 attpc  staff        1000 Nov 20 18:35 two words.graw
-rw-r--r--  1 attpc  staff        4242 Jan  1  2020 CoboFormats.xcfg
drwxr-xr-x  1 attpc  staff          64 Nov 20 18:35 folder.graw
"""


class Page:
    """A web server with one page."""

    def __init__(self) -> None:
        self.text = PAGE
        self.status = b"200 OK"
        self.asked: list[bytes] = []
        self.url = ""

    async def answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (self.status, len(self.text)) + self.text)
        writer.close()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Page]:
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{port}/~attpc/surveyor.html"
            yield self


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with Page().served() as page:
        yield page


async def test_the_page_says_files_and_disk(page: Page) -> None:
    seen = await PageRouterLink("data0", page.url).observe(timeout=DEADLINE)
    assert seen is not None
    assert page.asked == [b"GET /~attpc/surveyor.html HTTP/1.1"]
    assert seen.directory == b"/Users/attpc/data"
    assert [(file.name, file.size) for file in seen.files] == [
        (b"CoBo0_AsAd0_2026_0000.graw", 1073741824),
        (b"two words.graw", 1000),
    ]
    assert seen.disk.size == 976490568 * 512
    assert seen.disk.free == 500000000 * 512
    assert seen.disk.used == pytest.approx(44.4, abs=0.1)
    assert math.isnan(seen.clock_offset)


@pytest.mark.parametrize(
    ("heading", "block"),
    [(b"1024-blocks", 1024), (b"1K-blocks", 1024), (b"Size", 512)],
)
async def test_how_large_a_block_is_stands_in_the_heading(
    page: Page, heading: bytes, block: int
) -> None:
    page.text = PAGE.replace(b"512-blocks", heading)
    seen = await PageRouterLink("data0", page.url).observe(timeout=DEADLINE)
    assert seen is not None
    assert seen.disk.size == 976490568 * block


async def test_an_empty_page_says_nothing_new(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = PageRouterLink("data0", page.url)
    page.text = b"\n"
    assert await link.observe(timeout=DEADLINE) is None
    monkeypatch.setattr(router_page, "EMPTY", 0.0)
    with pytest.raises(ProtocolError, match="has been empty for"):
        await link.observe(timeout=DEADLINE)


async def test_a_router_that_is_offline_is_said(page: Page) -> None:
    page.text = b"0\n"
    with pytest.raises(NotConnectedError, match="its page says that the router is off"):
        await PageRouterLink("data0", page.url).observe(timeout=DEADLINE)


@pytest.mark.parametrize(
    "text", [b"2\n", b"<html>It works!</html>", b"1\n", b"1\n\n\n\n\n", b"\xff"]
)
async def test_another_page_is_said(page: Page, text: bytes) -> None:
    page.text = text
    with pytest.raises(ProtocolError, match="its page is not a surveyor's"):
        await PageRouterLink("data0", page.url).observe(timeout=DEADLINE)


async def test_a_page_that_is_not_there_is_said(page: Page) -> None:
    page.status = b"404 Not Found"
    with pytest.raises(ProtocolError, match="its page is HTTP 404 Not Found"):
        await PageRouterLink("data0", page.url).observe(timeout=DEADLINE)


async def test_a_page_alone_moves_nothing(page: Page) -> None:
    link = PageRouterLink("data0", page.url)
    with pytest.raises(OperationError, match="give its watch an ssh beside the page"):
        await link.move(b"/data", [], "exp/run_0001", timeout=DEADLINE)


async def test_files_are_moved_over_ssh(
    page: Page, host: SshHost, staging: Path
) -> None:
    write(staging, "a.graw")
    page.text = PAGE.replace(b"/Users/attpc/data", str(staging).encode())
    link = PageRouterLink("data0", page.url, actions=SshRouterLink("data0", host))
    async with link:
        seen = await link.observe(timeout=DEADLINE)
        assert seen is not None
        moved = await link.move(
            seen.directory, [b"a.graw"], "exp/run_0001", timeout=DEADLINE
        )
        assert await link.has(seen.directory, "exp", "run_0001", timeout=DEADLINE)
    assert [file.name for file in moved.there] == [b"a.graw"]
