"""What is written into a store: once, and what it refuses stops no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from daqpv.store.writing.journal import Journal
from daqpv.store.writing.refused import Refused, read
from tests.support.keeping import SOURCE, entries, never, numbers, running


async def test_what_is_offered_again_is_passed_over(
    store_url: str, tmp_path: Path
) -> None:
    journal = Journal(store_url, "e1", never)
    assert journal.write(SOURCE, entries(1, 10)) == []
    assert journal.write(SOURCE, entries(1, 10)) == []
    assert journal.write(SOURCE, [*entries(5, 12), *entries(11, 15)]) == []
    assert journal.write(SOURCE._replace(writer="v"), entries(1, 2)) == []
    journal.close()
    async with running(store_url, tmp_path) as kept:
        texts = await kept.texts()
        assert texts == [*numbers(1, 16), "event 1", "event 2"]


@pytest.mark.parametrize("store_url", ["postgresql", "mariadb"], indirect=True)
async def test_a_record_that_the_engine_refuses_stops_no_other(
    store_url: str, tmp_path: Path
) -> None:
    batch = entries(1, 100)
    for bad in (0, 36, 37, 99):
        batch[bad].row["name"] = "x" * 61  # which `entry` would not let through
    kept = Refused(tmp_path / "spool")
    journal = Journal(store_url, "e1", kept.keep)
    refused = journal.write(SOURCE, batch)
    assert [one.number for one in refused] == [1, 37, 38, 100]
    assert kept.count == kept.kept == 4
    assert [e.row["text"] for e in read(kept.path)] == [e.row["text"] for e in refused]
    assert journal.write(SOURCE, entries(101, 101)) == []
    journal.close()
    async with running(store_url, tmp_path) as store:
        good = [n for n in range(1, 102) if n not in (1, 37, 38, 100)]
        assert await store.texts() == [f"event {n}" for n in good]
