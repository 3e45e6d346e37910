"""What a snapshot says that it judges is what it judges."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from daqpv.core import Condition, DeviceSnapshot, Result, Severity, Snapshot
from daqpv.ecc import EccSnapshot
from daqpv.process import ProcessSnapshot
from daqpv.system.snapshot import SystemSnapshot

MOMENTS: list[dict[str, Any]] = [
    {"condition": condition, "result": result, "known": True, "enabled": enabled}
    for condition, result, enabled in product(Condition, Result, (True, False))
]


@pytest.mark.parametrize(
    "snapshot",
    [
        DeviceSnapshot(),
        EccSnapshot(),
        ProcessSnapshot(simulated=True, duplicate=True, file_differs=True),
        SystemSnapshot(enabled_count=2, online_count=1, troubled=("CoBo1",)),
    ],
)
def test_a_field_is_judged_if_it_is_ever_in_alarm_by_itself(
    snapshot: Snapshot,
) -> None:
    moments = MOMENTS if isinstance(snapshot, DeviceSnapshot) else [{}]
    own = {
        field
        for field in snapshot.__dataclass_fields__
        for moment in moments
        if replace(snapshot, **moment).severity(field)
        in (Severity.MINOR, Severity.MAJOR)
    }
    assert own == type(snapshot).judged
