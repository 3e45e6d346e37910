"""The request that writes a channel, with the value put into its body or path."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from daqpv.links.http.settings import HttpWrite
from daqpv.links.templates import filled, filled_json


def path_of(write: HttpWrite, path: str, value: object) -> str:
    """The path and query of the request; `path` is that of the channel.

    Raises:
        ValueError: the value does not fit the format.
    """
    return filled(write.url or path, value, encode=partial(quote, safe=""))


def body_of(write: HttpWrite, value: object) -> bytes:
    """The body of the request; empty for a GET.

    Raises:
        ValueError: the value does not fit the format, or is no number of JSON.
    """
    if write.method == "GET":
        return b""
    fill = filled_json if "json" in write.type else filled
    return fill(write.body, value).encode()
