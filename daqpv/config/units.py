"""Reads values with units: a number is SI, text has a unit: ``80 MB/s``, ``4 d``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from daqpv.config.fields import wanted
from daqpv.config.problems import listed

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_TEXT = re.compile(rf"\s*({_NUMBER})\s*(\S*)\s*", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """Annotates a float field that is written with a unit; its value is SI.

    Attributes:
        what: "a time".
        si: the unit of a plain number.
        units: the size of each unit, in `si`.
        at_least: smallest value, in `si`.
        at_most: largest value, in `si`.
    """

    what: str
    si: str
    units: Mapping[str, float]
    at_least: float = 0.0
    at_most: float = math.inf

    def within(self, at_least: float, at_most: float) -> Quantity:
        """Return the same, from `at_least` to `at_most`, in `si`."""
        return replace(self, at_least=at_least, at_most=at_most)

    @property
    def wanted(self) -> str:
        """The expected value, in words."""
        bound = f"from {self.at_least:g} to {self.at_most:g} {self.si}"
        if math.isinf(self.at_most):
            bound = f"of {self.at_least:g} {self.si} or more"
        units = listed(self.units, " or ")
        return f"{self.what} {bound} (a number in {self.si}, or a number with {units})"

    def read(self, value: object) -> float:
        """Read a number, or text of a number and a unit.

        Raises:
            PydanticCustomError: it is neither, or out of bounds.
        """
        number = math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
        elif isinstance(value, str) and (found := _TEXT.fullmatch(value)):
            number = float(found[1]) * self.units.get(found[2] or self.si, math.nan)
        if not math.isfinite(number) or not self.at_least <= number <= self.at_most:
            raise wanted(self.wanted)
        return number

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number: dict[str, Any] = {"type": "number", "minimum": self.at_least}
        if math.isfinite(self.at_most):
            number["maximum"] = self.at_most
        number["description"] = f"in {self.si}"
        units = "|".join(map(re.escape, self.units))
        text = {
            "type": "string",
            "pattern": rf"^\s*{_NUMBER}\s*({units})?\s*$",
            "description": f"a number with {listed(self.units, ' or ')}",
        }
        return {"description": self.wanted, "anyOf": [number, text]}


def _prefixed(unit: str, **factors: float) -> dict[str, float]:
    return {unit: 1.0} | {f"{p}{unit}": factor for p, factor in factors.items()}


_BINARY = {f"{p}i": 1024.0 ** (i + 1) for i, p in enumerate("KMGT")}

TIME = Quantity(
    "a time",
    "s",
    {
        "ns": 1e-9,
        "us": 1e-6,
        "ms": 1e-3,
        "s": 1.0,
        "min": 60.0,
        "h": 3600.0,
        "d": 86400.0,
        "w": 604800.0,
        "y": 31557600.0,  # of 365.25 d
    },
)
FREQUENCY = Quantity("a frequency", "Hz", _prefixed("Hz", m=1e-3, k=1e3, M=1e6, G=1e9))
AMOUNT = Quantity(
    "an amount of data",
    "B",
    _prefixed("B", k=1e3, M=1e6, G=1e9, T=1e12, P=1e15, **_BINARY),
)
DATA_RATE = Quantity(
    "a data rate",
    "B/s",
    _prefixed("B/s", k=1e3, M=1e6, G=1e9, **_BINARY),
)

Seconds = Annotated[float, TIME]
Hertz = Annotated[float, FREQUENCY]
Bytes = Annotated[float, AMOUNT]
BytesPerSecond = Annotated[float, DATA_RATE]
