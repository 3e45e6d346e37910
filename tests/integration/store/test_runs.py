"""Records of runs on their way into the three engines and back."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from daqpv.core import Origin, Severity
from daqpv.errors import DaqError, RefusedError, StoreError
from daqpv.runs import (
    Entry,
    RunChange,
    RunDocument,
    RunFile,
    RunPv,
    RunRecord,
    RunSize,
    RunValue,
)
from daqpv.runs.settings import Observable, ObservableType
from daqpv.store.reading import run_list, runs
from daqpv.store.reading.query import Selection, newest
from daqpv.store.reading.quick import quick_reader
from daqpv.store.reading.run_edit import Edit, edit
from daqpv.store.reading.run_list import Choice
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.own import OWN
from daqpv.store.tables.rows import Source
from daqpv.store.writing.journal import Journal
from tests.support.keeping import never

SOURCE = Source("a" * 32, "main@hut")
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
    journal = Journal(url, experiment, never)
    entries = [
        OWN.entry(number, record, SOURCE.process)
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
        assert runs.runs(link, "e20009", Choice(newest=1)) == [ended]
        found = runs.history(link, "e20009")
        assert (set(found.numbers), found.last) == ({3, 12}, ended)
        assert runs.history(link, "e30000").numbers == {12}
        empty = runs.history(link, "nothing")
        assert (set(empty.numbers), empty.last) == (set(), None)


def test_runs_come_in_the_order_of_their_starts(store_url: str) -> None:
    """A number may be chosen: the greatest is not always the last run's."""
    first = replace(RUN, number=500)
    last = replace(RUN, number=7, start=RUN.start + 60, seen=RUN.start + 70)
    keep(store_url, first, last)
    with reading(store_url) as link:
        assert runs.runs(link, "e20009") == [first, last]
        assert runs.runs(link, "e20009", Choice(newest=1)) == [last]
        assert runs.history(link, "e20009").last == last


def test_the_size_of_the_files_leaves_what_was_corrected_meanwhile(
    store_url: str,
) -> None:
    corrected = replace(RUN, title="no beam")
    keep(
        store_url, RunSize(number=12, data=7), RUN, corrected
    )  # the first: no such run
    keep(store_url, RunSize(number=12, data=10**12), first=4)
    with reading(store_url) as link:
        assert list(runs.runs(link, "e20009")) == [replace(corrected, data=10**12)]


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
        assert list(runs.values(link, "e20009", number=13)) == []
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


BY = Origin("anna", "hut")
OBSERVABLES = {
    "pressure": Observable(units="Torr"),
    "shift": Observable(type=ObservableType.INT),
    "target": Observable(type=ObservableType.STRING),
}
ENDED = replace(RUN, entry=Entry.ENDED, stop=RUN.start + 10, title="alpha")


def change(url: str, wanted: Edit, experiment: str = "e20009") -> Any:
    engine = make_engine(url, writes=True)
    try:
        with engine.begin() as connection:
            return edit(connection, experiment, wanted)
    finally:
        engine.dispose()


def written(number: int = 12, **fields: str) -> Edit:
    return Edit(number=number, by=BY, fields=fields)


def observed(number: int = 12, **values: str) -> Edit:
    return Edit(number=number, by=BY, values=values, observables=OBSERVABLES)


def test_a_run_that_has_ended_is_edited_and_keeps_its_history(store_url: str) -> None:
    keep(store_url, ENDED, replace(ENDED, number=13))
    keep(store_url, ENDED, experiment="e30000", first=3)
    made = change(store_url, written(title="beta \0é", kind="Junk", operator="otto"))
    assert [(one.field, one.old, one.new) for one in made] == [
        ("title", "alpha", "beta \0é"),
        ("class", "Production", "Junk"),
    ]
    assert change(store_url, written(kind="Junk")) == []
    with reading(store_url) as link:
        assert list(runs.runs(link, "e20009")) == [
            replace(ENDED, title="beta \\x00é", kind="Junk"),
            replace(ENDED, number=13),
        ]
        assert list(runs.runs(link, "e30000")) == [ENDED]
        kept = list(runs.changes(link, "e20009", 12))
        assert [(one.field, one.origin) for one in kept] == [
            ("title", BY), ("class", BY)
        ]  # fmt: skip
        assert list(runs.changes(link, "e20009", 13)) == []


def test_what_cannot_be_edited(store_url: str) -> None:
    keep(store_url, RUN)
    with pytest.raises(RefusedError, match="Run 12 is open"):
        change(store_url, written(title="x"))
    with pytest.raises(StoreError, match="no run 13 of e20009"):
        change(store_url, written(13, title="x"))
    with pytest.raises(StoreError, match="no run 12 of other"):
        change(store_url, written(title="x"), experiment="other")


