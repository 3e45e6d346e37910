"""Large arrays as texts, and texts as large arrays: in slices, other work in between.

A million texts take more than a second, and all clients would wait for that. Numbers
as numbers take a thousandth of it and go the short way.
"""

from __future__ import annotations

import asyncio

from daqpv.serve.ca.encoding import encode
from daqpv.serve.ca.protocol import BASIC_TYPES, STRING
from daqpv.serve.pv.source import Source
from daqpv.serve.values.arrays import Numbers, Texts
from daqpv.serve.values.forms import Form

SLICE = 4096  # elements: 2 to 6 ms
LARGE = 10_000  # elements from which on slices are worth their turns


class TakesLong(ValueError):  # noqa: N818, no error: the way that packs at once ends
    """The value cannot be packed at once: `Wire.pack_slowly`."""


def is_by_element(form: Form, basic: int) -> bool:
    """Whether each element is converted by itself between `form` and `basic`."""
    if not 0 <= basic < BASIC_TYPES:
        return False
    return isinstance(form, Texts) or (isinstance(form, Numbers) and basic == STRING)


async def pack(source: Source, basic: int, count: int) -> bytes:
    """The elements of `source`, at most `count`, as `basic`.

    Raises:
        ValueError: there is no such view.
    """
    form, meta, value = source.form, source.meta, source.value[:count]
    parts = []
    for i in range(0, len(value), SLICE):
        parts.append(encode(form, value[i : i + SLICE], basic, meta, SLICE))
        await asyncio.sleep(0)
    return b"".join(parts)
