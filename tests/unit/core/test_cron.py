"""The five fields of cron."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.core.timing.schedule import cron


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("* * * * *", "2026-11-29 07:59:59", "2026-11-29 08:00"),
        ("* * * * *", "2026-11-29 08:00", "2026-11-29 08:01"),
        ("30 4 * * *", "2026-11-29 04:30", "2026-11-30 04:30"),
        ("*/15 * * * *", "2026-11-29 23:46", "2026-11-30 00:00"),
        ("5,35 8-16/4 * * *", "2026-11-29 08:35", "2026-11-29 12:05"),
        ("50/4 * * * *", "2026-11-29 08:51", "2026-11-29 08:54"),
        ("0 0 1 * *", "2026-12-02", "2027-01-01"),  # over the year
        ("0 0 31 * *", "2026-03-31", "2026-05-31"),  # April has none
        ("0 0 30 * *", "2027-01-30", "2027-03-30"),  # February has none
        ("0 0 29 2 *", "2026-01-01", "2028-02-29"),  # a leap year
        ("0 0 29 2 *", "2096-02-29", "2104-02-29"),  # 2100 is none
        ("0 0 * * sun", "2026-11-29", "2026-12-06"),
        ("0 0 * * 7", "2026-11-29", "2026-12-06"),
        ("0 0 * * 0", "2026-11-28", "2026-11-29"),
        ("0 0 * jan,JUL Mon-fri", "2026-12-31", "2027-01-01"),
        ("0 0 13 * 5", "2026-11-01", "2026-11-06"),  # a 13th or a Friday
        ("0 0 */2 * 5", "2026-11-01", "2026-11-13"),  # an odd day and a Friday
        ("30 2 * * *", "2027-03-28 01:00", "2027-03-28 02:30"),  # no summer time
        ("30 2 * * *", "2027-10-31 02:30", "2027-11-01 02:30"),
    ],
)
def test_the_next_time(text: str, after: str, expected: str) -> None:
    assert cron(text).next(at(after)) == at(expected)


def test_a_time_of_another_zone_is_understood() -> None:
    after = datetime.fromisoformat("2026-11-29T23:30:00-05:00")
    assert cron("0 4 * * *").next(after) == at("2026-12-01 04:00")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 fields, not minute, hour"),
        ("0 4 * *", "4 fields, not minute, hour"),
        ("0 0 4 * * *", "6 fields"),
        ("60 * * * *", r"'60' is no minute: 0 to 59, like 5, 1-5, \*/10 or 1,15"),
        ("* 24 * * *", "'24' is no hour: 0 to 23"),
        ("* * 0 * *", "'0' is no day of the month: 1 to 31"),
        ("* * * 13 *", "'13' is no month"),
        ("* * * * mond", "'mond' is no day of the week"),
        ("* * * * 8", "'8' is no day of the week"),
        ("5-1 * * * *", "'5-1' is no minute"),
        ("*/0 * * * *", r"'\*/0' is no minute"),
        ("1, * * * *", "'' is no minute"),
        ("-5 * * * *", "'-5' is no minute"),
        ("² * * * *", "'²' is no minute"),
        ("0 0 31 feb,apr *", "never comes: no month has such a day"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        cron(text)


def test_it_is_a_value() -> None:
    assert cron("0 4 * * *") == cron("0 4 * * *")
    assert len({cron("0 4 * * *"), cron("0 4 * * *"), cron("0 5 * * *")}) == 2


FIELDS = st.tuples(
    st.sampled_from(["*", "0", "7,59", "*/20", "10-12"]),
    st.sampled_from(["*", "0", "23", "8-20/6"]),
    st.sampled_from(["*", "1", "31", "*/10", "29,30"]),
    st.sampled_from(["*", "2", "1,12", "jun-aug"]),
    st.sampled_from(["*", "sun", "1-5", "7", "*/3"]),
)


@given(FIELDS, st.integers(1_700_000_000, 1_900_000_000))
def test_times_rise_and_the_next_does_not_depend_on_where_one_begins(
    fields: tuple[str, ...], begin: int
) -> None:
    try:
        schedule = cron(" ".join(fields))
    except ValueError:
        return  # 31 February
    times = [datetime.fromtimestamp(begin, UTC)]
    for _ in range(3):
        times.append(schedule.next(times[-1]))
    for before, after in pairwise(times):
        assert before < after
        assert schedule.next(before + (after - before) / 2) == after
        assert (after.second, after.microsecond) == (0, 0)
