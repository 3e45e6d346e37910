"""A simulated ECC server, and a client that knows literal bytes only."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from html import unescape

from daqpv.sim.ecc import EccSimulator

CONFIG = (
    '<ConfigId><SubConfigId type="describe">cobo0</SubConfigId>'
    '<SubConfigId type="prepare">e20009</SubConfigId>'
    '<SubConfigId type="configure">e20009</SubConfigId></ConfigId>'
)
LINKS = (
    '<DataLinkSet><DataLink><DataSender id="CoBo[0]"/><DataRouter name="data0" '
    'ipAddress="192.168.41.60" port="46005" type="TCP"/></DataLink></DataLinkSet>'
)
WAYS = {
    1: "",
    2: "Describe",
    3: "Describe Prepare",
    4: "Describe Prepare Configure",
    5: "Describe Prepare Configure Start",
    6: "Describe Prepare Configure Start Pause",
}
CODES = {
    "Describe": 1,
    "Prepare": 2,
    "Configure": 3,
    "Start": 4,
    "Stop": 5,
    "Pause": 6,
    "Resume": 7,
    "Breakup": 8,
    "Undo": 9,
}
DEADLINE = 30.0  # [s] for whatever a busy machine may take
_TEXT = re.compile(
    "<ecc:ResponseText><ErrorCode>([0-9]+)</ErrorCode>"
    "(?:<ErrorMessage/>|<ErrorMessage>([^<]*)</ErrorMessage>)"
    "(?:<Text/>|<Text>([^<]*)</Text>)</ecc:ResponseText>"
)
_STATE = re.compile(
    "<ecc:ResponseState><ErrorCode>([0-9]+)</ErrorCode>"
    "(?:<ErrorMessage/>|<ErrorMessage>([^<]*)</ErrorMessage>)"
    "<State>([0-9])</State><Transition>([0-9])</Transition></ecc:ResponseState>"
)
Text = tuple[int, str, str]


def request(method: str, *arguments: tuple[str, str]) -> bytes:
    inner = "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in arguments)
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<e:{method} xmlns:e="urn:ecc">{inner}</e:{method}></s:Body></s:Envelope>'
    ).encode()
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Client:
    """Talks to one simulator, over a new connection each time."""

    def __init__(self, simulator: EccSimulator) -> None:
        self.simulator = simulator

    async def exchange(self, data: bytes) -> str:
        reader, writer = await asyncio.open_connection(
            self.simulator.host, self.simulator.port
        )
        try:
            writer.write(data)
            async with asyncio.timeout(DEADLINE):
                return (await reader.read()).decode()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def do(self, method: str, config: str = CONFIG, table: str = LINKS) -> Text:
        """Code, message and text of an operation."""
        answer = await self.exchange(
            request(method, ("configID", config), ("table", table))
        )
        found = _TEXT.search(answer)
        assert found, answer
        code, message, text = found.groups(default="")
        return int(code), unescape(message), unescape(text)

    async def special(self, command: str) -> Text:
        answer = await self.exchange(
            request("Special", ("command", command), ("table", ""))
        )
        found = _TEXT.search(answer)
        assert found, answer
        return int(found[1]), unescape(found[2] or ""), found[3] or ""

    async def state(self) -> tuple[int, str, int, int]:
        """Code, message, State and Transition of GetState."""
        found = _STATE.search(await self.exchange(request("GetState")))
        assert found
        return int(found[1]), found[2] or "", int(found[3]), int(found[4])

    async def walk(self, way: str) -> None:
        for method in way.split():
            assert (await self.do(method))[:2] == (0, "")


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition()` is true."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.001)
