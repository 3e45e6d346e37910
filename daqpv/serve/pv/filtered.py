"""A source behind the channel filters of one client."""

from __future__ import annotations

import time as clock
from collections.abc import Coroutine
from typing import Any

import numpy as np

from daqpv.serve.pv.fields import Field
from daqpv.serve.pv.filters import Filters, Part
from daqpv.serve.pv.follower import Follower, Writer
from daqpv.serve.pv.outbox import Outbox
from daqpv.serve.pv.source import Source
from daqpv.serve.values.arrays import LongText, Numbers, Texts
from daqpv.serve.values.elements import Element
from daqpv.serve.values.forms import Form


class Filtered(Source):
    """The values of another source that pass the filters.

    Each channel has one; each of its gets and subscriptions has another, with a value
    of its own: that of the last event that passed. So a slow client receives the last
    value that passed, as from a C IOC.

    Args:
        name: as the client requested it.
        base: the source to filter.
        filters: from the name.
        mask: the events that its one follower subscribed to.
    """

    __slots__ = ("_filters", "_gates", "_mask", "_parts", "base")

    cached = False

    def __init__(
        self, name: str, base: Source, filters: Filters, mask: int = 0
    ) -> None:
        form, self._parts = _shaped(base.form, filters.parts)
        super().__init__(name, form, base.meta, form.blank, base.alarm, base.time)
        self.base = base
        self._filters = filters
        self._mask = mask
        self._gates = [make() for make in filters.gates]
        self._take()

    @property
    def record(self) -> str:
        """The record type."""
        return self.base.record

    @property
    def prefix(self) -> str:
        """Prefix of the base."""
        return self.base.prefix

    @property
    def target(self) -> Source:
        """Puts bypass the filters: they write to an array from its first element on."""
        return self.base

    def rights(self, user: str, host: str) -> int:
        """Access rights to the base."""
        return self.base.rights(user, host)

    def refresh(self) -> Coroutine[Any, Any, None] | None:
        """Update the base before a get."""
        return self.base.refresh()

    def refresh_now(self) -> None:
        """Update the base before the first event."""
        self.base.refresh_now()

    def acknowledgement(self) -> tuple[int, int]:
        """ACKT and ACKS of the base."""
        return self.base.acknowledgement()

    def view(self, mask: int) -> Source:
        """Return the source for one get or one subscription."""
        return Filtered(self.name, self.base, self._filters, mask)

    # -- events ------------------------------------------------------------------------

    def follow(self, follower: Follower, outbox: Outbox) -> None:
        """Follow the base; the present value is the first event."""
        super().follow(follower, outbox)
        self.base.follow(self, outbox)
        self._admits(self._mask)
        self._take()

    def unfollow(self, follower: Follower) -> None:
        """Stop following the base."""
        super().unfollow(follower)
        self.base.unfollow(self)

    def changed(self, mask: int, writers: set[Writer]) -> int:
        """Pass an event of the base to the follower, if the filters let it through."""
        mask &= self._mask
        if not (mask and self._admits(mask)):
            return 0
        self._take()
        return sum(follower.changed(mask, writers) for follower in self.followers)

    def _admits(self, mask: int) -> bool:
        return all(gate.passes(self.base.value, mask) for gate in self._gates)

    def _take(self) -> None:
        base = self.base
        self.value = self._cut(base.value) if self._parts else base.value
        self.alarm, self.meta = base.alarm, base.meta
        self.time = clock.time() if self._filters.stamps else base.time
        self.stale()

    def _cut(self, value: Any) -> Any:
        base = self.base
        if not isinstance(base.form, LongText):
            for part in self._parts:
                value = value[part.of(len(value))]
            return value
        data = value.encode() + b"\0"
        field = isinstance(base, Field)  # all its bytes count, and it remains a text
        if field:
            data = data.ljust(base.form.nelm, b"\0")
        for part in self._parts:
            data = data[part.of(len(data))]
        if field and len(data) > 1:
            data = data[:-1].partition(b"\0")[0] + b"\0"
        return np.frombuffer(data, np.uint8)


def _shaped(form: Form, parts: tuple[Part, ...]) -> tuple[Form, tuple[Part, ...]]:
    """The form of the remaining part of an array, and the parts that apply to it.

    A value with a single element is not changed.
    """
    nelm, acting = form.nelm, []
    for part in parts:
        if nelm > 1:
            acting.append(part)
            nelm = part.count(nelm)
    if not acting:
        return form, ()
    if isinstance(form, Texts):
        return Texts(nelm), tuple(acting)
    assert isinstance(form, Numbers | LongText), "no other form has elements"
    native = form.native if isinstance(form, Numbers) else Element.CHAR
    return Numbers(native, nelm), tuple(acting)
