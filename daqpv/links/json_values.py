"""Values inside JSON documents, by JSONPath."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonpath
import numpy as np

from daqpv.core import Status
from daqpv.errors import quoted
from daqpv.instruments.driver import Fault, Raw


def document(data: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises:
        ValueError: it is none; the text is the end of a sentence: "it is no JSON".
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        start = quoted(data[:80].decode("utf-8", "backslashreplace"))
        raise ValueError(f"it is no JSON ({error}): {start}") from error


class JsonPath:
    """Finds a value in JSON documents.

    Args:
        path: ``$.sensors[0].t``.
        is_array: whether all that the path finds is the value.

    Raises:
        ValueError: `path` is no JSONPath.
    """

    def __init__(self, path: str, *, is_array: bool = False) -> None:
        self._text = path
        self._is_array = is_array
        try:
            self._path = jsonpath.compile(path)
        except jsonpath.JSONPathError as error:
            why = str(error).partition("\n")[0]  # a drawing of the path follows
            raise ValueError(f"{quoted(path)} is no JSONPath: {why}") from error

    def value(self, content: Any) -> Raw:
        """The value; a `Fault` if there is none, or no single one."""
        try:
            found = self._path.findall(content)
        except (jsonpath.JSONPathError, RecursionError) as error:
            return _fault(f"{self._text}: {error}")
        if not found:
            return _fault(f"no {self._text}")
        if len(found) == 1:
            return value_of(found[0], is_array=self._is_array)
        if self._is_array:
            return value_of(found, is_array=True)
        return _fault(f"{len(found)} values at {self._text}")


def value_of(found: Any, *, is_array: bool = False) -> Raw:
    """A value of JSON, as an instrument takes it."""
    if is_array:
        return _array(found if isinstance(found, list) else [found])
    if found is None:
        return _fault("null")
    if isinstance(found, bool | int | str):
        return found
    if isinstance(found, float):
        # Python reads the bare words NaN and Infinity, and 1e999
        return found if math.isfinite(found) else _fault(str(found))
    return _fault("a list, no value" if isinstance(found, list) else "no value")


def _array(found: list[Any]) -> Raw:
    if not all(isinstance(one, int | float) for one in found):
        return _fault("a list with other than numbers")
    try:
        return np.array(found, dtype=np.float64)
    except (OverflowError, ValueError) as error:
        return _fault(str(error))


def _fault(words: str) -> Fault:
    return Fault(words, status=Status.READ)
