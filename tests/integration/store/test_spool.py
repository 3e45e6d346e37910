"""Records that wait on the disk or in memory: damage, limits, and who owns them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from daqpv.cli import main
from daqpv.core import EventSeverity, Setting
from daqpv.store.tables.own import OWN
from daqpv.store.writing import retry_queue as offers
from daqpv.store.writing import spool, writer
from daqpv.store.writing.spool import Spool
from tests.support.keeping import (
    SOURCE,
    entries,
    event,
    found,
    locked,
    numbers,
    running,
)


def test_a_spool_cut_at_any_byte_keeps_all_whole_records(tmp_path: Path) -> None:
    said: list[str] = []
    one = Spool(tmp_path, SOURCE, limit=1e9, say=said.append)
    assert one.open()
    one.append(entries(1, 3))
    one.close()
    (path,) = tmp_path.glob("*.spool")
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")][1:]
    cuts = {end + i for end in (0, *ends) for i in (-1, 0, 1, 7)} | {*range(9, 999, 40)}
    for cut in sorted(cuts & {*range(len(whole))}):
        path.write_bytes(whole[:cut])
        said.clear()
        again = Spool(tmp_path, SOURCE._replace(writer="v"), limit=1e9, say=said.append)
        assert again.open()
        count = sum(end <= cut for end in ends)
        assert again.count == count
        if count:
            source, kept = again.read(10)
            assert source == SOURCE
            assert kept == entries_like(kept, 1, count)
            again.append(entries(1, 1))  # goes behind it
            again.taken()
            assert again.read(10)[0].writer == "v"
            again.taken()
        assert again.is_empty
        again.close()
        assert bool(said) == (cut not in (0, *ends) and whole[cut - 1 : cut] != b"\n")
        assert not list(tmp_path.glob("*.spool"))


def entries_like(kept: list[Any], first: int, last: int) -> list[Any]:
    """The entries `first` to `last`, with the times of those that were kept."""
    made = entries(first, last)
    for one, like in zip(made, kept, strict=True):
        one.row["time"] = like.row["time"]
    return made


def test_damage_in_a_spool_costs_the_damaged_records_alone(tmp_path: Path) -> None:
    said: list[str] = []
    one = Spool(tmp_path, SOURCE, limit=1e9, say=said.append)
    assert one.open()
    one.append(entries(1, 5))
    (path,) = tmp_path.glob("*.spool")
    path.write_bytes(path.read_bytes().replace(b"event 3", b"event 8"))
    _, kept = one.read(10)
    assert [e.number for e in kept] == [1, 2, 4, 5]
    one.taken()
    assert "1 records are damaged" in said[0]
    assert b"event 8" in next(tmp_path.glob("*.damaged")).read_bytes()
    one.close()


def test_a_full_spool_leaves_out_the_oldest_informations_and_nothing_else(
    tmp_path: Path,
) -> None:
    one = Spool(tmp_path, SOURCE, limit=200_000, say=pytest.fail)
    assert one.open()
    number, warnings = 0, []
    for batch in range(40):
        mixed = []
        for i in range(50):
            number += 1
            bad = i % 10 == 0
            severity = EventSeverity.WARNING if bad else EventSeverity.INFORMATION
            warnings += [number] * bad
            mixed.append(
                OWN.entry(number, event(number, severity=severity), "main@host")
            )
        one.append(mixed)
        assert one.size <= 200_000, batch
    seen = []
    while not one.is_empty:
        _, kept = one.read(1000)
        seen += kept
        one.taken()
    there = [e.number for e in seen]
    assert there == sorted(there)
    assert [e.number for e in seen if e.row["severity"]] == warnings
    informations = [e.number for e in seen if not e.row["severity"]]
    assert one.left_out == number - len(there) > 0
    assert informations[-1] == number
    assert len(informations) > 200
    gaps = [b - a for a, b in pairwise(informations)]
    assert max(gaps) == 2  # the oldest went, none in between
    one.close()


def test_warnings_and_settings_stay_beyond_the_limit(tmp_path: Path) -> None:
    one = Spool(tmp_path, SOURCE, limit=20_000, say=pytest.fail)
    assert one.open()
    setting = Setting(time=1.0, device="D", field="f", value="v" * 100, file=None)
    for n in range(1, 300):
        one.append([OWN.entry(n, setting, "main@host")])
    one.append(entries(300, 310))
    assert one.count == 299
    assert one.left_out == 11
    one.close()


async def test_a_spool_belongs_to_one_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with running(url, tmp_path) as first:
        await first.until(lambda: found(first))
        async with running(url, tmp_path) as second:
            second.store.add(event(2))
            await second.written()
            await second.until(lambda: "spool away" in second.names())
            assert "another process uses it" in second.said[-1].text
        first.store.add(event(3))
        await first.written()
        assert await first.texts() == ["event 2", "event 3"]


# -- memory ----------------------------------------------------------------------------


async def test_a_storm_with_nowhere_to_go_takes_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MEMORY", 2_000_000)
    monkeypatch.setattr(Spool, "append", _full)
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
        with locked(file):
            for n in range(1, 20_000):
                kept.store.add(event(n))
            kept.store.add(event(20_000, severity=EventSeverity.WARNING))
            await kept.until(lambda: "spool away" in kept.names())
            figures = kept.store.figures()
            assert figures.backlog < 3000
            assert figures.spool_reason == "No space left on device"
        await kept.written()
        texts = await kept.texts()
        assert texts == [*numbers(len(texts) - 1), "event 20000"]
        await kept.until(lambda: "records lost" in kept.names())
        said = next(e.text for e in kept.said if e.name == "records lost")
        assert f"{20_001 - len(texts)} informations were left out" in said
        assert kept.store.figures().spool_reason == ""


async def test_what_is_lost_at_the_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spool, "append", _full)
    async with running("postgresql://daqpv@127.0.0.1:1/daqpv", tmp_path) as kept:
        for n in range(20):
            kept.store.add(event(n))
        await kept.until(lambda: "spool away" in kept.names())
    last = kept.said[-1]
    assert (last.name, last.severity) == ("records lost", EventSeverity.ERROR)
    assert last.text.startswith("20 records are lost, for neither store nor spool took")
    assert "refused" in last.text
    assert last.text.endswith("No space left on device")


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_time_limits_fit_together() -> None:
    assert offers.PATIENCE < offers.AWAY
    assert spool.FILE_SIZE < 1e9 / 16


# -- a folder that vanishes ------------------------------------------------------------


async def test_a_spool_that_is_moved_goes_on_in_a_new_folder(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
        with locked(file):
            kept.store.add(event(1))
            await kept.waiting(1)
            await kept.until(lambda: kept.store.figures().online is False)
            moved = tmp_path / "spool" / "moved"
            kept.spool.rename(moved)
            kept.store.add(event(2))
            await kept.until(lambda: list(kept.spool.glob("*.spool")))
            await kept.until(lambda: "records lost" in kept.names())
            figures = kept.store.figures()
            assert figures.lost == 1
            assert "daqpv db retry FILE FOLDER" in figures.lost_reason
            said = next(e for e in kept.said if e.name == "records lost")
            assert said.severity is EventSeverity.ERROR
        await kept.written()
        assert await kept.texts() == ["event 0", "event 2"]
        experiment = tmp_path / "e.yaml"
        experiment.write_text(
            f"experiment: e1\nprefix: 'A:'\nstore: sqlite:///{file}\n"
        )
        arguments = ["db", "retry", str(experiment), str(moved)]
        result = CliRunner().invoke(main, arguments)
        assert "1 of 1 records are in the store" in result.output


async def test_a_spool_that_cannot_be_made_again_is_an_alarm(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    async with running(f"sqlite:///{file}", tmp_path) as kept:
        kept.store.add(event(0))
        await kept.written()
        with locked(file):
            kept.spool.parent.rename(tmp_path / "away")
            kept.spool.parent.write_text("in its place")
            kept.store.add(event(1))
            await kept.until(lambda: kept.store.figures().spool_reason)
            assert kept.store.figures().backlog >= 1
            kept.spool.parent.unlink()
            await kept.waiting(1)
            await kept.until(lambda: not kept.store.figures().spool_reason)
        await kept.written()
        assert await kept.texts() == numbers(2)
