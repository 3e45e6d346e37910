"""Large arrays as texts, and texts as large arrays: in slices, others come between.

A million texts take more than a second, and all clients would wait for that. Numbers
as numbers take a thousandth of it and go the short way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from daqpv.errors import RefusedError
from daqpv.serve.ca.protocol import ELEMENT_SIZE, STRING
from daqpv.serve.values.arrays import Numbers, Texts
from daqpv.serve.values.forms import Form, decode

if TYPE_CHECKING:
    from daqpv.serve.ca.connected import Subscription
    from daqpv.serve.ca.wire import Source, Wire

_SLICE = 4096  # elements: 2 to 6 ms
LARGE = 10_000  # elements from which on slices are worth their turns


class TakesLong(ValueError):  # noqa: N818, no error: the way that packs at once ends
    """The value cannot be packed at once: `Wire.pack_slowly`."""


def is_by_element(form: Form, basic: int) -> bool:
    """Whether each element is converted by itself between `form` and `basic`."""
    return isinstance(form, Texts) or (isinstance(form, Numbers) and basic == STRING)


async def parse(source: Source, dbr: int, count: int, data: bytes | memoryview) -> Any:
    """The value that a put of many elements asks for, as `Source.parse`.

    Raises:
        RefusedError: it is none for this PV.
    """
    form, size = source.form, ELEMENT_SIZE[dbr]
    assert isinstance(form, Numbers | Texts)
    if count > form.nelm:
        raise RefusedError(f"{count} elements, and it holds {form.nelm}")
    if len(data) < count * size:
        raise RefusedError(f"the put announces {count} elements and brings fewer")
    parts: list[Any] = []
    for i in range(0, count, _SLICE):
        some = min(_SLICE, count - i)
        given = decode(dbr, some, data[i * size : (i + some) * size])
        parts.append(form.accept(given, source.meta))
        await asyncio.sleep(0)
    return form.join(parts)


async def pack(source: Source, basic: int, count: int) -> bytes:
    """The elements of `source`, at most `count`, as `basic`.

    Raises:
        ValueError: there is no such view.
    """
    form, meta, value = source.form, source.meta, source.value[:count]
    parts = []
    for i in range(0, len(value), _SLICE):
        parts.append(form.pack(value[i : i + _SLICE], basic, meta, _SLICE))
        await asyncio.sleep(0)
    return b"".join(parts)


def send(wire: Wire, subscriptions: Iterable[Subscription]) -> None:
    """Send the present value of `wire` when it is packed.

    Changes that come meanwhile are one event.
    """
    running = wire.late is not None
    wire.late = (wire.late or {}) | dict.fromkeys(subscriptions)
    if not running:
        for subscription in wire.late:
            subscription.circuit.server.spawn(_send(wire))
            break


async def _send(wire: Wire) -> None:
    while wire.late:
        waiting, wire.late = wire.late, {}
        try:
            body = await wire.pack_slowly()
            head = wire.event_head
        except ValueError:
            head, body = wire.failure()
        for subscription in waiting:
            if subscription in wire.subscriptions:
                subscription.circuit.send_event(subscription, head, body)
    wire.late = None
