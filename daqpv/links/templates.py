"""Texts with ``{value}`` in them: bodies of requests, payloads, paths."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

_VALUE = re.compile(
    r"(?P<before>\"?)\{value(?::(?P<form>[^{}]{1,20}))?\}(?P<after>\"?)"
)


def filled(
    template: str, value: object, *, encode: Callable[[str], str] | None = None
) -> str:
    """`template` with the value in the place of ``{value}`` and ``{value:.2f}``.

    Args:
        template: the text.
        value: number, boolean or text.
        encode: applied to the text of the value.

    Raises:
        ValueError: the value does not fit the format.
    """

    def put(found: re.Match[str]) -> str:
        text = _formatted(found["form"], value)
        return f"{found['before']}{encode(text) if encode else text}{found['after']}"

    return _VALUE.sub(put, template)


def filled_json(template: str, value: object) -> str:
    """The same, where ``{value}`` is a number, true, false or a text in quotes.

    Raises:
        ValueError: the value does not fit the format, or JSON has no such number.
    """

    def put(found: re.Match[str]) -> str:
        before, form, after = found["before"], found["form"], found["after"]
        if form:
            return before + _formatted(form, value) + after
        if before and after:  # "{value}": in quotes, whatever it is
            text = value if isinstance(value, str) else _formatted("", value)
            return json.dumps(text)
        return before + json.dumps(value, allow_nan=False) + after

    return _VALUE.sub(put, template)


def _formatted(form: str | None, value: object) -> str:
    if isinstance(value, bool):
        value = int(value)
    if not form:
        return str(value)
    try:
        if isinstance(value, float) and value.is_integer() and form[-1] in "dxXob":
            return format(int(value), form)
        return format(value, form)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{value!r} does not fit {{value:{form}}}: {error}") from error
