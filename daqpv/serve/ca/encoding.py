"""Packs values and their metadata as DBR types, without alarm and time."""

from __future__ import annotations

from struct import Struct
from typing import Any

import numpy as np

from daqpv.errors import RefusedError
from daqpv.serve.ca.protocol import (
    CHAR,
    CTRL,
    DOUBLE,
    ENUM,
    FLOAT,
    INTEGER,
    SHORT,
    STRING,
    UNITS_SIZE,
)
from daqpv.serve.values.arrays import LongText, Numbers, Texts
from daqpv.serve.values.elements import (
    LABEL_SIZE,
    LABELS,
    RANGE,
    STRING_SIZE,
    Array,
    Element,
    cast,
    converter,
    single,
    whole_number,
)
from daqpv.serve.values.forms import Choice, Form, Integer, Real, number_of
from daqpv.serve.values.meta import Meta
from daqpv.serve.values.strings import cut, real_text

BASIC = {
    Element.STRING: STRING,
    Element.SHORT: SHORT,
    Element.FLOAT: FLOAT,
    Element.ENUM: ENUM,
    Element.CHAR: CHAR,
    Element.INTEGER: INTEGER,
    Element.DOUBLE: DOUBLE,
}
"""The basic type of each type of elements."""

ELEMENT = {basic: element for element, basic in BASIC.items()}

CODE = {SHORT: "h", FLOAT: "f", ENUM: "H", CHAR: "B", INTEGER: "i", DOUBLE: "d"}
SCALAR = {basic: Struct(f">{code}") for basic, code in CODE.items()}
DTYPE = {basic: np.dtype(f">{code}") for basic, code in CODE.items()}
CONVERT = {basic: converter(ELEMENT[basic]) for basic in CODE}
"""The conversion of a Python number to a basic type; None: not needed."""


def encode(
    form: Form, value: Any, basic: int, meta: Meta, count: int
) -> bytes | memoryview:
    """At most `count` elements of `value` as `basic`.

    Raises:
        ValueError: there is no such representation of the value.
    """
    if isinstance(form, Real | Integer | Choice):
        text = basic == STRING
        return pack_text(form.text(value, meta)) if text else _number(value, basic)
    if isinstance(form, Numbers):
        return _numbers(value[:count], basic, meta)
    if isinstance(form, LongText):
        return _long_text(value, basic, count)
    if isinstance(form, Texts):
        return b"".join(_text(text, basic) for text in value[:count])
    return _text(value, basic)


def length(form: Form, value: Any, basic: int) -> int:
    """The number of elements of `value` as `basic`; a long text can be one text."""
    if basic == STRING and isinstance(form, LongText):
        return 1
    return form.length(value)


def pack_text(text: str | bytes) -> bytes:
    """A text as one DBR_STRING."""
    data = cut(text, STRING_SIZE - 1) if isinstance(text, str) else text
    return data.ljust(STRING_SIZE, b"\0")


def _number(value: float, basic: int) -> bytes:
    convert = CONVERT[basic]
    return SCALAR[basic].pack(convert(value) if convert else value)


def _text(value: str, basic: int) -> bytes:
    """A text, or the number that it contains."""
    if basic == STRING:
        return pack_text(value)
    try:
        return _number(number_of(value) if value else 0, basic)
    except RefusedError as error:
        raise ValueError(str(error)) from None


def _long_text(value: str, basic: int, count: int) -> bytes:
    if basic == STRING:
        return pack_text(value)
    data = value.encode()[:count]
    if basic == CHAR:
        return data
    return np.frombuffer(data, np.uint8).astype(DTYPE[basic]).tobytes()


def _numbers(value: Array, basic: int, meta: Meta) -> bytes | memoryview:
    if basic != STRING:
        return cast(value, ELEMENT[basic]).astype(DTYPE[basic]).view(np.uint8).data
    if value.dtype.kind == "f":
        return b"".join(pack_text(real_text(v, meta.precision)) for v in value)
    return b"".join(pack_text(str(v)) for v in value)


# -- metadata --------------------------------------------------------------------------

_REALS = {FLOAT: Struct(">hxx8s6f"), DOUBLE: Struct(">hxx8s6d")}
_REALS_CONTROL = {FLOAT: Struct(">hxx8s8f"), DOUBLE: Struct(">hxx8s8d")}
_ENUM = Struct(">H" + f"{LABEL_SIZE}s" * LABELS)


def pack_meta(meta: Meta, basic: int, kind: int) -> bytes:
    """The part between alarm and value in the GR and CTRL types.

    Args:
        meta: of the PV.
        basic: the basic type.
        kind: GR or CTRL.
    """
    if basic == STRING:
        return b""
    if basic == ENUM:
        texts = [cut(label, LABEL_SIZE - 1) for label in meta.labels[:LABELS]]
        return _ENUM.pack(len(texts), *texts, *[b""] * (LABELS - len(texts)))
    units = cut(meta.units, UNITS_SIZE - 1)
    limits = meta.limits() if kind == CTRL else meta.limits()[:6]
    if basic in _REALS:
        real = (_REALS_CONTROL if kind == CTRL else _REALS)[basic]
        return real.pack(meta.precision, units, *_fitting(limits, basic))
    least, most = RANGE[ELEMENT[basic]]
    whole = [whole_number(limit, least, most) for limit in limits]
    pad = "x" if basic == CHAR else ""
    return Struct(f">8s{len(whole)}{CODE[basic]}{pad}").pack(units, *whole)


def _fitting(limits: tuple[float, ...], basic: int) -> tuple[float, ...]:
    if basic == DOUBLE:
        return limits
    return tuple(single(limit) for limit in limits)
