"""What follows a source gets its events, whatever it makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from daqpv.core import Alarm, Severity, Status
from daqpv.serve.pv.channel import Channel
from daqpv.serve.pv.follower import Packed, Writer
from daqpv.serve.pv.masks import DBE_ALARM, DBE_LOG, DBE_VALUE
from daqpv.serve.pv.outbox import Outbox
from daqpv.serve.values.forms import Real
from daqpv.serve.values.meta import Meta

MAJOR = Alarm(Severity.MAJOR, Status.COMM, "no answer")


class Kept:
    """A follower that remembers its events, and writes."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.events: list[tuple[int, float]] = []
        self.sent = 0

    def changed(self, mask: int, writers: set[Writer]) -> int:
        self.events.append((mask, self.channel.value))
        writers.add(self)
        return 1

    def send(self) -> None:
        self.sent += 1


def channel() -> Channel:
    made = Channel("P:A", Real(), Meta())
    made.post(0.0)
    return made


async def test_each_change_is_one_event_and_one_write() -> None:
    outbox, pv = Outbox(), channel()
    outbox.open(asyncio.get_running_loop())
    kept = Kept(pv)
    pv.follow(kept, outbox)
    pv.post(1.0)
    pv.post(2.0)
    pv.post(2.0, alarm=MAJOR)
    assert kept.sent == 0
    await asyncio.sleep(0)
    both = DBE_VALUE | DBE_LOG
    assert kept.events == [(both, 1.0), (both, 2.0), (DBE_ALARM, 2.0)]
    assert (kept.sent, outbox.events) == (1, 3)


def test_before_the_loop_runs_nothing_is_sent() -> None:
    outbox, pv = Outbox(), channel()
    kept = Kept(pv)
    pv.follow(kept, outbox)
    pv.post(1.0)
    assert kept.events == []
    outbox.drain()
    assert [value for _, value in kept.events] == [1.0]


def test_a_source_that_nobody_follows_marks_nothing() -> None:
    outbox, pv = Outbox(), channel()
    one, other = Kept(pv), Kept(pv)
    pv.follow(one, outbox)
    pv.follow(other, outbox)
    pv.unfollow(one)
    pv.post(1.0)
    outbox.drain()
    assert (len(one.events), len(other.events)) == (0, 1)
    pv.unfollow(other)
    pv.post(2.0)
    assert pv.outbox is None
    assert not outbox.dirty


def test_what_was_packed_is_packed_anew_after_each_change() -> None:
    pv, packed = channel(), Packed()
    pv.packed.append(packed)
    changes: list[Callable[[], None]] = [
        lambda: pv.post(1.0),
        lambda: pv.rejudge(MAJOR),
        lambda: pv.change_meta(Meta(units="V")),
        pv.repost,
        lambda: pv.stamp(pv.time + 1),
    ]
    for change in changes:
        packed.body = b"old"
        change()
        assert packed.body is None


def test_a_new_dead_band_is_around_the_present_value() -> None:
    outbox, pv = Outbox(), channel()
    pv.post(5.0)  # nobody follows it
    pv.change_meta(Meta(mdel=2.0, adel=2.0))
    kept = Kept(pv)
    pv.follow(kept, outbox)
    for value in (6.0, 7.0, 7.5, 5.0):
        pv.post(value)
        outbox.drain()
    both = DBE_VALUE | DBE_LOG
    assert kept.events == [(both, 7.5), (both, 5.0)]
