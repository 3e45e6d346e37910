"""Answers in JSON: a path finds each value."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daqpv.instruments.parsing.values import Value

if TYPE_CHECKING:
    from jsonpath import JSONPath

PREFIX = "json:"

_SHOWN = 60  # characters of a document in a message


class Document:
    """JSON documents, of which paths (RFC 9535) find values.

    A path that can find several gives an array; null is the word "null". Paths that
    find nothing are left out.

    Args:
        paths: by the names of their values.

    Raises:
        ValueError: one is no path; there is none.
    """

    is_binary = False

    def __init__(self, paths: Mapping[str, str]) -> None:
        if not paths:
            raise ValueError("there is no path to a value of the JSON document")
        self.names = tuple(paths)
        self._paths = {name: _compiled(path) for name, path in paths.items()}

    def parse(self, line: str) -> dict[str, Value]:
        """The values of a document.

        Raises:
            ValueError: it is no JSON, a path leads to an object or to a mixed array, or
                none of them finds anything.
        """
        document = _loaded(line)
        values: dict[str, Value] = {}
        for name, path in self._paths.items():
            try:
                found = path.findall(document)
            except Exception as error:  # the library has many, and TypeError
                raise ValueError(f"path {path} of {name}: {error}") from None
            if found:
                value = found[0] if path.singular_query() else found
                values[name] = _value(value, f"{name} ({path})")
        if not values:
            paths = ", ".join(map(str, self._paths.values()))
            raise ValueError(f"{_shown(line)} has nothing at {paths}")
        return values

    def format(self, values: object) -> str:
        """Not possible.

        Raises:
            ValueError: always.
        """
        raise ValueError("JSON by paths cannot be written, only read")


def _compiled(path: str) -> JSONPath:
    import jsonpath  # noqa: PLC0415 - its import is slow, and few have JSON

    if not path.strip():
        raise ValueError("a path is empty; $ is the whole document")
    try:
        made = jsonpath.compile(path)
    except jsonpath.JSONPathError as error:
        why = str(error).partition("\n")[0]
        raise ValueError(f"{path!r} is no JSON path: {why}") from None
    if not isinstance(made, jsonpath.JSONPath):
        raise ValueError(f"{path!r}: paths joined with | or & are not possible")
    return made


def _loaded(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        place = f"{error.msg} at character {error.pos + 1}"
        raise ValueError(f"{_shown(line)} is no JSON: {place}") from None
    except (RecursionError, ValueError):  # too deep; an integer of 5000 digits
        raise ValueError(
            f"{_shown(line)} is too deep, or has too long numbers"
        ) from None


def _value(value: Any, who: str) -> Value:
    if value is None:
        return "null"
    if isinstance(value, list):
        return _array(value, who)
    if isinstance(value, dict):
        raise ValueError(f"{who} is an object, not a value")
    if isinstance(value, int) and abs(value) >= 2**63:
        return float(value) if abs(value) < 2**1023 else math.inf
    return value  # type: ignore[no-any-return]


def _array(values: list[Any], who: str) -> Value:
    import numpy as np  # noqa: PLC0415 - its import is slow

    numbers = [math.nan if value is None else value for value in values]
    if not all(isinstance(value, int | float) for value in numbers):
        raise ValueError(f"{who} is an array of others than numbers")
    try:
        is_whole = all(isinstance(value, int) for value in numbers)
        return np.array(numbers, dtype=np.int64 if is_whole and numbers else float)
    except OverflowError:
        raise ValueError(f"{who} has numbers that are too large") from None


def _shown(line: str) -> str:
    return repr(line if len(line) <= _SHOWN else line[:_SHOWN] + "...")
