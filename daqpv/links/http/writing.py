"""The request that writes a channel, with the value put into its body or path."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from daqpv.links.http.settings import HttpWrite

_VALUE = re.compile(
    r"(?P<before>\"?)\{value(?::(?P<form>[^{}]{1,20}))?\}(?P<after>\"?)"
)


def path_of(write: HttpWrite, path: str, value: object) -> str:
    """The path and query of the request.

    Raises:
        ValueError: the value does not fit the format.
    """

    def put(found: re.Match[str]) -> str:
        text = _formatted(found["form"], value)
        return f"{found['before']}{quote(text, safe='')}{found['after']}"

    return _VALUE.sub(put, write.url or path)


def body_of(write: HttpWrite, value: object) -> bytes:
    """The body of the request; empty for a GET.

    Raises:
        ValueError: the value does not fit the format, or is no number of JSON.
    """
    if write.method == "GET":
        return b""
    is_json = "json" in write.type

    def put(found: re.Match[str]) -> str:
        before, form, after = found["before"], found["form"], found["after"]
        if form or not is_json:
            return before + _formatted(form, value) + after
        if before and after:  # "{value}": in quotes, whatever it is
            return json.dumps(
                value if isinstance(value, str) else _formatted("", value)
            )
        return before + json.dumps(value, allow_nan=False) + after

    return _VALUE.sub(put, write.body).encode()


def _formatted(form: str | None, value: object) -> str:
    if isinstance(value, bool):
        value = int(value)
    if not form:
        return str(value)
    try:
        return format(int(value) if _is_whole(form, value) else value, form)  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{value!r} does not fit {{value:{form}}}: {error}") from error


def _is_whole(form: str, value: object) -> bool:
    """Whether a float such as 3.0 is to be written by a format for integers."""
    return form[-1] in "dxXob" and isinstance(value, float) and value.is_integer()
