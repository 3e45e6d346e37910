"""ClockOffset of a router whose computer does not tell its time."""

from __future__ import annotations

import math

from daqpv.core import Condition, Severity
from daqpv.iocs.router import RouterGroup
from tests.support.routers import Watched


async def test_a_clock_that_is_not_read_is_no_alarm_and_an_unknown_disk_is() -> None:
    router = Watched(known=True, online=True, condition=Condition.OK).router
    group = RouterGroup("R:", router)
    router.watch(group.show)
    assert math.isnan(group.clock_offset.value)
    assert group.clock_offset.alarm.severity is Severity.NO_ALARM
    assert group.disk_free.alarm.severity is Severity.INVALID
