"""PVs of properties of a snapshot: looked at when what they are made from moved."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daqpv.core import Device, DeviceSnapshot, Events, made_from
from daqpv.serve import Group, longin

looked: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(DeviceSnapshot):
    left: int = 1
    right: int = 2

    @property
    @made_from("left")
    def double(self) -> int:
        looked.append("double")
        return 2 * self.left

    @property
    def total(self) -> int:
        looked.append("total")
        return self.left + self.right


class PairGroup(Group[Device[Pair]]):
    double = longin("Double")
    total = longin("Total")


def show() -> tuple[Device[Pair], PairGroup]:
    device = Device("pair", Pair(known=True), events=Events())
    group = PairGroup("T:", device)
    device.watch(group.show)
    looked.clear()
    return device, group


def test_a_property_is_looked_at_when_its_field_changes() -> None:
    device, group = show()
    device.change(replace(device.snapshot, left=3))
    assert (group.double.value, group.total.value) == (6, 5)


def test_a_property_is_left_alone_when_another_field_changes() -> None:
    device, group = show()
    device.change(replace(device.snapshot, right=5))
    assert "double" not in looked
    assert (group.double.value, group.total.value) == (2, 6)


def test_nothing_is_looked_at_when_nothing_changed() -> None:
    device, _ = show()
    device.change(device.snapshot, at=device.snapshot.time + 1)
    assert looked == []
