"""What a store refuses is kept in a file, holds up nothing, and finds its way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daqpv.core import EventSeverity
from daqpv.store.tables.own import OWN
from daqpv.store.tables.rows import Source
from daqpv.store.writing.refused import NAME, Refused, read
from tests.support.keeping import event, record, retry, running

HUGE = 2**70  # in a column of any engine


async def test_a_number_beyond_the_store_is_kept_and_holds_up_nothing(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as kept:
        kept.store.add(event(0))
        kept.store.add(event(1, count=HUGE))
        kept.store.add(event(2))
        await kept.written()
        assert await kept.texts() == ["event 0", "event 2"]
        await kept.until(lambda: kept.store.figures().refused)
        figures = kept.store.figures()
        assert (figures.online, figures.refused, figures.write_errors) == (True, 1, 1)
        assert figures.refused_reason
        await kept.until(lambda: "records refused" in kept.names())
        said = next(e for e in kept.said if e.name == "records refused")
        assert said.severity is EventSeverity.ERROR
        assert "daqpv db retry FILE" in said.text
        assert str(kept.spool / NAME) in said.text
        assert said.text.isascii()
        assert len(said.text) < 1000
    (one,) = read(kept.spool / NAME)
    assert (one.table, one.row["text"], one.row["count"]) == ("event", "event 1", HUGE)
    async with running(store_url, tmp_path) as kept:
        assert kept.store.figures().refused == 1  # it is still to be mended


async def test_what_was_refused_is_offered_again(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as kept:
        for n in range(4):
            kept.store.add(event(n, count=HUGE if n % 2 else 1))
        await kept.written()
        await kept.until(lambda: kept.store.figures().refused == 2)
        file = kept.spool / NAME
        lines = file.read_text().splitlines()
        mended = json.loads(lines[1])
        mended["row"]["count"] = 7
        file.write_text(f"{lines[0]}\n{json.dumps(mended)}\n")
        result = retry(tmp_path, store_url, file)
        assert result.exit_code == 1
        assert "1 of 2 records are in the store; 1 are refused: " in result.output
        assert sorted(await kept.texts()) == ["event 0", "event 2", "event 3"]
        assert [one.row["text"] for one in read(file)] == ["event 1"]
        file.write_text(lines[0].replace(str(HUGE), "8") + "\n")
        result = retry(tmp_path, store_url, kept.spool)
        assert (result.exit_code, result.stderr) == (0, "")
        assert len(await kept.texts()) >= 4
        await kept.until(lambda: not kept.store.figures().refused)
        assert not list(kept.spool.glob("refused*"))


async def test_a_retry_that_was_broken_off_brings_nothing_twice(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Refused(tmp_path / "spools" / "e1" / "main")
    source = Source("w" * 32, "main@host")
    for n in (1, 2, 2, 3):
        kept.keep(source, OWN.entry(n, event(n), "main@host"), "no")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", _killed)
        assert "Aborted" in retry(tmp_path, store_url).output
    result = retry(tmp_path, store_url)
    assert "3 of 3 records are in the store" in result.output, result.output
    assert retry(tmp_path, store_url).output.startswith("Nothing is refused")
    async with running(store_url, tmp_path) as store:
        assert await store.texts() == ["event 1", "event 2", "event 3"]


def _killed(path: Path, **_: Any) -> None:
    raise KeyboardInterrupt


async def test_a_late_record_replaces_nothing_newer(
    store_url: str, tmp_path: Path
) -> None:
    kept = Refused(tmp_path / "spools" / "e1" / "main")
    source = Source("w" * 32, "main@host")
    kept.keep(source, OWN.entry(1, record(2.0, "older"), "main@host"), "no")
    async with running(store_url, tmp_path) as store:
        store.store.add(record(3.0, "newer"))
        await store.written()
        assert retry(tmp_path, store_url).exit_code == 0
        assert await store.asked("SELECT title FROM run") == [("newer",)]
        kept.keep(source, OWN.entry(2, record(4.0, "newest"), "main@host"), "no")
        assert retry(tmp_path, store_url).exit_code == 0
        assert await store.asked("SELECT title FROM run") == [("newest",)]


async def test_a_file_that_cannot_be_written_holds_the_record_in_the_spool(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
        (kept.spool / NAME).mkdir()
        kept.store.add(event(1, count=HUGE))
        kept.store.add(event(2))
        await kept.until(lambda: "cannot keep it" in kept.store.figures().reason)
        await kept.waiting(2)
        (kept.spool / NAME).rmdir()
        await kept.written()
        assert (await kept.texts())[:2] == ["event 0", "event 2"]
        assert kept.store.figures().refused == 1


def test_a_line_that_a_crash_has_torn_is_cut_off(tmp_path: Path) -> None:
    kept = Refused(tmp_path)
    source = Source("w" * 32, "main@host")
    kept.keep(source, OWN.entry(1, event(1), "main@host"), "no")
    with kept.path.open("ab") as file:
        file.write(b'{"reason": "no", "wri')
    kept.keep(source, OWN.entry(2, event(2), "main@host"), "no")
    assert [one.row["text"] for one in read(kept.path)] == ["event 1", "event 2"]


def test_what_is_no_file_of_records_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    bad = tmp_path / NAME
    bad.write_text("no record\n")
    result = retry(tmp_path, url, bad)
    assert (result.exit_code, "line 1: this is no record" in result.output) == (1, True)
    (taken,) = tmp_path.glob("refused.*.jsonl")
    assert taken.read_text() == "no record\n"
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (tmp_path / "nowhere", empty):
        result = retry(tmp_path, url, path)
        assert result.exit_code == 1
        assert str(path) in result.output
        assert "Traceback" not in result.output
