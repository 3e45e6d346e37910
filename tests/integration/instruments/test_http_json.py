"""The driver of pages with a server on loopback: JSON, text, writes, faults."""

from __future__ import annotations

import datetime
import json
import math
import ssl
import threading
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from daqpv.errors import (
    LinkError,
    NoAnswerError,
    NotConnectedError,
    OperationError,
    ProtocolError,
)
from daqpv.instruments.driver import Fault
from daqpv.links.http.kinds import HTTP, HTTPS
from tests.support.drivers import Opened, instrument
from tests.support.pages import Pages, page, pages
from tests.support.ports import free_port

STATE = {"sensors": [{"t": 21.5, "ok": True}, {"t": None}], "trace": [1, 2, 3]}


@pytest.fixture
async def site() -> AsyncIterator[Pages]:
    async with pages() as server:
        server.answers["GET /state?all=1"] = page(json.dumps(STATE))
        yield server


def opened(site: Pages, channels: dict[str, Any], **keys: Any) -> Opened:
    url = f"http://127.0.0.1:{site.port}/state?all=1"
    return Opened(HTTP, url, channels=channels, **({"timeout": 20} | keys))


async def test_many_channels_take_one_request_per_page(site: Pages) -> None:
    site.answers["GET /other"] = page("  7.25 mbar\r\n")
    channels = {
        "t": {"at": "$.sensors[0].t"},
        "ok": {"at": "$.sensors[0].ok"},
        "trace": {"at": "$.trace", "type": "array", "length": 9},
        "all": {"at": "$.sensors[*].t", "type": "array", "length": 9},
        "text": {"at": "/other"},
        "p": {"at": {"url": "/other", "answer": "{value:g} mbar"}},
    }
    async with opened(site, channels) as server:
        site.requests.clear()
        values = await server.read()
    assert site.requests == ["GET /state?all=1", "GET /other"]
    assert values["t"] == 21.5
    assert values["ok"] is True
    assert np.array_equal(values["trace"], [1, 2, 3])
    assert isinstance(values["all"], Fault)  # null is no number
    assert values["text"] == "7.25 mbar"
    assert values["p"] == 7.25
    assert site.connections == 1  # it is kept


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ('{"a": null}', "$.a", "null"),
        ('{"a": 1}', "$.b", "no $.b"),
        ('{"a": [1, 2]}', "$.a[*]", "2 values at"),
        ('{"a": [1, 2]}', "$.a", "a list"),
        ('{"a": {}}', "$.a", "no value"),
        ('{"a": NaN}', "$.a", "nan"),
        ('{"a": -Infinity}', "$.a", "-inf"),
        ('{"a": 1e999}', "$.a", "inf"),
    ],
)
async def test_what_is_no_value_is_a_fault(
    site: Pages, body: str, path: str, words: str
) -> None:
    site.answers["GET /state?all=1"] = page(body)
    async with opened(site, {"a": {"at": path}}) as server:
        value = (await server.read())["a"]
    assert isinstance(value, Fault)
    assert words in value.words


@pytest.mark.parametrize(
    "body", ["<html>", "", "{", "[" * 100_000, "1" * 10_000, b"\xff\xfe"]
)
async def test_what_is_no_json_is_said(site: Pages, body: str | bytes) -> None:
    async with opened(site, {"a": {"at": "$.a"}}) as server:
        site.answers["GET /state?all=1"] = page(body)
        with pytest.raises(ProtocolError, match=r"GET /state cannot be used: it is no"):
            await server.read()
        assert server.driver.is_open


async def test_a_wrong_page_is_a_fault_of_its_channels_alone(site: Pages) -> None:
    channels = {"t": {"at": "$.sensors[0].t"}, "x": {"at": {"url": "/x", "path": "$"}}}
    async with opened(site, channels) as server:
        values = await server.read()
    assert values["t"] == 21.5
    assert isinstance(values["x"], Fault)
    assert "GET /x is answered by 404 Not Found (gone)" in values["x"].words


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("401 Unauthorized", "user and password"),
        ("404 Not Found", "path right"),
        ("500 Oops", "browser"),
        ("204 No Content", "no JSON"),
    ],
)
async def test_a_status_is_said_with_a_cure(
    site: Pages, status: str, cure: str
) -> None:
    async with opened(site, {"t": {"at": "$.t"}}) as server:
        site.answers["GET /state?all=1"] = page("", status=status)
        with pytest.raises(ProtocolError, match=cure) as refused:
            await server.read()
    assert "all=1" not in str(refused.value)  # a query may hold a secret


