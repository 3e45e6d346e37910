"""Times of lines: forms, zones, the hours when clocks are set, and many at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daqpv.instruments.parsing import Times

PARIS = "Europe/Paris"


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%Y-%m-%d %H:%M:%S", "2026-11-29 11:00:05", "2026-11-29 11:00:05"),
        ("%Y-%m-%d %H:%M:%S", "2026-11-29  11:00:05", "2026-11-29 11:00:05"),
        ("%Y-%m-%d %H:%M:%S", "2026-1-2 3:4:5", "2026-01-02 03:04:05"),
        ("%Y-%m-%d %H:%M:%S", "2026-11-29 11:00:05.25", "2026-11-29 11:00:05.25"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-11-29 11:00:05", "2026-11-29 11:00:05"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-11-29 11:00:05,5", "2026-11-29 11:00:05.5"),
        ("%d/%m/%y %H:%M", "29/11/26 11:05", "2026-11-29 11:05"),
        ("%y%m%d%H%M%S", "691231235959", "1969-12-31 23:59:59"),
        ("%y%m%d%H%M%S", "681231235959", "2068-12-31 23:59:59"),
        ("%D %T", "11/29/26 11:05:06", "2026-11-29 11:05:06"),
        (
            "%a %d %b %Y %I:%M:%S %p",
            "Sun 29 NOV 2026 12:05:06 AM",
            "2026-11-29 00:05:06",
        ),
        ("%d. %B %Y %H%%", "2. march 2026 7%", "2026-03-02 07:00"),
        ("%Y %j %H:%M", "2028 366 01:02", "2028-12-31 01:02"),
        ("%s", "1795950005", "2026-11-29 11:00:05"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-29T11:00:05+02:00", "2026-11-29 09:00:05"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-29T11:00:05Z", "2026-11-29 11:00:05"),
        ("YYYY/MM/DD HH:mm:ss", "2026/11/29 11:00:05", "2026-11-29 11:00:05"),
        (
            "YYYY-MM-DDTHH:mm:ss.SSSZ",
            "2026-11-29T11:00:05.125-0330",
            "2026-11-29 14:30:05.125",
        ),
        ("D MMM YY h:mm a", "9 Nov 26 1:05 pm", "2026-11-09 13:05"),
        ("DD.MM.YYYY hh:mm:ss A", "29.11.2026 12:00:00 PM", "2026-11-29 12:00"),
        ("YYYY DDDD HH", "2026 032 11", "2026-02-01 11:00"),
        (
            "dddd, MMMM D YYYY [at] H",
            "Sunday, November 29 2026 at 7",
            "2026-11-29 07:00",
        ),
        ("X", "1795950005.5", "2026-11-29 11:00:05.5"),
        ("x", "1795950005500", "2026-11-29 11:00:05.5"),
        ("unix", "1795950005.5", "2026-11-29 11:00:05.5"),
        ("unix", "1.7959500055E9", "2026-11-29 11:00:05.5"),
        ("unix ms", "1795950005123", "2026-11-29 11:00:05.123"),
        ("NOFORMAT", "1795950005", "2026-11-29 11:00:05"),
        ("MILLISECOND", "1795950005123", "2026-11-29 11:00:05.123"),
        ("iso", "2026-11-29T11:00:05.5+01:00", "2026-11-29 10:00:05.5"),
        ("iso", "20261129T110005", "2026-11-29 11:00:05"),
        ("%H:%M:%S %d %m %Y", "23:59:60 31 12 2016", "2017-01-01"),  # a leap second
    ],
)
def test_a_time(form: str, text: str, expected: str) -> None:
    times = Times([form])
    assert times.read([text]) == utc(expected)
    assert times.read_all([np.array([text.encode()])]).tolist() == [utc(expected)]


def test_several_columns() -> None:
    texts = ["29/11/2026", " 11:00:05 "]
    assert Times(["DD/MM/YYYY HH:mm:ss"], "UTC", 2).read(texts) == 1795950005
    assert Times(["%d/%m/%Y", "%H:%M:%S"], "UTC", 2).read(texts) == 1795950005
    columns = [np.array([b"29/11/2026"] * 2), np.array([b"11:00:05", b"11:00:06"])]
    found = Times(["%d/%m/%Y", "%H:%M:%S"], "UTC", 2).read_all(columns)
    assert found.tolist() == [1795950005, 1795950006]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", "11:00"),
        ("+02:00", "09:00"),
        ("-0330", "14:30"),
        ("+02", "09:00"),
        (PARIS, "10:00"),
        ("America/New_York", "16:00"),
        ("Asia/Kathmandu", "05:15"),
    ],
)
def test_zones(zone: str, expected: str) -> None:
    times = Times(["YYYY-MM-DD HH:mm"], zone)
    assert times.read(["2026-11-29 11:00"]) == utc(f"2026-11-29 {expected}")
    assert Times(["iso"], zone).read(["2026-11-29T11:00"]) == utc(
        f"2026-11-29 {expected}"
    )


def test_the_zone_of_this_computer() -> None:
    when = datetime(2026, 7, 1, 12)  # noqa: DTZ001 - of this computer
    assert Times(["iso"], "local").read([when.isoformat()]) == when.timestamp()


def test_the_hour_that_comes_twice() -> None:
    """On 2026-10-25 at 03:00 CEST clocks go back to 02:00 CET."""
    times = Times(["%Y-%m-%d %H:%M"], PARIS)
    begin = utc("2026-10-24 23:50")
    stamps = [begin + 600 * n for n in range(24)]
    zone = ZoneInfo(PARIS)
    texts = [datetime.fromtimestamp(s, zone).strftime("%Y-%m-%d %H:%M") for s in stamps]
    assert len(set(texts)) == len(stamps) - 6
    found, after = [], None
    for text in texts:
        after = times.read([text], after=after)
        found.append(after)
    assert found == stamps
    assert times.read_all([np.array(texts, dtype="S16")]).tolist() == stamps


def test_the_hour_that_comes_twice_goes_on_where_it_was() -> None:
    times = Times(["%Y-%m-%d %H:%M"], PARIS)
    text, early = "2026-10-25 02:10", utc("2026-10-25 00:10")
    assert times.read([text]) == early
    assert times.read([text], after=early) == early
    assert times.read([text], after=early + 60) == early + 3600
    column = [np.array([text.encode()])]
    assert times.read_all(column).tolist() == [early]
    assert times.read_all(column, after=early + 60).tolist() == [early + 3600]


def test_the_word_for_winter_time_tells_the_hours_apart() -> None:
    times = Times(["%Y-%m-%d %H:%M %Z"], PARIS)
    assert times.read(["2026-10-25 02:10 CEST"]) == utc("2026-10-25 00:10")
    assert times.read(["2026-10-25 02:10 CET"]) == utc("2026-10-25 01:10")
    assert times.read(["2026-10-25 02:10 UTC"]) == utc("2026-10-25 02:10")
    with pytest.raises(ValueError, match="'EST' is not the time of the zone Europe"):
        times.read(["2026-10-25 02:10 EST"])


def test_the_hour_that_is_left_out() -> None:
    times = Times(["%Y-%m-%d %H:%M"], PARIS)
    why = "2027-03-28 02:30 does not exist in the zone Europe/Paris: clocks are set"
    with pytest.raises(ValueError, match=why):
        times.read(["2027-03-28 02:30"])
    with pytest.raises(ValueError, match=why):
        times.read_all([np.array([b"2027-03-28 01:30", b"2027-03-28 02:30"])])
    assert times.read(["2027-03-28 03:00"]) == utc("2027-03-28 01:00")


def test_half_an_hour_on_lord_howe_island() -> None:
    times = Times(["iso"], "Australia/Lord_Howe")
    with pytest.raises(ValueError, match="does not exist"):
        times.read(["2026-10-04T02:15"])
    assert times.read(["2026-10-04T02:30"]) == utc("2026-10-03 15:30")


@pytest.mark.parametrize(
    ("form", "text", "why"),
    [
        ("%Y-%m-%d", "2026-02-30", "'2026-02-30' is no time '%Y-%m-%d': day is out of"),
        ("%Y-%m-%d", "x" * 50, "xxx...' is no time"),
        ("%Y-%m-%d", "", "'' is no time"),
        ("%Y-%m-%d %H", "2026-02-03 24", "there is no 24:00:00"),
        ("%Y-%m-%d %I %p", "2026-02-03 13 PM", "there is no hour 13 of 12"),
        ("%Y %j", "2026 366", "2026 has no day 366"),
        ("%Y %j", "2026 0", "2026 has no day 0"),
        ("%Y-%m-%d", "0000-01-01", "year 0 is out of range"),
        ("%Y-%m-%dT%H%z", "2026-01-01T00+25:00", "'+25:00' is no difference to UTC"),
        ("unix", "1_000", "'1_000' is no time"),
        ("unix", "nan", "'nan' is no time"),
        ("unix", "", "'' is no time"),
        ("iso", "2026-13-01", "month must be in 1..12"),
    ],
)
def test_a_wrong_time(form: str, text: str, why: str) -> None:
    times = Times([form])
    with pytest.raises(ValueError, match=re.escape(why)):
        times.read([text])
    with pytest.raises(ValueError, match="time"):
        times.read_all([np.array([text.encode()] * 2)])


@pytest.mark.parametrize(
    ("formats", "zone", "why"),
    [
        (["%H:%M"], "UTC", "the time '%H:%M' has no date. It is strptime"),
        (["hello"], "UTC", "has no date"),
        ([""], "UTC", "has no date"),
        (["%Y-%m-%d %Y"], "UTC", "has the year twice"),
        (["%Y-%m-%d %G"], "UTC", "'%G' in the time"),
        (["%Y-%m-%d %"], "UTC", "'%' in the time"),
        (["%Y-%m-%d %I"], "UTC", "hours to 12 without AM or PM"),
        (["iso", "iso"], "UTC", "2 texts for the time, and 3 columns of it"),
        (["iso"], "Europe", "there is no time zone 'Europe': use UTC, local"),
        (["iso"], "", "there is no time zone ''"),
        (["iso"], "/etc/passwd", "there is no time zone"),
        (["iso"], "+25:00", "is no difference to UTC"),
    ],
)
def test_a_wrong_form(formats: list[str], zone: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Times(formats, zone, 3 if len(formats) > 1 else 1)


FORMS = [
    "%Y-%m-%d %H:%M:%S",
    "%d/%m/%y %H:%M:%S.%f",
    "YYYYMMDDHHmmss",
    "YYYY-DDDD[ at ]HH:mm:ss",
    "%d %b %Y %I:%M:%S %p",
]
moments = st.datetimes(datetime(1971, 1, 1), datetime(2068, 1, 1))  # noqa: DTZ001


@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from(FORMS))
def test_many_are_as_one_by_one(whens: list[datetime], form: str) -> None:
    directives = form.replace("[ at ]", " at ")
    for token, directive in (
        *(("YYYY", "%Y"), ("DDDD", "%j"), ("MM", "%m"), ("DD", "%d")),
        *(("HH", "%H"), ("mm", "%M"), ("ss", "%S")),
    ):
        directives = directives.replace(token, directive)
    texts = [when.strftime(directives).encode() for when in whens]
    times = Times([form])
    found = times.read_all([np.array(texts)])
    alone = [times.read([text.decode()]) for text in texts]
    assert found == pytest.approx(alone, abs=1e-6)
    step = 1e-6 if "f" in form else 1
    for when, stamp in zip(whens, alone, strict=True):
        true = when.replace(tzinfo=UTC)
        assert abs(true - datetime.fromtimestamp(stamp, UTC)) < timedelta(
            seconds=2 * step
        )


@given(st.lists(st.binary(max_size=24), min_size=1, max_size=4), st.sampled_from(FORMS))
def test_any_bytes_are_read_or_refused(texts: list[bytes], form: str) -> None:
    for zone in ("UTC", PARIS):
        times = Times([form], zone)
        try:
            found = times.read_all([np.array(texts)])
        except ValueError:
            continue
        assert np.isfinite(found).all()


@given(st.text("0123456789-:. TZ+", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for form in [*FORMS, "iso", "unix", "x", "%Y-%m-%d%z"]:
        try:
            stamp = Times([form], "local").read([text])
        except ValueError:
            continue
        assert isinstance(stamp, float)


@given(st.text("%YmdHMSfjyIpbzZsTDF -:.[]DhaAXx", max_size=20))
def test_any_form_is_made_or_refused(form: str) -> None:
    try:
        times = Times([form])
    except ValueError:
        return
    with pytest.raises(ValueError, match="is no time"):
        times.read(["nothing of the sort"])


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%d %H:%M:%S.%f", "%d.%m.%y %I:%M:%S.%f %p", "%b %d, %Y %H:%M:%S.%f"),
        *("YYYY-DDDD HH:mm:ss.SSS", "%Y-%m-%dT%H:%M:%S.%f%z", "iso", "unix", "unix ms"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "+02:30"])
def test_what_a_simulator_writes_is_read_back(form: str, zone: str) -> None:
    times = Times([form], zone)
    for time in (0.25, 1_700_000_000.125, 1_720_000_000.5):
        assert times.read([times.written(time)]) == time
