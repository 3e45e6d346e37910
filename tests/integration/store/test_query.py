"""The log read from real stores: what is found, in which order, by which index."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, text
from sqlalchemy.exc import OperationalError

from daqpv.core import Event, EventSeverity
from daqpv.errors import StoreError
from daqpv.store.reading.query import Follower, KeptEvent, Selection, every, newest
from daqpv.store.reading.reader import reader
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.migrate import prepare
from daqpv.store.tables.models import EVENT, EXPERIMENT

WARNING, ERROR = EventSeverity.WARNING, EventSeverity.ERROR
SEVERITIES = tuple(EventSeverity)
T0 = 1_795_000_000  # [s]
ROW = {
    "experiment_id": 1,
    "time": T0 * 1_000_000,
    "severity": 0,
    "name": "state",
    "device": "ECC:CoBo0",
    "process": "main@daq",
    "function": "ecc.move",
    "text": "",
    "fields": "{}",
    "who": "",
    "count": 1,
}


@dataclass
class Filled:
    """A store with the experiments exp (1) and other (2)."""

    url: str

    def __post_init__(self) -> None:
        self._engine = make_engine(self.url, writes=True)
        prepare(self._engine)
        names = [{"id": 1, "name": "exp"}, {"id": 2, "name": "other"}]
        with self._engine.begin() as connection:
            connection.execute(insert(EXPERIMENT), names)

    def add(self, *rows: dict[str, Any]) -> None:
        """Add events; of each is said what differs from ROW, its time from T0 in s."""
        for row in rows:
            row["time"] = round((T0 + row.get("time", 0)) * 1e6)
        with self._engine.begin() as connection:
            connection.execute(insert(EVENT), [ROW | row for row in rows])

    def begin(self) -> Any:
        return self._engine.begin()

    def close(self) -> None:
        self._engine.dispose()


@pytest.fixture
def store(store_url: str) -> Iterator[Filled]:
    filled = Filled(store_url)
    yield filled
    filled.close()


@pytest.fixture
def connection(store: Filled) -> Iterator[Connection]:
    with reader(store.url) as engine, engine.connect() as connection:
        yield connection


def texts(found: Any) -> list[str]:
    return [kept.event.text for kept in found]


def test_an_event_comes_back_as_it_was(store: Filled, connection: Connection) -> None:
    store.add(
        {
            "time": 1.000001,
            "severity": 1,
            "text": "CoBo0: \x1b[31mdéjà vu 漢",
            "fields": '{"state": "Idle", "n": [1, null]}',
            "who": "op@shift.lab",
            "count": 7,
        }
    )
    [(_, found)] = newest(connection, "exp", Selection(), 10)
    assert isinstance(found, Event)
    assert (found.time, found.severity, found.count) == (T0 + 1.000001, WARNING, 7)
    assert (found.text, found.device) == ("CoBo0: \x1b[31mdéjà vu 漢", "ECC:CoBo0")
    assert found.fields == {"state": "Idle", "n": [1, None]}
    assert str(found.origin) == "op@shift.lab"
    assert (found.process, found.function) == ("main@daq", "ecc.move")


def test_the_newest_by_time_are_given_oldest_first_whatever_their_numbers(
    store: Filled, connection: Connection
) -> None:
    store.add(*({"time": t, "text": str(t)} for t in (3, 1, 5, 2, 4)))
    assert texts(newest(connection, "exp", Selection(), 3)) == ["3", "4", "5"]
    assert texts(every(connection, "exp", Selection())) == ["1", "2", "3", "4", "5"]


def test_an_experiment_that_the_store_does_not_know_has_no_events(
    connection: Connection,
) -> None:
    assert newest(connection, "nosuch", Selection(), 10) == []


DEVICES = ("ECC:CoBo0", "ECC:CoBo1", "ECC:CoBo10", "Router:CoBo1", "Sys", "")
PEOPLE = ("", "anna@hut", "Bert@hut", "anna@lab")
NAMES = ("state", "put", "put_refused")
TEXTS = ("moves", "50% of it", "50 of it", "Disk_full", "diskXfull", "it's!")


@pytest.fixture
def thousand(store: Filled) -> list[dict[str, Any]]:
    """Events of all sorts, many at the same time, in two experiments."""
    chance = random.Random(1)
    rows = [
        {
            "time": chance.randrange(40),
            "experiment_id": chance.choice((1, 1, 1, 2)),
            "severity": chance.choices((0, 1, 2), (8, 2, 1))[0],
            "device": chance.choice(DEVICES),
            "who": chance.choice(PEOPLE),
            "name": chance.choice(NAMES),
            "text": chance.choice(TEXTS),
        }
        for _ in range(3000)
    ]
    store.add(*(dict(row) for row in rows))
    ours = [row | {"id": n} for n, row in enumerate(rows, 1)]
    return [row for row in ours if row["experiment_id"] == 1]


CHOICES: dict[str, tuple[Selection, Callable[[dict[str, Any]], bool]]] = {
    "all": (Selection(), lambda _: True),
    "since": (Selection(since=T0 + 7), lambda row: row["time"] >= 7),
    "until": (Selection(until=T0 + 7), lambda row: row["time"] < 7),
    "severity": (Selection(severity=WARNING), lambda row: row["severity"] >= 1),
    "errors": (Selection(severity=ERROR), lambda row: row["severity"] == 2),
    "last part": (
        Selection(device="cobo1"),
        lambda row: row["device"] in ("ECC:CoBo1", "Router:CoBo1"),
    ),
    "device": (
        Selection(device="ECC:CoBo1", severity=WARNING),
        lambda row: row["device"] == "ECC:CoBo1" and row["severity"] >= 1,
    ),
    "pattern": (
        Selection(device="CoBo*", since=T0 + 3, until=T0 + 30),
        lambda row: "CoBo" in row["device"] and 3 <= row["time"] < 30,
    ),
    "process": (Selection(device="-"), lambda row: row["device"] == ""),
    "no device": (Selection(device="CoBo7"), lambda _: False),
    "name": (Selection(name="PUT"), lambda row: row["name"] == "put"),
    "names": (Selection(name="put*"), lambda row: fnmatchcase(row["name"], "put*")),
    "who": (Selection(who="anna"), lambda row: row["who"].startswith("anna@")),
    "where": (Selection(who="*@hut"), lambda row: row["who"].endswith("@hut")),
    "whole who": (Selection(who="bert@HUT"), lambda row: row["who"] == "Bert@hut"),
    "percent": (Selection(text="50%"), lambda row: row["text"] == "50% of it"),
    "underline": (Selection(text="DISK_"), lambda row: row["text"] == "Disk_full"),
    "bang": (
        Selection(text="'s!", device="Sys"),
        lambda row: row["text"] == "it's!" and row["device"] == "Sys",
    ),
}


def test_what_is_selected_is_what_a_plain_search_finds(
    connection: Connection, thousand: list[dict[str, Any]]
) -> None:
    """Each selection: all of it, and the newest, over the borders of pages."""
    for name, (selection, fits) in CHOICES.items():
        rows = [row for row in thousand if fits(row)]
        wanted = [row["id"] for row in sorted(rows, key=lambda r: (r["time"], r["id"]))]
        assert bool(wanted) != (name == "no device")
        found = [kept.id for kept in every(connection, "exp", selection)]
        assert found == wanted, name
        last = [kept.id for kept in newest(connection, "exp", selection, 150)]
        assert last == wanted[-150:], name


# -- following -------------------------------------------------------------------------


def test_a_follower_gives_what_comes_once_and_in_order(
    store: Filled, connection: Connection
) -> None:
    store.add({"text": "old"})
    follower = Follower(connection, "exp", Selection())
    assert texts(follower.news(connection)) == []
    store.add({"text": "b", "time": 2}, {"text": "a", "time": 1})
    store.add({"text": "others'", "experiment_id": 2})
    assert texts(follower.news(connection)) == ["b", "a"]
    store.add({"text": "c"})
    assert texts(follower.news(connection)) == ["c"]
    assert texts(follower.news(connection)) == []


def test_a_follower_selects(store: Filled, connection: Connection) -> None:
    wanted = Selection(severity=WARNING, device="CoBo*", text="x")
    follower = Follower(connection, "exp", wanted)
    store.add(
        {"text": "no severity x"},
        {"text": "x1", "severity": 1},
        {"text": "no device x", "severity": 2, "device": "Sys"},
        {"text": "no letter", "severity": 2},
        {"text": "X2", "severity": 2, "device": "ECC:CoBo1"},
    )
    assert texts(follower.news(connection)) == ["x1", "X2"]


def test_a_follower_finds_a_row_that_appears_after_rows_with_higher_numbers(
    store: Filled, connection: Connection
) -> None:
    follower = Follower(connection, "exp", Selection())
    store.add({"id": 12, "text": "12"})
    assert texts(follower.news(connection)) == ["12"]
    store.add({"id": 11, "text": "11"})
    assert texts(follower.news(connection)) == ["11"]
    store.add({"id": 13, "text": "13"})
    assert texts(follower.news(connection)) == ["13"]


def test_a_follower_leaves_out_what_was_shown(
    store: Filled, connection: Connection
) -> None:
    follower = Follower(connection, "exp", Selection())
    store.add({"text": "shown"})
    shown: list[KeptEvent] = newest(connection, "exp", Selection(), 10)
    follower.skip(shown)
    store.add({"text": "new"})
    assert texts(follower.news(connection)) == ["new"]


def test_a_follower_reads_more_than_a_page(
    store: Filled, connection: Connection
) -> None:
    follower = Follower(connection, "exp", Selection())
    store.add(*({"text": str(n)} for n in range(4500)))
    assert texts(follower.news(connection)) == [str(n) for n in range(4500)]


# -- how it is read --------------------------------------------------------------------


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(since=T0),
        Selection(severity=WARNING),
        Selection(device="CoBo*", since=T0 + 5),
        Selection(device="CoBo1", severity=ERROR, until=T0 + 9),
    ],
)
def test_sqlite_reads_along_an_index_and_sorts_nothing(
    tmp_path: Path, selection: Selection
) -> None:
    store = Filled(f"sqlite:///{tmp_path}/store.db")
    store.add(*({"time": n % 20, "device": f"ECC:CoBo{n % 3}"} for n in range(900)))
    asked: dict[str, Any] = {}
    with reader(store.url) as engine, engine.connect() as connection:

        @event.listens_for(engine, "before_cursor_execute")
        def note(*facts: Any) -> None:
            asked[facts[2]] = facts[3]

        assert newest(connection, "exp", selection, 300) or selection.severity
        assert len(list(every(connection, "exp", selection))) in range(901)
        plans = [
            (statement, step[3])
            for statement, values in tuple(asked.items())
            for step in connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", values
            )
        ]
    store.close()
    assert len(plans) >= 3
    assert [plan for plan in plans if not plan[1].startswith("SEARCH ")] == []


# -- a store that cannot be read -------------------------------------------------------


def refusal(url: str) -> str:
    with pytest.raises(StoreError) as told, reader(url):
        pass
    return str(told.value)


@pytest.mark.parametrize("is_empty", [False, True])
def test_a_reader_makes_no_file(tmp_path: Path, *, is_empty: bool) -> None:
    file = tmp_path / "no.db"
    if is_empty:
        file.touch()
    said = f"there is no store {file} yet: daqpv serve makes it"
    assert refusal(f"sqlite:///{file}") == said
    assert [one.stat().st_size for one in tmp_path.iterdir()] == [0] * is_empty


def test_a_reader_makes_no_tables(store_url: str) -> None:
    engine = make_engine(store_url, writes=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE own (x INTEGER)"))
    engine.dispose()
    for _ in range(2):
        assert refusal(store_url).endswith("has no tables yet: daqpv serve makes them")


def test_a_reader_of_a_file_cannot_write(tmp_path: Path) -> None:
    Filled(f"sqlite:///{tmp_path}/store.db").close()
    with (
        reader(f"sqlite:///{tmp_path}/store.db") as engine,
        engine.connect() as connection,
        pytest.raises(OperationalError, match="readonly"),
    ):
        connection.execute(text("DELETE FROM event"))


def test_a_reader_takes_a_copy_that_was_made_for_backup(tmp_path: Path) -> None:
    store = Filled(f"sqlite:///{tmp_path}/store.db")
    store.add({"text": "precious"})
    store.close()
    shutil.copyfile(tmp_path / "store.db", tmp_path / "copy.db")
    link = sqlite3.connect(tmp_path / "copy.db")
    link.execute("PRAGMA journal_mode = DELETE")
    link.close()
    with (
        reader(f"sqlite:///{tmp_path}/copy.db") as engine,
        engine.connect() as connection,
    ):
        assert texts(newest(connection, "exp", Selection(), 9)) == ["precious"]


def test_a_reader_refuses_a_newer_store(store: Filled) -> None:
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer daqpv" in refusal(store.url)


def test_a_store_that_is_away_is_told_without_the_password() -> None:
    said = refusal("postgresql://daq:secret@127.0.0.1:1/daq")
    assert said.startswith("postgresql://daq:***@127.0.0.1:1/daq: ")
    assert "secret" not in said
