"""An answer is read whatever else hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from daqpv.core.threads import Crew
from daqpv.ecc import ConfigId
from daqpv.errors import NoAnswerError
from daqpv.links.files.config_files import ConfigFiles
from daqpv.links.soap import xml as ecc_xml

LONG = 20.0  # [s] a deadline that no test is meant to meet

Serving = Callable[..., AbstractAsyncContextManager[Any]]

CONFIG = ConfigId("d", "p", "c")
ANSWER = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<e:ResponseText xmlns:e="urn:ecc"><ErrorCode>0</ErrorCode><ErrorMessage/>'
    f"<Text>{'x' * 200_000}</Text></e:ResponseText></s:Body></s:Envelope>"
).encode()
HTTP = b"HTTP/1.0 200 OK\r\n\r\n" + ANSWER


class Configured:
    """An ECC server with a configuration."""

    def __init__(self, number: int) -> None:
        self.name = f"CoBo{number}"
        self.configured = ""
        self.snapshot = self
        self.config = CONFIG


async def test_a_dead_disk_takes_no_thread_from_a_long_answer(
    tmp_path: Path, serving: Serving, dead_file: Callable[[Path], Any]
) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    folder.joinpath("describe-d.xcfg").write_text("<describe/>")
    disk = dead_file(folder / "describe-d.xcfg")
    reading = []
    for n in range(40):
        files = ConfigFiles(Configured(n), str(folder), Crew("the disk"))  # type: ignore[arg-type]
        reading.append(asyncio.create_task(files.texts()))
    async with asyncio.timeout(LONG):
        while not disk.hangs_somebody:  # noqa: ASYNC110 - it is of the kernel
            await asyncio.sleep(0.001)
    async with serving(HTTP) as peer, asyncio.timeout(LONG):
        answer = await peer.link.special("help", timeout=LONG)
    assert len(answer.text) == 200_000
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    disk.revive()


async def test_the_deadline_counts_for_reading_a_long_answer(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(operation: str, body: bytes) -> None:
        asyncio.run_coroutine_threadsafe(free.wait(), loop).result(LONG)

    monkeypatch.setattr(ecc_xml, "operation_answer", slow)
    async with serving(HTTP) as peer:
        with pytest.raises(
            NoAnswerError, match=r"CoBo0 at .*: the answer to Special .* in 0\.5 s"
        ) as caught:
            await peer.link.special("help", timeout=0.5)
        assert caught.value.timed_out
    free.set()
