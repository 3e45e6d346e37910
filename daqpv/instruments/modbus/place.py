"""Where a value stands in a Modbus device: the key `at` of a channel.

::

    at: {holding: 0}                                # from 0, as in the frames
    at: "40001"                                     # the same, as in old manuals
    at: {input: 30, type: float32, order: little-swap}
    at: {holding: 4, bit: 3, modify: mask}
    at: {coil: 5}
    at: {discrete: 16, count: 8}
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from daqpv.config import Model, wanted


class Table(StrEnum):
    """The four tables of a device."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"

    @property
    def is_bits(self) -> bool:
        """Whether it has bits; else registers of 16 bits."""
        return self in (Table.COIL, Table.DISCRETE)

    @property
    def reading(self) -> int:
        """The function that reads it."""
        return {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[self]

    @property
    def is_writable(self) -> bool:
        """Whether Modbus has functions that write it."""
        return self in (Table.COIL, Table.HOLDING)


class DataType(StrEnum):
    """How a value is coded in registers."""

    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    TEXT = "text"
    BCD = "bcd"

    @property
    def bits(self) -> int:
        """Of one value; 0 for text and bcd, whose length is a setting."""
        found = re.search(r"\d+", self)
        return int(found[0]) if found else 0

    @property
    def is_integer(self) -> bool:
        """Whether it is a whole number in binary."""
        return "int" in self


class Order(StrEnum):
    """The order of bytes and registers in a frame, of a number ABCD."""

    BIG = "big"  # ABCD
    LITTLE = "little"  # DCBA
    BIG_SWAP = "big-swap"  # BADC: high register first, bytes swapped
    LITTLE_SWAP = "little-swap"  # CDAB: low register first


Address = Annotated[int, Field(ge=0, le=65535)]

_TABLES = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
_LOOKS = re.compile(r"([0134])(\d{4}|\d{5})")
_FORM = (
    "a place such as {holding: 0}, {input: 30}, {coil: 5}, {discrete: 2}, or the "
    "number of a manual, 40001"
)


def _of_number(number: object) -> dict[str, int]:
    """The table and address from 0 of a manual's number: 40001, "00001", 400001.

    Raises:
        PydanticCustomError: it is none.
    """
    if isinstance(number, int) and not isinstance(number, bool) and number < 10_001:
        raise wanted(
            f"the table of a small number, {{holding: {number}}} or {{coil: {number}}}"
        )
    found = _LOOKS.fullmatch(str(number).strip())
    if not found or not 1 <= int(found[2]) <= 65536:
        raise wanted(_FORM)
    return {_TABLES[found[1]]: int(found[2]) - 1}


class Place(Model):
    """Where a value stands in a device, and how it is coded."""

    coil: Address | None = None
    """Address of a bit that can be written, from 0."""

    discrete: Address | None = None
    """Address of a bit that can only be read, from 0."""

    input: Address | None = None
    """Address of a register that can only be read, from 0."""

    holding: Address | None = None
    """Address of a register that can be written, from 0."""

    type: DataType | None = None
    """Of values in registers. Default: uint16."""

    order: Order | None = None
    """Of bytes and registers. Default: that of the connection, ``?order=``."""

    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    """The value is this bit of the number; 0 is the lowest."""

    bits: (
        tuple[
            Annotated[int, Field(ge=0, le=63)],
            Annotated[int, Field(ge=0, le=63)],
        ]
        | None
    ) = None
    """The value is made of these bits of the number, from the lowest to the highest."""

    length: Annotated[int, Field(ge=1, le=246)] | None = None
    """Bytes of a text, or digits of a bcd (4 per register, the default)."""

    count: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Values of an array."""

    modify: Literal["mask", "read"] | None = None
    """How `bit` or `bits` of a holding register are written. ``mask``: by function 22,
    which not all devices have. ``read``: the register is read, and written back with
    the bits changed; what another program writes between the two is lost."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        if isinstance(given, int | str) and not isinstance(given, bool):
            return _of_number(given)
        if isinstance(given, dict) and "number" in given:
            rest = {key: one for key, one in given.items() if key != "number"}
            return rest | _of_number(given["number"])
        if not isinstance(given, dict | Place):
            raise wanted(_FORM)
        return given

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (error := _problem(self)) is not None:
            raise error
        return self

    @property
    def table(self) -> Table:
        """The table in which it stands."""
        return next(one for one in Table if getattr(self, one) is not None)

    @property
    def address(self) -> int:
        """Its first address, from 0."""
        first: int = getattr(self, self.table)
        return first

    @property
    def data_type(self) -> DataType:
        """How it is coded in registers."""
        return self.type or DataType.UINT16

    @property
    def width(self) -> int:
        """Registers of one value; 1 in a table of bits."""
        if self.table.is_bits:
            return 1
        if self.type is DataType.TEXT:
            return -(-(self.length or 1) // 2)
        if self.type is DataType.BCD:
            return -(-(self.length or 4) // 4)
        return self.data_type.bits // 16

    @property
    def size(self) -> int:
        """Registers, or bits, of all its values."""
        return self.width * (self.count or 1)

    @property
    def field(self) -> tuple[int, int] | None:
        """The lowest and the highest bit of the number that are the value."""
        return self.bits if self.bit is None else (self.bit, self.bit)

    def __str__(self) -> str:
        return f"{self.table} {self.address}"


def first_problem(where: str, error: ValidationError) -> str:
    """The first problem of settings, in a sentence: "at.bit: ..."."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, (where, *first['loc'])))}: {first['msg']}"


def _problem(place: Place) -> PydanticCustomError | None:
    """What is wrong with it, although each of its keys is right."""
    if sum(getattr(place, table) is not None for table in Table) != 1:
        return wanted(_FORM)
    rules = (*_of_coding(place), *_of_bits(place))
    broken = [wanted(what) for is_kept, what in rules if not is_kept]
    return broken[0] if broken else None


def _of_coding(place: Place) -> list[tuple[bool, str]]:
    """What must be true of type, length and count, and in words."""
    has_length = place.type in (DataType.TEXT, DataType.BCD)
    return [
        (
            not place.table.is_bits or (place.type, place.order) == (None, None),
            "neither type nor order for a coil or discrete input: it is one bit",
        ),
        (has_length or place.length is None, "length for a text or bcd only"),
        (place.type is not DataType.TEXT or bool(place.length), "length for a text"),
        (place.type is not DataType.BCD or (place.length or 4) <= 18, "18 digits"),
        (not (place.count and place.type is DataType.TEXT), "no count for a text"),
        (
            place.address + place.size <= 65536,
            "an address and a size that end at 65535 or before",
        ),
    ]


def _of_bits(place: Place) -> list[tuple[bool, str]]:
    """What must be true of bit and bits, and in words."""
    low, high = place.field or (0, 0)
    both = place.bit is not None and place.bits is not None
    numbers = not place.table.is_bits and place.data_type.is_integer
    return [
        (not both, "bit or bits, not both"),
        (
            place.field is None or (numbers and not place.count),
            "bit or bits of one whole number in registers only",
        ),
        (
            place.field is None or low <= high < place.data_type.bits,
            f"bits from 0 to {place.data_type.bits - 1}, the lowest first",
        ),
        (place.modify is None or place.field is not None, "modify for bits only"),
        (
            place.modify != "mask" or place.width == 1,
            "modify: read for a number of several registers",
        ),
    ]
