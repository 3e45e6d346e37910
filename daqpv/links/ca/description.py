"""Metadata of a PV: units, precision, texts of states (DBR_CTRL types)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from daqpv.links.ca import libca

from epics import dbr  # isort: skip

LABEL_SIZE = 26  # bytes of a state's text, with its final zero
UNITS_SIZE = 8  # bytes of EGU on the wire, likewise

_ENUM = struct.Struct("=hhh")  # status, severity, number of states
_REAL = struct.Struct(f"=hhhh{UNITS_SIZE}s")  # status, severity, precision, pad, units
_SIZES = {dbr.CTRL_ENUM: _ENUM.size + 16 * LABEL_SIZE, dbr.CTRL_DOUBLE: _REAL.size}
_FORMS = {dbr.ENUM: dbr.CTRL_ENUM} | dict.fromkeys(
    (dbr.SHORT, dbr.FLOAT, dbr.LONG, dbr.DOUBLE), dbr.CTRL_DOUBLE
)


class Description(NamedTuple):
    """Metadata of a PV's values.

    Attributes:
        units: at most 7 bytes.
        precision: digits after the point, for real numbers.
        labels: the texts of an enum, by index.
    """

    units: str = ""
    precision: int = 0
    labels: tuple[str, ...] = ()


def form_of(native: int) -> int | None:
    """The DBR type with the metadata of a native type; None: texts have none."""
    form: int | None = _FORMS.get(native)
    return form


def size_of(form: int) -> int:
    """The number of bytes that `describe` reads."""
    return _SIZES[form]


def describe(form: int, data: bytes) -> Description:
    """Parse the beginning of a value of the DBR type `form`."""
    if form == dbr.CTRL_ENUM:
        _, _, count = _ENUM.unpack_from(data)
        starts = range(_ENUM.size, _ENUM.size + count * LABEL_SIZE, LABEL_SIZE)
        labels = (libca.text(data[at : at + LABEL_SIZE]) for at in starts)
        return Description(labels=tuple(labels))
    _, _, precision, _, units = _REAL.unpack_from(data)
    return Description(units=libca.text(units), precision=precision)
