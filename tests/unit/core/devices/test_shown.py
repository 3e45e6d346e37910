"""What watchers are shown, and how snapshots follow each other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import pytest

from daqpv.core import Events, Shown, Snapshot


@dataclass(frozen=True, kw_only=True)
class Speed(Snapshot):
    value: float = 0.0
    limit: float = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlottedSpeed(Snapshot):
    value: float = 0.0
    limit: float = 9.0


@dataclass(frozen=True, kw_only=True)
class JudgedSpeed(Speed):
    @cached_property
    def is_fast(self) -> bool:
        return self.value > self.limit


def shown(snapshot: Speed | SlottedSpeed) -> Shown[Speed | SlottedSpeed]:
    return Shown("car", snapshot, events=Events())


def test_a_watcher_of_certain_fields_is_shown_no_others() -> None:
    car, seen = shown(Speed()), list[tuple[float, frozenset[str]]]()

    def watch(snapshot: Speed | SlottedSpeed, changed: Collection[str]) -> None:
        seen.append((snapshot.value, frozenset(changed)))

    car.watch(watch, only={"value"})
    car.update({"limit": 5.0})
    car.update({}, at=car.snapshot.time + 0.1)  # seen again, unchanged
    car.update({"limit": 6.0, "value": 3.0})

    assert seen[0][0] == 0.0
    assert seen[1:] == [(3.0, frozenset({"limit", "value"}))]


@pytest.mark.parametrize("kind", [Speed, SlottedSpeed])
def test_a_change_leaves_the_snapshot_before_as_it_was(
    kind: type[Speed | SlottedSpeed],
) -> None:
    car = shown(kind(limit=5.0))
    before = car.snapshot
    car.update({"value": 3.0})

    assert (before.value, before.limit) == (0.0, 5.0)
    assert (car.snapshot.value, car.snapshot.limit) == (3.0, 5.0)
    assert car.snapshot == kind(value=3.0, limit=5.0, time=car.snapshot.time)
    assert car.snapshot.time > before.time


def test_what_was_computed_of_a_snapshot_is_not_that_of_the_next() -> None:
    car = shown(JudgedSpeed())
    for value, is_fast in ((3.0, False), (20.0, True), (4.0, False)):
        car.update({"value": value})
        assert isinstance(car.snapshot, JudgedSpeed)
        assert car.snapshot.is_fast is is_fast
