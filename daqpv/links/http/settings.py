"""Settings of instruments with a page: options of the connection, and channels."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from daqpv.config import Bytes, LocalPath, Model, wanted

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def _plain(text: str) -> str:
    if _CONTROLS.search(text):
        raise wanted("text without control characters")
    return text


def _fields(fields: dict[str, str]) -> dict[str, str]:
    for name, value in fields.items():
        if not _NAME.fullmatch(name) or _CONTROLS.search(value):
            raise wanted("names of HTTP headers, and their text")
    return fields


Plain = Annotated[str, AfterValidator(_plain)]


def _path(url: str) -> str:
    if not url.startswith("/") or url.startswith("//") or re.search(r"[\s#]", url):
        raise wanted("a path of the server of the connection: /data?all=1")
    return url


Path = Annotated[Plain, AfterValidator(_path)]


class HttpOptions(Model):
    """The key `options` of an instrument with ``http://`` or ``https://``."""

    user: Plain = ""
    """For a server that wants a user and a password (basic)."""

    password: Plain = ""
    """Of the user."""

    token: Plain = ""
    """For a server that wants a token (bearer)."""

    headers: Annotated[dict[str, str], AfterValidator(_fields)] = Field(
        default_factory=dict
    )
    """Further header fields of each request."""

    ca: LocalPath | None = None
    """File with the certificate of the authority, if the system does not know it."""

    verify: bool = True
    """False: the certificate of the server is not checked."""

    most: Bytes = 2.0**20
    """The longest answer [bytes]."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.user and self.token:
            raise wanted("a user or a token, not both")
        return self


class HttpWrite(Model):
    """The request that writes a channel; ``{value}`` stands for the value."""

    method: Literal["PUT", "POST", "PATCH", "GET"] = "PUT"
    """Of the request."""

    url: Path | None = None
    """Path of the request. Default: that of the channel."""

    body: str = "{value}"
    """What is sent. In JSON ``{value}`` is a number, true, false or a text in quotes;
    ``{value:.2f}`` formats a number. A GET has no body."""

    type: Plain = "application/json"
    """The content type of the body."""


class HttpAt(Model):
    """Where a channel is in the answers of a server."""

    path: str = ""
    """JSONPath in the answer: ``$.sensors[0].t``. None: the answer is plain text, all
    of it is the value."""

    url: Path | None = None
    """Path of the page. Default: that of the connection."""

    answer: str = ""
    """Pattern of a plain text answer, as instruments that speak in lines have it:
    ``T={value:g} C``."""

    write: HttpWrite = HttpWrite()
    """The request that writes it, if the channel has ``write: true``:
    ``{method: PUT, url: /set, body: '{"v": {value}}', type: application/json}``. In
    JSON ``{value}`` is a number, true, false or a text in quotes."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.path and self.answer:
            raise wanted("a path for JSON, or a pattern for plain text")
        return self


def _at(given: object) -> object:
    """``"$.t"`` is short for ``{path: "$.t"}``, ``/t`` for ``{url: /t}``."""
    if not isinstance(given, str):
        return {} if given is None else given
    return {"url": given} if given.startswith("/") else {"path": given}


HttpPlace = Annotated[HttpAt, BeforeValidator(_at)]