async def test_a_redirect_is_followed_within_the_server_alone(site: Pages) -> None:
    async with opened(site, {"t": {"at": "$.sensors[0].t"}}) as server:
        state = site.answers["GET /state?all=1"]
        moved = page("", "Location: /there/?a=b", status="302 Found")
        site.answers |= {"GET /state?all=1": moved, "GET /there/?a=b": state}
        assert await server.read() == {"t": 21.5}
        away = page("", "Location: http://example.org/x", status="301 Moved")
        site.answers["GET /state?all=1"] = away
        with pytest.raises(
            ProtocolError, match=r"another server, http://example.org/x"
        ):
            await server.read()
        circle = page("", "Location: /state?all=1", status="307 Here")
        site.answers["GET /state?all=1"] = circle
        with pytest.raises(ProtocolError, match="more than 3 times"):
            await server.read()


async def test_a_huge_answer_ends_at_its_limit(site: Pages) -> None:
    options = {"most": "10 kB"}
    async with opened(site, {"t": {"at": "$.t"}}, options=options) as server:
        site.answers["GET /state?all=1"] = page("x" * 20_000)
        with pytest.raises(ProtocolError, match=r"at most 10000|than the 10000"):
            await server.read()
        endless = b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 20_000
        site.answers["GET /state?all=1"] = endless
        with pytest.raises(ProtocolError, match="longer than the 10000 bytes"):
            await server.read()
        site.answers["GET /state?all=1"] = page('{"t": 1}')
        assert await server.read() == {"t": 1}


@pytest.mark.parametrize("answer", [None, page("x" * 99)[:-50]], ids=["none", "part"])
async def test_a_slow_answer_ends_in_time_and_becomes_no_others(
    site: Pages, answer: bytes | None
) -> None:
    async with opened(site, {"t": {"at": "$.sensors[0].t"}}) as server:
        driver: Any = server.driver
        state = site.answers["GET /state?all=1"]
        site.answers["GET /state?all=1"] = answer
        driver._timeout = 0.1
        with pytest.raises(NoAnswerError, match=r"GET /state in 0\.1 s") as late:
            await server.read()
        assert late.value.timed_out
        driver._timeout = 20
        site.answers["GET /state?all=1"] = state
        assert await server.read() == {"t": 21.5}
    assert site.connections == 2


async def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(
    site: Pages,
) -> None:
    async with opened(site, {"t": {"at": "$.sensors[0].t"}}) as server:
        for _ in range(3):
            site.drop()
            assert await server.read() == {"t": 21.5}
        site.is_closing = True
        for _ in range(3):
            assert await server.read() == {"t": 21.5}


async def test_a_server_that_ends_within_its_answer_is_said(site: Pages) -> None:
    site.is_closing = True
    async with opened(site, {"t": {"at": "$.sensors[0].t"}}) as server:
        site.answers["GET /state?all=1"] = page("x" * 99)[:-50]
        with pytest.raises(NoAnswerError, match="cut before") as cut:
            await server.read()
        assert not cut.value.timed_out


async def test_no_server_is_said() -> None:
    site = Pages()
    site.port = free_port()
    with pytest.raises(NotConnectedError, match="Nothing listens there"):
        async with opened(site, {}):
            pass


async def test_what_speaks_no_http_is_said(site: Pages) -> None:
    site.answers["GET /state?all=1"] = b"220 mail.lab ESMTP\r\n"
    with pytest.raises(ProtocolError, match="right port"):
        async with opened(site, {"t": {"at": "$.t"}}):
            pass


@pytest.mark.parametrize(
    ("write", "value", "request_", "body"),
    [
        ({"body": '{"v": {value}}'}, 1.5, "PUT /state?all=1", '{"v": 1.5}'),
        ({"body": '{"v": {value}}'}, 'a"b', "PUT /state?all=1", '{"v": "a\\"b"}'),
        ({"body": '{"v": "{value}"}'}, 'a"b', "PUT /state?all=1", '{"v": "a\\"b"}'),
        ({"body": '{"v": "{value}"}'}, 7, "PUT /state?all=1", '{"v": "7"}'),
        ({"body": '{"v": {value:.2f}}'}, 7, "PUT /state?all=1", '{"v": 7.00}'),
        ({"body": '{"v": {value:d}}'}, 7.0, "PUT /state?all=1", '{"v": 7}'),
        ({"body": '{"v": {value}}'}, True, "PUT /state?all=1", '{"v": true}'),
        (
            {
                "method": "POST",
                "url": "/set",
                "body": "v={value}",
                "type": "text/plain",
            },
            "a b",
            "POST /set",
            "v=a b",
        ),
        ({"method": "GET", "url": "/set?v={value:.1f}"}, 2, "GET /set?v=2.0", ""),
        ({"method": "GET", "url": "/set?v={value}"}, "a&b", "GET /set?v=a%26b", ""),
    ],
)
async def test_a_value_is_written_by_a_request(
    site: Pages, write: dict[str, Any], value: Any, request_: str, body: str
) -> None:
    site.answers[request_] = page("", status="204 No Content")
    at = {"path": "$.sensors[0].t", "write": write}
    if not request_.startswith("GET"):
        site.answers.setdefault(request_, page("ok"))
    async with opened(site, {"t": {"at": at, "write": True}}) as server:
        await server.write("t", value)
    assert site.requests[-1] == request_
    assert site.bodies[-1].decode() == body


