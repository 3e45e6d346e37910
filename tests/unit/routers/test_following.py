"""What is seen of a data router."""

from __future__ import annotations

import asyncio
import math

import pytest

from daqpv.core import Condition, Severity, Status
from daqpv.errors import ProtocolError
from daqpv.routers import Disk, printable
from daqpv.routers.following import _time_left
from tests.support.routers import HUNG, OFFLINE, Watched


async def test_files_disk_and_clock_are_shown(watched: Watched) -> None:
    watched.link.staging.update({b"a.graw": 100, b"b.graw": 200})
    await watched.until(lambda: watched.snapshot.files)
    snapshot = watched.snapshot
    assert snapshot.directory == "/data"
    assert snapshot.staged == ("a.graw", "b.graw")
    assert (snapshot.bytes, snapshot.staging_empty) == (300, False)
    assert (snapshot.disk_size, snapshot.disk_free, snapshot.disk_used) == (
        1e12, 4e11, 60.0,
    )  # fmt: skip
    assert snapshot.clock_offset == 0.25
    assert watched.told("online") == ["data0 answers: writes to /data"]


async def test_the_rate_is_the_growth_over_the_time_that_has_passed(
    watched: Watched,
) -> None:
    watched.link.staging.update({b"a.graw": 1e6, b"b.graw": 1e6})
    watched.link.rate = 3e6
    await asyncio.sleep(5)
    assert watched.snapshot.rate == pytest.approx(6e6, rel=0.02)
    assert watched.snapshot.rate_mb_s == watched.snapshot.rate / 1e6
    hours = 4e11 / watched.snapshot.rate / 3600
    assert watched.snapshot.disk_hours_left == pytest.approx(hours)


async def test_a_look_that_is_late_makes_no_other_rate(watched: Watched) -> None:
    watched.link.staging[b"a.graw"] = 0
    watched.link.rate = 1e6
    await asyncio.sleep(5)
    watched.link.fails = [HUNG, HUNG]  # two looks are missed: the next sees three times
    await watched.until(lambda: not watched.link.fails)
    await asyncio.sleep(2)
    assert watched.snapshot.rate == pytest.approx(1e6, rel=0.02)


async def test_a_move_is_no_negative_rate(watched: Watched) -> None:
    watched.link.staging.update({b"a.graw": 5e9, b"b.graw": 1})
    await asyncio.sleep(5)
    rates = []
    watched.router.watch(lambda snapshot, _: rates.append(snapshot.rate))
    del watched.link.staging[b"a.graw"]
    await watched.until(lambda: watched.snapshot.files == 1)
    assert set(rates) == {0.0}


async def test_a_file_that_is_begun_anew_counts_from_its_beginning(
    watched: Watched,
) -> None:
    watched.link.staging[b"a.graw"] = 5e9
    await asyncio.sleep(5)
    watched.link.staging[b"a.graw"] = 4e6
    await watched.until(lambda: watched.snapshot.bytes < 5e9)
    assert watched.snapshot.rate == pytest.approx(2e6, rel=0.02)


async def test_a_disk_that_does_not_fill_has_no_time_left(watched: Watched) -> None:
    assert watched.snapshot.disk_hours_left == 9999


@pytest.mark.parametrize(
    ("free", "rate", "hours"),
    [(4e11, 1.0, 9999), (7.2e9, 1e6, 2.0), (4e6, 0.0, 0.0), (math.nan, 1e6, math.nan)],
)
def test_time_left_of_a_disk(free: float, rate: float, hours: float) -> None:
    assert _time_left(free, rate) / 3600 == pytest.approx(hours, nan_ok=True)


async def test_an_empty_page_keeps_the_last_values(watched: Watched) -> None:
    watched.link.staging[b"a.graw"] = 0
    watched.link.rate = 1e6
    await asyncio.sleep(5)
    before = watched.snapshot
    watched.link.empty = True
    await asyncio.sleep(20)
    after = watched.snapshot
    assert (after.bytes, after.rate, after.online) == (before.bytes, before.rate, True)
    assert after.time > before.time
    watched.link.empty = False
    await watched.until(lambda: watched.snapshot.bytes > before.bytes)
    assert watched.snapshot.rate == pytest.approx(1e6, rel=0.02)


