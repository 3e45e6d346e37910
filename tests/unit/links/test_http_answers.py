"""Reading an HTTP answer from bytes that come in any pieces."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.links.http.answer import (
    MAX_ANSWER,
    MAX_HEAD,
    AnswerReader,
    HttpAnswer,
)
from daqpv.links.http.exchange import HttpPeer

LENGTH = b"HTTP/1.1 200 OK\r\nServer: gSOAP/2.8\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3;why=so\r\nllo\r\n0\r\nTrailer: x\r\n\r\n"
)
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\nhello"


def read(*pieces: bytes) -> HttpAnswer:
    reader = AnswerReader()
    for piece in (*pieces, b""):
        if answer := reader.feed(piece):
            return answer
    pytest.fail("neither an answer nor an error at the end")


@pytest.mark.parametrize("sent", [LENGTH, CHUNKED, INTERIM, TO_THE_END])
@given(data=st.data())
def test_an_answer_reads_the_same_in_any_pieces(sent: bytes, data: Any) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(sent))).map(sorted))
    edges = [0, *cuts, len(sent)]
    pieces = [sent[a:b] for a, b in itertools.pairwise(edges) if a < b]
    assert read(*pieces) == HttpAnswer(200, "OK", b"hello")


@pytest.mark.parametrize("sent", [LENGTH, CHUNKED, INTERIM])
def test_an_answer_that_ends_early_is_none(sent: bytes) -> None:
    for end in range(len(sent)):
        with pytest.raises(EOFError, match=f"closed after {end} bytes"):
            read(sent[:end])


@given(st.binary(max_size=400), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", LENGTH]))
def test_whatever_comes_is_an_answer_or_one_of_two_errors(
    rest: bytes, start: bytes
) -> None:
    try:
        answer = read(start + rest) if start + rest else read()
    except (ValueError, EOFError):
        return
    assert answer.body in start + rest


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "begins with b'SSH-2.0"),
        (b"HTTP/2 200 OK\r\n\r\n", "begins with b'HTTP/2"),
        (b"HTTP/1.1 OK\r\n\r\n", "begins with"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "begins with"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "encoding is b'gzip'"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\n", "chunk"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello", "longer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * (MAX_HEAD + 9), "head of more than"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_ANSWER + 1),
            "at most 16777216",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
            "at most 16777216",
        ),
    ],
)
def test_what_is_not_http_is_refused_without_waiting_for_more(
    sent: bytes, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        AnswerReader().feed(sent)


def test_an_answer_without_a_length_is_refused_when_it_grows_too_long() -> None:
    reader = AnswerReader()
    reader.feed(b"HTTP/1.0 200 OK\r\n\r\n")
    piece = bytes(2**20)
    for _ in range(15):
        assert reader.feed(piece) is None
    with pytest.raises(ValueError, match="longer than the 16777216 bytes"):
        reader.feed(piece)


def test_an_answer_that_has_no_body_is_whole_after_its_head() -> None:
    sent = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert AnswerReader().feed(sent) == HttpAnswer(204, "No Content", b"")


def test_a_switch_of_protocols_is_an_answer_and_not_waited_over() -> None:
    assert read(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").status == 101


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cobo0:8083",
        "https://cobo0:8083",
        "http://",
        "http://:8083",
        "http://me@cobo0:8083",
        "http://cobo0:eighty",
        "http://cobo0:99999",
        "http://[::1:8083",
    ],
)
def test_an_address_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^CoBo0: "):
        HttpPeer("CoBo0", url)


@pytest.mark.parametrize(
    ("url", "who"),
    [
        ("http://10.0.0.5:8083/", "CoBo0 at 10.0.0.5:8083"),
        ("http://mac-CoBo0", "CoBo0 at mac-cobo0:80"),
        ("http://[::1]:8083", "CoBo0 at [::1]:8083"),
    ],
)
def test_a_peer_is_called_by_its_name_and_address(url: str, who: str) -> None:
    assert HttpPeer("CoBo0", url).who == who


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 400 + b"\r\n\r\n",
    ],
)
def test_an_answer_longer_than_its_request_allows_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError, match=r"long|Content-Length is b'999") as caught:
        AnswerReader(100).feed(sent)
    assert len(str(caught.value)) < 200
