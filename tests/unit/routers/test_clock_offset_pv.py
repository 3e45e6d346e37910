"""ClockOffset of a router whose computer does not tell its time."""

from __future__ import annotations

import math

from daqpv.core import Condition, Device, Events, Severity
from daqpv.iocs.router import RouterGroup
from daqpv.routers import RouterSnapshot


async def test_a_clock_that_is_not_read_is_no_alarm_and_an_unknown_disk_is() -> None:
    snapshot = RouterSnapshot(known=True, online=True, condition=Condition.OK)
    router = Device("data0", snapshot, events=Events())
    group = RouterGroup("R:", router)  # type: ignore[arg-type] - it is only shown
    router.watch(group.show)
    assert math.isnan(group.clock_offset.value)
    assert group.clock_offset.alarm.severity is Severity.NO_ALARM
    assert group.disk_free.alarm.severity is Severity.INVALID
