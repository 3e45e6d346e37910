"""Packs and parses large arrays of texts in slices, so that the loop stays responsive.

Converting a million texts takes more than a second, in which all clients would wait.
Arrays of numbers take a thousandth of that and are packed at once.
"""

from __future__ import annotations

import asyncio

from daqpv.serve.ca.encoding import encode
from daqpv.serve.ca.protocol import BASIC_TYPES, STRING
from daqpv.serve.pv.source import Source
from daqpv.serve.values.arrays import Numbers, Texts
from daqpv.serve.values.forms import Form

SLICE = 4096  # elements: 2 to 6 ms
LARGE = 10_000  # elements from which on slices are used


class TakesLong(ValueError):  # noqa: N818, not an error: selects a way
    """The value cannot be packed at once: use `Wire.pack_slowly`."""


def is_by_element(form: Form, basic: int) -> bool:
    """Whether each element is converted separately between `form` and `basic`."""
    if not 0 <= basic < BASIC_TYPES:
        return False
    return isinstance(form, Texts) or (isinstance(form, Numbers) and basic == STRING)


async def pack(source: Source, basic: int, count: int) -> bytes:
    """The elements of `source`, at most `count`, as `basic`.

    Raises:
        ValueError: there is no such representation.
    """
    form, meta, value = source.form, source.meta, source.value[:count]
    parts = []
    for i in range(0, len(value), SLICE):
        parts.append(encode(form, value[i : i + SLICE], basic, meta, SLICE))
        await asyncio.sleep(0)
    return b"".join(parts)
