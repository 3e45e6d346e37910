"""How the store's figures become alarms."""

from __future__ import annotations

from typing import Any

import pytest

from daqpv.core import NO_ALARM, Events, Severity, Status, StoreFigures
from daqpv.store_health import Archive

GB = 1e9


def archive(**figures: Any) -> Archive:
    given = StoreFigures(**{"online": True, "spool_limit": GB} | figures)
    made = Archive(lambda: given, events=Events())
    made._look(given)
    return made


def test_a_store_that_takes_everything_has_no_alarm() -> None:
    snapshot = archive().snapshot
    for field in ("store_online", "backlog", "spool", "write_errors"):
        assert snapshot.alarm(field) == NO_ALARM
    assert snapshot.message == ""


def test_a_store_that_was_not_tried_is_unknown() -> None:
    alarm = archive(online=None).snapshot.alarm("store_online")
    assert (alarm.severity, alarm.status) == (Severity.INVALID, Status.UDF)


def test_a_store_that_is_away_is_one_major_alarm_that_says_why() -> None:
    snapshot = archive(online=False, reason="database is locked").snapshot
    alarm = snapshot.alarm("store_online")
    assert alarm == (Severity.MAJOR, Status.COMM, "database is locked")
    assert snapshot.alarm("spool") == snapshot.alarm("write_errors") == NO_ALARM
    assert snapshot.message == "database is locked; records wait in the spool"


def test_a_disk_that_takes_nothing_either_is_the_alarm_of_the_write_errors() -> None:
    snapshot = archive(online=False, reason="away", spool_reason="disk full").snapshot
    assert snapshot.alarm("write_errors") == (Severity.MAJOR, Status.WRITE, "disk full")
    assert snapshot.message == "away; disk full"


def test_a_first_try_that_failed_is_the_message() -> None:
    snapshot = archive(online=None, reason="no answer", write_errors=2).snapshot
    assert snapshot.message == "no answer; records wait in the spool"


def test_refused_records_are_major_with_their_cure() -> None:
    snapshot = archive(refused=3, refused_reason="out of range").snapshot
    text = "3 records refused: out of range. Mend the cause, then: daqpv db retry FILE"
    assert snapshot.alarm("write_errors") == (Severity.MAJOR, Status.WRITE, text)
    assert snapshot.alarm("store_online") == NO_ALARM
    assert snapshot.message == text
    snapshot = archive(refused=3, refused_reason="no", reason="away").snapshot
    assert snapshot.message.startswith("away; records wait in the spool; 3 records")


@pytest.mark.parametrize(
    ("part", "severity"),
    [(0.4, Severity.NO_ALARM), (0.6, Severity.MINOR), (0.95, Severity.MAJOR)],
)
def test_a_spool_warns_before_it_is_full(part: float, severity: Severity) -> None:
    snapshot = archive(spool=int(part * GB)).snapshot
    assert snapshot.spool == 1000 * part
    assert snapshot.alarm("spool").severity is severity


def test_where_no_store_is_wanted_nothing_is_wrong() -> None:
    snapshot = Archive(None, events=Events()).snapshot
    assert snapshot.store_online is False
    assert snapshot.alarm("store_online").severity is Severity.NO_ALARM
    assert snapshot.message == "The experiment wants no store"