def test_an_observable_is_edited_and_what_was_read_of_it_stays(store_url: str) -> None:
    read = RunValue(
        number=12, name="pressure", type="float", units="Torr", value=300.0,
        mean=300.0, low=299.0, high=302.0, count=3600, severity=Severity.MINOR,
    )  # fmt: skip
    by_hand = RunValue(number=12, name="target", type="string", value="CH2")
    old = RunValue(number=12, name="gone", type="int", value=4)
    keep(store_url, ENDED, replace(ENDED, number=13), read, by_hand, old)
    keep(store_url, replace(read, number=13), first=6)
    made = change(store_url, observed(pressure="300.5", target="", gone="5", shift="3"))
    assert [(one.field, one.old, one.new) for one in made] == [
        ("Par:pressure", "300.0", "300.5"),
        ("Par:target", "CH2", ""),
        ("Par:gone", "4", "5"),
        ("Par:shift", "", "3"),
    ]
    assert change(store_url, observed(pressure=" 300.50 ", target="")) == []
    with reading(store_url) as link:
        assert list(runs.values(link, "e20009", number=12)) == [
            replace(old, value=5),
            replace(read, value=300.5),
            RunValue(number=12, name="shift", type="int", value=3),
            replace(by_hand, value=None),
        ]
        (other,) = runs.values(link, "e20009", number=13)
        assert other.value == 300.0
        assert runs.one_run(link, "e20009", 12) == ENDED
        kept = list(runs.changes(link, "e20009", 12))
        assert [(one.new, one.origin) for one in kept[:2]] == [
            ("300.5", BY), ("", BY)
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"presure": "1"},
            "run 12 has no observable presure: pressure, shift, target, gone",
        ),
        ({"pressure": "low"}, "pressure is of type float, not 'low'"),
        ({"pressure": "inf"}, "pressure is of type float, not 'inf'"),
        ({"gone": "1.5"}, "gone is of type int, not '1.5'"),
    ],
)
def test_what_is_no_observable_or_no_value_changes_nothing(
    store_url: str, values: dict[str, str], says: str
) -> None:
    keep(store_url, ENDED, RunValue(number=12, name="gone", type="int", value=4))
    wanted = Edit(
        number=12, by=BY, fields={"title": "x"}, values=values, observables=OBSERVABLES
    )
    with pytest.raises(DaqError, match=says):
        change(store_url, wanted)
    with reading(store_url) as link:
        assert runs.one_run(link, "e20009", 12) == ENDED
        assert list(runs.changes(link, "e20009", 12)) == []


def test_an_edit_is_told_as_an_event_of_the_run(store_url: str) -> None:
    keep(store_url, ENDED, replace(ENDED, number=120))
    keep(store_url, ENDED, experiment="e30000", first=3)
    change(store_url, written(kind="Junk", comment="no beam"))
    change(store_url, written(kind="Junk"))  # nothing new
    change(store_url, written(120, kind="Junk"))
    change(store_url, written(kind="Beam"), experiment="e30000")
    of_run = Selection(since=1.0, until=2.0, run=12)
    with reading(store_url) as link:
        (kept,) = newest(link, "e20009", of_run, 10)
        assert len(newest(link, "e20009", Selection(), 10)) == 2
        assert newest(link, "e20009", replace(of_run, run=None), 10) == []
        assert newest(link, "e20009", replace(of_run, device="CoBo0"), 10) == []
        assert len(newest(link, "e20009", replace(of_run, device="run"), 10)) == 1
    event = kept.event
    assert event.text == (
        "Run 12 edited: class Production -> Junk, comment '' -> 'no beam'"
    )
    assert (event.name, event.device, event.origin, event.process) == (
        "run edited", "Run", BY, "runs@hut"
    )  # fmt: skip
    assert event.fields == {"number": 12, "class": "Junk", "comment": "no beam"}


def test_a_list_needs_no_sqlalchemy_to_say_the_same(store_url: str) -> None:
    keep(
        store_url, replace(ENDED, title="Kälte"), replace(ENDED, number=2, kind="Junk")
    )
    choices = [Choice(text="KÄLTE".lower()), Choice(kind="Junk"), Choice(newest=1)]
    with reading(store_url) as link, quick_reader(store_url) as execute:
        for choice in (*choices, Choice()):
            found = run_list.runs(execute, "e20009", choice)
            assert found == runs.runs(link, "e20009", choice) != []


def test_runs_are_chosen_by_class_time_and_text(store_url: str) -> None:
    keep(
        store_url,
        replace(ENDED, number=1, title="100 % Kälte", start=1.8e9 - 100),
        replace(ENDED, number=2, comment="100 x", kind="Junk"),
        replace(ENDED, number=3, operator="Percy", note="cold"),
    )
    with reading(store_url) as link:

        def found(**wanted: Any) -> list[int]:
            choice = Choice(**wanted)
            return [one.number for one in runs.runs(link, "e20009", choice)]

        assert found() == [1, 2, 3]
        assert found(kind="Junk") == [2]
        assert found(since=1.8e9) == [2, 3]
        assert found(text="100 %") == [1]
        assert found(text="PERC") == [3]
        assert found(text="cold", kind="Junk") == []


def test_values_come_alone(store_url: str) -> None:
    value = RunValue(number=12, name="p", type="float", value=300.5, count=3)
    keep(store_url, value, replace(value, name="target", type="string", value=None))
    with reading(store_url) as link:
        assert sorted(runs.values_alone(link, "e20009")) == [
            (12, "p", 300.5), (12, "target", None)
        ]  # fmt: skip
        assert list(runs.values_alone(link, "other")) == []


def test_a_list_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    def says(name: str) -> str:
        with pytest.raises(StoreError) as raised:  # noqa: SIM117
            with quick_reader(f"sqlite:///{tmp_path}/{name}") as execute:
                run_list.runs(execute, "e20009")
        return str(raised.value)

    (tmp_path / "text.db").write_text("no database")
    assert "file is not a database" in says("text.db")
    assert "there is no store" in says("nothing.db")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE other (number)")
    assert "has no tables yet" in says("other.db")
    with other:
        other.execute("CREATE TABLE alembic_version (version_num)")
        other.execute("INSERT INTO alembic_version VALUES ('9999')")
    other.close()
    assert "other.db was written by a newer daqpv" in says("other.db")
