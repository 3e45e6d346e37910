"""A source as one client sees it through the filters of the channel's name."""

from __future__ import annotations

import time as clock
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import numpy as np

from daqpv.serve.ca.protocol import CHAR
from daqpv.serve.ca.wire import Source, Wire
from daqpv.serve.pv.fields import Field
from daqpv.serve.pv.filters import Filters, Part
from daqpv.serve.values.arrays import LongText, Numbers, Texts
from daqpv.serve.values.forms import Form
from daqpv.serve.values.meta import Meta

if TYPE_CHECKING:
    from daqpv.serve.ca.connected import Subscription


class Filtered(Source):
    """What filters let through of another source.

    It is made for one client's channel, and once more for each of its gets and
    subscriptions: each of those is a value of its own, that of the last event that
    passed. So a client that was slow gets what has passed, as a C IOC does it.

    Args:
        name: as the client knows it.
        base: what is filtered.
        filters: from the name.
    """

    __slots__ = ("_filters", "_gates", "_parts", "base")

    cached = False

    def __init__(self, name: str, base: Source, filters: Filters) -> None:
        form, self._parts = _shaped(base.form, filters.parts)
        super().__init__(name, form, base.meta, form.blank, base.alarm, base.time)
        self.base = base
        self._filters = filters
        self._gates = [make() for make in filters.gates]
        self._take()

    @property
    def meta(self) -> Meta:
        """Units, limits, labels."""
        return self.base.meta

    @property
    def record(self) -> str:
        """The record type."""
        return self.base.record

    @property
    def prefix(self) -> str:
        """As without filters."""
        return self.base.prefix

    @property
    def target(self) -> Source:
        """A put goes past the filters: into an array from its first element on."""
        return self.base

    def rights(self, user: str, host: str) -> int:
        """As without filters."""
        return self.base.rights(user, host)

    def refresh(self) -> Coroutine[Any, Any, None] | None:
        """As without filters."""
        return self.base.refresh()

    def refresh_now(self) -> None:
        """As without filters."""
        self.base.refresh_now()

    def stsack(self) -> tuple[int, int]:
        """As without filters."""
        return self.base.stsack()

    def wire(self, dbr: int, count: int) -> Wire:
        """The value for one get or one subscription.

        A client may ask for as many elements as there are without filters; those that
        do not pass are zeros.
        """
        self.base.check_wire(dbr, count)
        own = Filtered(self.name, self.base, self._filters)
        wire = Wire(own, dbr, count)
        own.wires.append(wire)
        return wire

    # -- events ------------------------------------------------------------------------

    def attach(self, subscription: Subscription) -> None:
        """Follow the source that is filtered; the present value is the first event."""
        super().attach(subscription)
        base = self.base
        base.outbox = self.outbox
        base.views = (*base.views, self)
        self._admits(subscription.mask)
        self._take()

    def detach(self, subscription: Subscription) -> None:
        """Follow it no more."""
        super().detach(subscription)
        self.base.views = tuple(view for view in self.base.views if view is not self)
        self.base.rest()

    def passed(self, mask: int) -> Subscription | None:
        """Whom to tell of an event of the source; None: it does not pass.

        Args:
            mask: what has changed.
        """
        (subscription,) = self.wires[0].subscriptions
        mask &= subscription.mask
        if not (mask and self._admits(mask)):
            return None
        self._take()
        return subscription

    def _admits(self, mask: int) -> bool:
        return all(gate.passes(self.base.value, mask) for gate in self._gates)

    def _take(self) -> None:
        base = self.base
        self.value = self._cut(base.value) if self._parts else base.value
        self.alarm = base.alarm
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
    """The form of what is left of an array, and the parts that act on it.

    What has one element, or had none to begin with, is left as it is.
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
    native = form.native if isinstance(form, Numbers) else CHAR
    return Numbers(native, nelm), tuple(acting)
