"""The bytes that leave: gSOAP drops prefixed children without a word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from daqpv.ecc import ConfigId, DataLink, Operation
from daqpv.errors import ProtocolError
from daqpv.links.soap.ecc import EccSoapLink

LONG = 20.0  # [s] a deadline that no test is meant to meet
ANSWER = b"HTTP/1.1 500 Enough\r\nContent-Length: 0\r\n\r\n"

Serving = Callable[..., AbstractAsyncContextManager[Any]]

HEAD = (
    "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    "Content-Type: text/xml; charset=utf-8\r\n"
    'SOAPAction: ""\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n'
)
ASKED = (
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    '<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns="urn:ecc"><soap-env:Body>{}</soap-env:Body></soap-env:Envelope>'
)
CONFIG_XML = (
    '&lt;ConfigId&gt;&lt;SubConfigId type="describe"&gt;cobo0&lt;/SubConfigId&gt;'
    '&lt;SubConfigId type="prepare"&gt;R&amp;amp;D&lt;/SubConfigId&gt;'
    '&lt;SubConfigId type="configure"&gt;e20009&lt;/SubConfigId&gt;&lt;/ConfigId&gt;'
)
LINKS_XML = (
    '&lt;DataLinkSet&gt;&lt;DataLink&gt;&lt;DataSender id="CoBo[0]"/&gt;'
    '&lt;DataRouter name="data0" ipAddress="192.168.41.60" port="46005" type="TCP"/&gt;'
    '&lt;/DataLink&gt;&lt;DataLink&gt;&lt;DataSender id="CoBo[0]"/&gt;'
    '&lt;DataRouter name="a&amp;quot;b" ipAddress="192.168.41.60" port="46007" '
    'type="ICE"/&gt;&lt;/DataLink&gt;&lt;/DataLinkSet&gt;'
)
CONFIG = ConfigId("cobo0", "R&D", "e20009")
LINKS = (
    DataLink("CoBo[0]", "data0", "192.168.41.60", 46005, "TCP"),
    DataLink("CoBo[0]", 'a"b', "192.168.41.60", 46007, "ICE"),
)


Call = Callable[[EccSoapLink], Awaitable[object]]
Sent = Callable[[Call], Awaitable[str]]


@pytest.fixture
def sent(serving: Serving) -> Sent:
    """The body that a call sends; its head is checked on the way."""

    async def sent(call: Call) -> str:
        async with serving(ANSWER) as peer:
            with pytest.raises(ProtocolError, match="500 Enough"):
                await call(peer.link)
        (request,) = peer.requests
        head, gap, body = request.partition(b"\r\n\r\n")
        assert head + gap == HEAD.format(port=peer.port, size=len(body)).encode()
        return str(body, "utf-8")

    return sent


@pytest.mark.parametrize("operation", Operation)
async def test_an_operation_leaves_with_plain_names_and_escaped_texts(
    sent: Sent, operation: Operation
) -> None:
    name = operation.value
    assert await sent(
        lambda link: link.operate(operation, CONFIG, LINKS, timeout=LONG)
    ) == ASKED.format(
        f"<{name}><configID>{CONFIG_XML}</configID><table>{LINKS_XML}</table></{name}>"
    )
    assert await sent(
        lambda link: link.operate(operation, None, LINKS, timeout=LONG)
    ) == ASKED.format(f"<{name}><configID></configID><table></table></{name}>")


@pytest.mark.parametrize(
    ("call", "element"),
    [
        (lambda link: link.state(timeout=LONG), "<GetState/>"),
        (lambda link: link.configs(timeout=LONG), "<GetConfigIDs/>"),
        (lambda link: link.exit(timeout=LONG), "<ServerExit/>"),
        (
            lambda link: link.special("asad-inject 100 <µ>", timeout=LONG),
            "<Special><command>asad-inject 100 &lt;µ&gt;</command>"
            "<table></table></Special>",
        ),
    ],
)
async def test_every_other_request_leaves_with_plain_names(
    sent: Sent, call: Call, element: str
) -> None:
    assert await sent(call) == ASKED.format(element)


async def test_the_path_of_the_address_is_kept(serving: Serving) -> None:
    async with serving(ANSWER) as peer:
        link = EccSoapLink("CoBo0", f"{peer.url}the way/é%20?a=b c#d")
        with pytest.raises(ProtocolError):
            await link.state(timeout=LONG)
    assert peer.requests[0].startswith(b"POST /the%20way/%C3%A9%20?a=b%20c HTTP/1.1\r")


async def test_a_request_of_megabytes_leaves_whole(sent: Sent) -> None:
    links = LINKS * 20_000
    body = await sent(
        lambda link: link.operate(Operation.CONFIGURE, CONFIG, links, timeout=LONG)
    )
    assert body.count("&lt;/DataLink&gt;") == len(links)


async def test_a_configuration_with_an_empty_part_is_not_sent(serving: Serving) -> None:
    config = ConfigId("a", "", "c")
    async with serving(ANSWER) as peer:
        with pytest.raises(ValueError, match="the configuration a//c has no prepare"):
            await peer.link.operate(Operation.PREPARE, config, (), timeout=LONG)
    assert peer.requests == []
