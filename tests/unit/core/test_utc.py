"""Times as text, in UTC."""

from __future__ import annotations

from daqpv.core.timing.utc import (
    clock_text,
    date_text,
    iso_text,
    time_text,
    utc_text,
)

TIME = 1795913004.25


def test_date_and_time_of_day() -> None:
    assert time_text(TIME) == "2026-11-29 00:43:24"
    assert time_text(TIME, "minutes") == "2026-11-29 00:43"
    assert time_text(TIME, "microseconds") == "2026-11-29 00:43:24.250000"
    assert utc_text(TIME) == "2026-11-29 00:43:24 UTC"
    assert utc_text(TIME, "minutes") == "2026-11-29 00:43 UTC"


def test_iso_8601() -> None:
    assert iso_text(TIME) == "2026-11-29T00:43:24.250000Z"
    assert iso_text(TIME, "milliseconds") == "2026-11-29T00:43:24.250Z"
    assert iso_text(TIME // 1, "auto") == "2026-11-29T00:43:24Z"


def test_parts() -> None:
    assert (date_text(TIME), clock_text(TIME)) == ("2026-11-29", "00:43:24")
