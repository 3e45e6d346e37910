"""Records of runs on their way into the three engines and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from daqpv.core import Origin, Severity
from daqpv.runs import (
    Entry,
    RunChange,
    RunDocument,
    RunFile,
    RunPv,
    RunRecord,
    RunValue,
)
from daqpv.store import rows, runs
from daqpv.store.engine import make_engine
from daqpv.store.journal import Journal

SOURCE = rows.Source("a" * 32, "main@hut")
RUN = RunRecord(
    number=12,
    entry=Entry.OPEN,
    start=1.8e9 + 0.123456,
    seen=1.8e9 + 1,
    kind="Production",
    title="alpha source, 300 Torr; Kälte\nzweite Zeile",
    operator="otto",
    config="e20009, pulser",
)


def keep(url: str, *records: Any, experiment: str = "e20009", first: int = 1) -> None:
    journal = Journal(url, experiment)
    entries = [
        rows.entry(number, record, SOURCE.process)
        for number, record in enumerate(records, first)
    ]
    assert journal.write(SOURCE, entries) == []
    journal.close()


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    engine = make_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_run_comes_back_as_its_last_record_says(store_url: str) -> None:
    ended = RunRecord(
        number=12,
        entry=Entry.ENDED,
        start=RUN.start,
        stop=RUN.start + 3600,
        seen=RUN.start + 3600,
        live_time=3599.5,
        data=2**40,
        title=10_000 * "ü",
    )
    other = RunRecord(number=3, entry=Entry.OPEN, start=1.0, seen=2.0)
    keep(store_url, RUN)
    with reading(store_url) as link:
        assert list(runs.runs(link, "e20009")) == [RUN]
    keep(store_url, other, ended, first=2)
    keep(store_url, RUN, first=4, experiment="e30000")  # the same number elsewhere
    with reading(store_url) as link:
        assert list(runs.runs(link, "e20009")) == [other, ended]
        assert list(runs.runs(link, "e20009", newest=1)) == [ended]
        found = runs.history(link, "e20009")
        assert (set(found.numbers), found.last) == ({3, 12}, ended)
        assert runs.history(link, "e30000").numbers == {12}
        empty = runs.history(link, "nothing")
        assert (set(empty.numbers), empty.last) == (set(), None)


def test_what_belongs_to_a_run_comes_back(store_url: str) -> None:
    by = Origin("otto", "hut")
    change = RunChange(number=12, time=5.0, field="title", old="a", new="b", origin=by)
    value = RunValue(
        number=12, name="pressure", type="float", units="Torr", value=300.5,
        start=300.0, stop=301.0, mean=300.5, low=299.0, high=302.0, count=3600,
        severity=Severity.MINOR,
    )  # fmt: skip
    by_hand = RunValue(number=12, name="target", type="string", value="CH2", mean=None)
    pv = RunPv(number=12, moment="start", pv="LAB:GAS:P", value=[1, 2.5], time=4.0)
    file = RunFile(
        number=12, router="data0", path="/data/x/run_0012/CoBo.graw", size=7, time=9.0
    )
    document = RunDocument(number=12, server="CoBo0", name="a.xcfg", text=100_000 * "x")
    keep(store_url, RUN, change, change, value, by_hand, pv, file, file, document)
    with reading(store_url) as link:
        assert list(runs.changes(link, "e20009", 12)) == [change, change]
        assert list(runs.values(link, "e20009")) == [value, by_hand]
        assert list(runs.values(link, "e20009", [13])) == []
        assert list(runs.pvs(link, "e20009", 12)) == [pv]
        assert list(runs.files(link, "e20009", 12)) == [file]  # once, however often
        assert list(runs.documents(link, "e20009", 12)) == [document]


def test_what_no_engine_takes_is_made_fit(store_url: str) -> None:
    path = "/data/CoBo\udc80\0\n.graw"
    file = RunFile(number=12, router="data0", path=path, size=7, time=9.0)
    value = RunValue(number=12, name="t", type="float", value=math.nan, mean=math.inf)
    keep(store_url, file, value)
    with reading(store_url) as link:
        (found,) = runs.files(link, "e20009", 12)
        assert found.path == "/data/CoBo\\udc80\\x00\n.graw"
        (read,) = runs.values(link, "e20009")
        assert (read.value, read.mean) == ("nan", None)