async def test_a_refused_write_has_the_words_of_the_server(site: Pages) -> None:
    site.answers["PUT /state?all=1"] = page("too hot", status="422 Unprocessable")
    at = {"path": "$.sensors[0].t", "write": {"body": '{"v": {value}}'}}
    async with opened(site, {"t": {"at": at, "write": True}}) as server:
        with pytest.raises(OperationError, match=r"422 Unprocessable \(too hot\)"):
            await server.write("t", 99)
        with pytest.raises(OperationError, match="not sent"):
            await server.write("t", math.nan)
        assert server.driver.is_open


async def test_a_write_is_sent_once_even_if_the_server_closes(site: Pages) -> None:
    at = {"path": "$.sensors[0].t"}
    async with opened(site, {"t": {"at": at, "write": True}}, retries=3) as server:
        site.answers["PUT /state?all=1"] = b""  # and the connection is closed
        site.is_closing = True
        site.requests.clear()
        with pytest.raises(NoAnswerError):
            await server.write("t", 1)
    assert site.requests == ["PUT /state?all=1"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"user": "lab", "password": "a:b"}, "Authorization: Basic bGFiOmE6Yg=="),
        ({"token": "s3cret"}, "Authorization: Bearer s3cret"),
        ({"headers": {"X-Key": "s3cret"}}, "X-Key: s3cret"),
    ],
)
async def test_a_password_is_sent_and_never_shown(
    site: Pages, options: dict[str, Any], field: str
) -> None:
    async with opened(site, {"t": {"at": "$.t"}}, options=options) as server:
        await server.read()
        assert field in site.heads[-1].split("\r\n")
        site.answers["GET /state?all=1"] = page("", status="403 Forbidden")
        with pytest.raises(LinkError) as refused:
            await server.read()
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "channels", "options", "text"),
    [
        ("http://u:pw@h/", {}, {}, "belong into `options`"),
        ("http:///x", {}, {}, "HOST"),
        ("http://h/", {"a": {"at": "$["}}, {}, "channel a.*no JSONPath"),
        ("http://h/", {"a": {"at": {"answer": "{"}}}, {}, "channel a"),
        ("http://h/", {"a": {"at": {"url": "http://x/"}}}, {}, "channel a"),
        ("http://h/", {}, {"tokn": "pw"}, "no such option"),
        ("http://h/", {}, {"user": "a", "token": "pw"}, "not both"),
        ("http://h/", {}, {"headers": {"A": "pw\r\nB: c"}}, "headers"),
        ("https://h/", {}, {"ca": "/no/such/file"}, "ca"),
    ],
)
def test_wrong_settings_are_sentences(
    url: str, channels: dict[str, Any], options: dict[str, Any], text: str
) -> None:
    settings = instrument(url, channels, options=options)
    kind = HTTPS if url.startswith("https") else HTTP
    with pytest.raises(ValueError, match=text) as refused:
        kind.make("X", settings, None)  # type: ignore[arg-type]
    assert "pw" not in str(refused.value)


# -- TLS, and a server of other people


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and its certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


async def test_a_certificate_is_checked(certificate: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    channels = {"t": {"at": "$.t"}}
    async with pages(tls) as site:
        site.answers["GET /"] = page('{"t": 3}')

        def safe(host: str, timeout: float = 20, **options: Any) -> Opened:
            url = f"https://{host}:{site.port}/"
            keys = {"channels": channels, "timeout": timeout, "options": options}
            return Opened(HTTPS, url, **keys)

        async with safe("localhost", ca=str(certificate)) as server:
            assert await server.read() == {"t": 3}
        async with safe("127.0.0.1", verify=False) as server:
            assert await server.read() == {"t": 3}
        with pytest.raises(NotConnectedError, match="not trusted: self"):
            async with safe("localhost"):
                pass
        with pytest.raises(NotConnectedError, match="not trusted: IP address mismatch"):
            async with safe("127.0.0.1", ca=str(certificate)):
                pass
    async with pages() as plain:
        site = plain
        with pytest.raises(NotConnectedError, match="no TLS connection in"):
            async with safe("localhost", 0.2, verify=False):
                pass


class Chunks(BaseHTTPRequestHandler):
    """A page of the server that comes with Python, in chunks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (b'{"t"', b": 4}"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        pass


async def test_the_server_that_comes_with_python() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Chunks) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        site = Pages()
        site.port = server.server_port
        async with opened(site, {"t": {"at": "$.t"}}) as pages:
            for _ in range(3):
                assert await pages.read() == {"t": 4}
        server.shutdown()
        thread.join()
