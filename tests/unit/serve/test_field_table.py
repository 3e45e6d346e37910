"""Fields of a record are made when they are asked for, and follow it while followed."""

from __future__ import annotations

from daqpv.serve.pv.channel import Channel
from daqpv.serve.pv.fields import FieldTable, find_field
from daqpv.serve.pv.outbox import Outbox
from daqpv.serve.values.arrays import LongText
from daqpv.serve.values.forms import Real
from daqpv.serve.values.meta import Meta


class Follower:
    def __init__(self) -> None:
        self.masks: list[int] = []

    def changed(self, mask: int, writers: object) -> int:
        self.masks.append(mask)
        return 1


def channel() -> Channel:
    made = Channel("P:A", Real(), Meta(desc="a flow"))
    made.post(1.0)
    return made


def test_a_field_is_made_once() -> None:
    pv = channel()
    assert pv.fields is None
    desc = find_field(pv, "DESC")
    assert desc is not None
    assert desc.value == "a flow"
    assert find_field(pv, "DESC") is desc
    assert isinstance(pv.fields, FieldTable)


def test_a_field_that_the_record_type_does_not_have_is_none() -> None:
    assert find_field(channel(), "NONSENSE") is None
    assert find_field(channel(), "STAT$") is None


def test_the_value_is_the_channel_itself() -> None:
    pv, text = channel(), Channel("P:T", LongText(100), Meta())
    assert find_field(pv, "VAL") is pv
    assert find_field(text, "VAL$") is text


def test_a_field_that_is_followed_follows_its_record() -> None:
    pv, outbox, follower = channel(), Outbox(), Follower()
    time, name = find_field(pv, "TIME"), find_field(pv, "NAME")
    assert time is not None
    assert name is not None
    time.follow(follower, outbox)
    name.follow(follower, outbox)
    pv.post(2.0)
    outbox.drain()
    assert len(follower.masks) == 1  # the name is what it was
    time.unfollow(follower)
    pv.post(3.0)
    assert not outbox.dirty
