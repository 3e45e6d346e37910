"""Parses an HTTP answer from its bytes, as they arrive.

Source: RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar, cast

MAX_ANSWER = 16 * 2**20  # [bytes] head and body; a Configure answer holds 100s of kB
MAX_HEAD = 64 * 2**10  # [bytes] of the head, and of any line


_HTTP = b"HTTP/1."
_HEAD = re.compile(
    rb"HTTP/1\.\d ([1-9]\d\d)(?: ([^\r\n]*))?\r\n"  # status, reason
    rb"((?:[^\s:]+:[^\r\n]*\r\n)*)\r\n"  # header fields
)
_FIELD = re.compile(rb"([^:]+):([^\r\n]*)\r\n")
_LENGTH = re.compile(rb"\d{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")

_T = TypeVar("_T")
_Reading = Generator[None, bytes, _T]
"""A parser that requests more bytes by its yield; b"" means the end."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer.

    Attributes:
        status: its code.
        reason: the phrase beside the code.
        body: of the answer.
        fields: of the head, by name in small letters.
        is_last: whether the server closes the connection after it.
    """

    status: int
    reason: str
    body: bytes
    fields: Mapping[bytes, bytes] = field(default_factory=dict, compare=False)
    is_last: bool = field(default=True, compare=False)


@lru_cache(maxsize=64)  # an idle server sends the same head for hours
def _head(head: bytes) -> tuple[int, str, Mapping[bytes, bytes]]:
    """Parse status, reason and fields."""
    match = _HEAD.fullmatch(head)
    if not match:
        raise ValueError(f"it begins with {head[:60]!r}")
    fields = {name.lower(): value.strip() for name, value in _FIELD.findall(match[3])}
    return int(match[1]), (match[2] or b"").decode("latin-1"), fields


class AnswerReader:
    """Builds an answer from bytes as they arrive.

    Args:
        most: size limit of the answer, including its head [bytes].
    """

    def __init__(self, most: int = MAX_ANSWER) -> None:
        self._most = most
        self._buffer = bytearray()
        self._at = 0  # all bytes before are parsed
        self._is_over = False
        self._reading = self._answer()
        next(self._reading)

    def feed(self, piece: bytes) -> HttpAnswer | None:
        """Parse a piece, b"" for the end; return the answer when it is complete.

        Raises:
            ValueError: it is not HTTP, or too long.
            EOFError: the end comes too early.
        """
        try:
            self._reading.send(piece)
        except StopIteration as end:
            return cast(HttpAnswer, end.value)
        if not self._buffer.startswith(_HTTP[: len(self._buffer)]):
            raise ValueError(f"it begins with {bytes(self._buffer[:60])!r}")
        return None

    def _answer(self) -> _Reading[HttpAnswer]:
        status = 100
        while status < 200 and status != 101:  # "100 Continue" is not the answer
            status, reason, fields = _head((yield from self._until(b"\r\n\r\n")))
        body = b"" if status in (204, 304) else (yield from self._body(fields))
        is_last = self._closes(fields) or status == 101
        return HttpAnswer(status, reason, body, fields, is_last)

    def _closes(self, fields: Mapping[bytes, bytes]) -> bool:
        """Whether the server closes the connection after the answer."""
        wish = fields.get(b"connection", b"").lower()
        is_old = not self._buffer.startswith(b"HTTP/1.1")
        has_more = len(self._buffer) > self._at  # nobody has asked for it
        return b"close" in wish or is_old or self._is_over or has_more

    def _body(self, headers: Mapping[bytes, bytes]) -> _Reading[bytes]:
        coding = headers.get(b"transfer-encoding", b"identity").lower()
        length = headers.get(b"content-length", b"")
        if coding == b"chunked":
            return (yield from self._chunks())
        if coding != b"identity":
            raise ValueError(f"its transfer encoding is {coding!r}")
        if _LENGTH.fullmatch(length):
            return (yield from self._exactly(int(length)))
        if length:
            raise ValueError(f"its Content-Length is {length[:60]!r}")
        return (yield from self._to_the_end())

    def _chunks(self) -> _Reading[bytes]:
        body = bytearray()
        while True:
            line = yield from self._until(b"\r\n")
            match = _CHUNK.fullmatch(line)
            if not match:
                raise ValueError(f"it has a chunk of size {line[:60]!r}")
            size = int(match[1], 16)
            if not size:
                break
            body += yield from self._exactly(size)
            if (yield from self._exactly(2)) != b"\r\n":
                raise ValueError("it has a chunk that is longer than it says")
        while (yield from self._until(b"\r\n")) != b"\r\n":
            pass  # the trailer
        return bytes(body)

    def _until(self, mark: bytes) -> _Reading[bytes]:
        """The bytes up to and including `mark`."""
        seen = self._at
        while (end := self._buffer.find(mark, seen)) < 0:
            if len(self._buffer) - self._at > MAX_HEAD:
                raise ValueError(f"it has a head of more than {MAX_HEAD} bytes")
            seen = max(self._at, len(self._buffer) - len(mark) + 1)
            self._append((yield))
        return self._take(end + len(mark))

    def _exactly(self, size: int) -> _Reading[bytes]:
        if size > self._most:
            raise ValueError(f"it is {size} bytes long, at most {self._most} are taken")
        while len(self._buffer) < self._at + size:
            self._append((yield))
        return self._take(self._at + size)

    def _to_the_end(self) -> _Reading[bytes]:
        while piece := (yield):
            self._append(piece)
        self._is_over = True
        return self._take(len(self._buffer))

    def _take(self, end: int) -> bytes:
        taken = bytes(self._buffer[self._at : end])
        self._at = end
        return taken

    def _append(self, piece: bytes) -> None:
        if not piece:
            raise EOFError(f"closed after {len(self._buffer)} bytes")
        self._buffer += piece
        if len(self._buffer) > self._most:
            raise ValueError(f"it is longer than the {self._most} bytes that are taken")