@pytest.mark.parametrize(
    ("error", "condition", "bearer"),
    [
        (OFFLINE, Condition.OFFLINE, "online"),
        (HUNG, Condition.HUNG, "online"),
        (ProtocolError("/data: Permission denied"), Condition.ERROR, "condition"),
    ],
)
async def test_three_missed_looks_are_a_loss(
    watched: Watched, error: Exception, condition: Condition, bearer: str
) -> None:
    watched.link.fails = [error] * 2
    await asyncio.sleep(10)
    assert watched.snapshot.condition is Condition.OK
    watched.link.lost = error
    await watched.until(lambda: watched.snapshot.is_lost)
    snapshot = watched.snapshot
    assert snapshot.condition is condition
    assert snapshot.severity(bearer) is Severity.MAJOR
    for field in ("rate_mb_s", "data", "files", "disk_free_gb", "staging_empty"):
        assert snapshot.severity(field) is Severity.INVALID
    assert snapshot.message == f"{condition.label}: {error}."
    assert watched.told("lost") == [snapshot.message]
    watched.link.lost = None
    await watched.until(lambda: not watched.snapshot.is_lost)
    assert watched.told("online")[-1] == "data0 answers again: writes to /data"


async def test_what_grew_while_it_was_lost_is_no_rate(watched: Watched) -> None:
    watched.link.staging[b"a.graw"] = 0
    watched.link.lost = OFFLINE
    await watched.until(lambda: watched.snapshot.is_lost)
    watched.link.staging[b"a.graw"] = 1e12
    watched.link.lost = None
    await watched.until(lambda: not watched.snapshot.is_lost)
    assert watched.snapshot.rate == 0


async def test_no_data_in_a_run_is_one_alarm_and_one_event(watched: Watched) -> None:
    watched.link.staging[b"a.graw"] = 0
    watched.router.expect_data(True)
    await asyncio.sleep(8)
    assert not watched.snapshot.silent
    await asyncio.sleep(8)
    snapshot = watched.snapshot
    assert snapshot.silent
    alarm = snapshot.alarm("rate_mb_s")
    assert alarm[:2] == (Severity.MAJOR, Status.STATE)
    others = {"online", "condition", "data", "files"}
    assert {snapshot.severity(field) for field in others} == {Severity.NO_ALARM}
    assert len(watched.told("no data")) == 1
    watched.link.rate = 1e6
    await watched.until(lambda: not watched.snapshot.silent)
    assert watched.told("data again") == ["data0 writes again"]


async def test_without_a_run_nothing_has_to_come(watched: Watched) -> None:
    watched.router.expect_data(True)
    await watched.until(lambda: watched.snapshot.silent)
    watched.router.expect_data(False)
    assert not watched.snapshot.silent
    await asyncio.sleep(60)
    assert len(watched.told("no data")) == 1


async def test_who_is_lost_is_not_silent_as_well(watched: Watched) -> None:
    watched.router.expect_data(True)
    await watched.until(lambda: watched.snapshot.silent)
    watched.link.lost = OFFLINE
    await watched.until(lambda: watched.snapshot.is_lost)
    assert not watched.snapshot.silent
    assert watched.snapshot.alarm("rate_mb_s").severity is Severity.INVALID


async def test_a_router_that_is_disabled_is_not_looked_at(watched: Watched) -> None:
    await watched.router.enable(False)
    await asyncio.sleep(0.1)
    looks = watched.link.looks
    await asyncio.sleep(20)
    assert watched.link.looks == looks
    assert watched.snapshot.condition is Condition.DISABLED
    await watched.router.enable(True)
    await watched.until(lambda: watched.snapshot.online)


async def test_another_directory_is_told(watched: Watched) -> None:
    watched.link.directory = b"/other"
    await watched.until(lambda: watched.snapshot.directory == "/other")
    assert watched.told("directory") == ["data0 writes to /other, no more to /data"]


async def test_a_disk_of_which_nothing_is_known_is_no_number(watched: Watched) -> None:
    watched.link.disk = Disk()
    await watched.until(lambda: math.isnan(watched.snapshot.disk_free))
    assert math.isnan(watched.snapshot.disk_used)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"CoBo0 a.graw", "CoBo0 a.graw"),
        (b"a\nb\tc", "a\\nb\\tc"),
        (b"caf\xe9", "caf\\xe9"),
        ("ü\u202e".encode(), "ü\\u202e"),
    ],
)
def test_names_are_shown_as_one_line(name: bytes, text: str) -> None:
    assert printable(name) == text
