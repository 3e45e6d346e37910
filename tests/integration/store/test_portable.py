"""Records that leave one store as a file, and come into another, of any engine."""

from __future__ import annotations

import itertools
import json
import re
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from daqpv.core.job import Job, Progress
from daqpv.errors import StoreError
from daqpv.store.portable.exporting import export
from daqpv.store.portable.importing import import_
from daqpv.store.portable.portable_file import Manifest
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.migrate import prepare
from daqpv.store.tables.models import EVENT, EXPERIMENT, JOURNAL, METADATA
from daqpv.store.tables.url import shown
from daqpv.store.tables.version import newest
from tests.support import forks

Content = dict[str, list[tuple[Any, ...]]]
VERSION = newest().encode()
EVENTS = 5_003  # more than a page


def quiet() -> Job:
    """A job that nobody watches."""
    return Job("copy")


def fill(url: str, *, events: int = 30, experiment: str = "exp") -> None:
    """Add an experiment with events, settings of all sorts, and a writer's journal."""
    engine = make_engine(url, writes=True)
    prepare(engine)
    with engine.begin() as connection:
        named = insert(EXPERIMENT).values(name=experiment)
        key = connection.execute(named).inserted_primary_key
        assert key is not None
        number = key[0]
        rows = [
            {
                "experiment_id": number,
                "time": 1_795_000_000_000_000 + n,
                "severity": n % 3,
                "name": "state",
                "device": f"ECC:CoBo{n % 7}",
                "process": "main@daq",
                "function": "ecc.move",
                "text": f"{experiment} \x1b[1m été 漢 🙂 \\ \"'\n\t{n}",
                "fields": json.dumps({"n": n}),
                "who": "op@hut",
                "count": n + 1,
            }
            for n in range(events)
        ]
        for n in range(0, events, 2000):
            connection.execute(insert(EVENT), rows[n : n + 2000])
        values = (None, True, -7, 2.5, "text 漢", [1, [2]], {"a": {"b": None}}, "")
        settings = [
            {
                "experiment_id": number,
                "device": "ECC:CoBo0",
                "field": f"field{n}",
                "value": value,
                "file": value,
                "time": n,
                "who": "",
            }
            for n, value in enumerate(values)
        ]
        connection.execute(insert(METADATA.tables["setting"]), settings)
        run = {"experiment_id": number, "number": 7, "moment": "start", "severity": 0}
        pvs = [
            run | {"pv": f"AT:Pv{n % 9}:{n}", "value": n / 7, "time": n}
            for n in range(events and 260)
        ]
        texts = [
            {"experiment_id": number, "number": n, "server": f"S{m}", "name": "x.xcfg"}
            | {"text": f"{n}é{m}" * 5_000}
            for n in range(events and 4)
            for m in (2, 1)
        ]
        if events:
            connection.execute(insert(METADATA.tables["run_pv"]), pvs)
            connection.execute(insert(METADATA.tables["run_document"]), texts)
        journal = {"process": "main@daq", "last": 2**40, "time": 3} | {
            "experiment_id": number
        }
        connection.execute(insert(JOURNAL).values(writer=experiment, **journal))
    engine.dispose()


def content(url: str) -> Content:
    """All rows of all tables."""
    engine = make_engine(url)
    with engine.connect() as connection:
        rows = {
            table.name: [
                tuple(row)
                for row in connection.execute(
                    select(table).order_by(*table.primary_key)
                )
            ]
            for table in METADATA.sorted_tables
        }
    engine.dispose()
    return rows


@pytest.fixture
def other_urls(
    tmp_path: Path, store_servers: Callable[[str], Any]
) -> Callable[[], Iterator[str]]:
    """URLs of an empty store in each engine."""
    numbers = itertools.count()

    def urls() -> Iterator[str]:
        yield f"sqlite:///{tmp_path}/other{next(numbers)}.db"
        yield store_servers("postgresql").database()
        yield store_servers("mariadb").database()

    return urls


def test_a_store_comes_into_every_engine_as_it_was(
    store_url: str, other_urls: Callable[[], Iterator[str]], tmp_path: Path
) -> None:
    fill(store_url, events=EVENTS)
    before = content(store_url)
    told: list[Progress] = []
    job = Job("export")
    job.watch(told.append)
    export(store_url, "exp", tmp_path / "out.zip", job)
    steps = [one.step for one in told if one.step.startswith("event,")]
    assert steps[0] == f"event, 0 of {EVENTS:,}"
    assert steps[-1] == f"event, {EVENTS:,} of {EVENTS:,}"
    done = [one.done for one in told]
    assert done == sorted(done)
    assert told[-1].percent == 100
    for url in other_urls():
        manifest = import_(url, "exp", tmp_path / "out.zip", quiet())
        assert manifest.tables["event"].rows == EVENTS
        assert content(url) == before, url


def test_new_events_get_numbers_behind_those_that_came(
    store_url: str, tmp_path: Path
) -> None:
    fill(f"sqlite:///{tmp_path}/from.db")
    export(f"sqlite:///{tmp_path}/from.db", "exp", tmp_path / "out.zip", quiet())
    import_(store_url, "exp", tmp_path / "out.zip", quiet())
    fill(store_url, events=1, experiment="next")
    rows = content(store_url)
    assert [row[0] for row in rows["event"]] == list(range(1, 32))
    assert rows["experiment"] == [(1, "exp"), (2, "next")]


def test_beside_other_experiments_the_numbers_are_moved_and_the_order_stays(
    store_url: str, tmp_path: Path
) -> None:
    source = f"sqlite:///{tmp_path}/from.db"
    fill(source, experiment="other")
    fill(source, events=40)
    export(source, "exp", tmp_path / "out.zip", quiet())
    export(source, "other", tmp_path / "other.zip", quiet())
    import_(store_url, "exp", tmp_path / "out.zip", quiet())
    assert [row[0] for row in content(store_url)["journal"]] == ["exp"]
    import_(store_url, "other", tmp_path / "other.zip", quiet())
    there, came = content(source), content(store_url)
    assert [row[:-1] for row in came["journal"]] == [
        row[:-1] for row in there["journal"]
    ]
    names: dict[Any, Any] = dict(came["experiment"])
    assert {row[0]: names[row[-1]] for row in came["journal"]} == {
        "exp": "exp",
        "other": "other",
    }
    assert sorted(names.values()) == ["exp", "other"]
    for table in ("event", "setting"):
        of = [column.name for column in METADATA.tables[table].columns]
        place = of.index("experiment_id")
        for name, number in (("other", 1), ("exp", 2)):
            [ours] = [n for n, known in names.items() if known == name]
            was = [row for row in there[table] if row[place] == number]
            now = [row for row in came[table] if row[place] == ours]
            assert [row[place + 1 :] for row in now] == [
                row[place + 1 :] for row in was
            ]


def test_the_file_can_be_read_without_us(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    fill(url)
    export(url, "exp", tmp_path / "out.zip", quiet())
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        lines = archive.read("event.jsonl").decode().splitlines()
    assert manifest["format"] == 1
    assert manifest["experiment"] == "exp"
    columns = manifest["tables"]["event"]["columns"]
    first = dict(zip(columns, json.loads(lines[0]), strict=True))
    assert (first["id"], first["text"][:3], len(lines)) == (1, "exp", 30)


# -- refusals --------------------------------------------------------------------------


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A file that was exported."""
    url = f"sqlite:///{tmp_path}/from.db"
    fill(url)
    export(url, "exp", tmp_path / "good.zip", quiet())
    return tmp_path / "good.zip"


def refusal(act: Callable[..., Manifest], url: str, file: Path, of: str = "exp") -> str:
    """What is said, when nothing is done and nothing left behind."""
    before = {path: path.read_bytes() for path in file.parent.iterdir()}
    with pytest.raises(StoreError) as told:
        act(url, of, file, quiet())
    after = {path: path.read_bytes() for path in file.parent.iterdir()}
    journals = {path for path in after if path.name.endswith(("-wal", "-shm"))}
    assert after.keys() - journals == before.keys() - journals
    assert all(after[path] == before[path] for path in after.keys() - journals)
    return str(told.value)


def test_a_file_that_exists_is_not_overwritten(url: str, tmp_path: Path) -> None:
    fill(url)
    (tmp_path / "out.zip").write_text("precious")
    said = refusal(export, url, tmp_path / "out.zip")
    assert said == f"{tmp_path}/out.zip exists: nothing is overwritten"


def test_a_folder_that_is_not_there_is_told(url: str, tmp_path: Path) -> None:
    fill(url)
    with pytest.raises(StoreError, match=r"no/out.zip cannot be written: No such file"):
        export(url, "exp", tmp_path / "no" / "out.zip", quiet())


def test_a_folder_that_takes_no_file_is_told(url: str, tmp_path: Path) -> None:
    fill(url)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match=r"file/out.zip cannot be written: Not a dir"):
        export(url, "exp", tmp_path / "file" / "out.zip", quiet())


def test_a_store_that_is_not_there_is_not_exported(url: str, tmp_path: Path) -> None:
    assert "there is no store" in refusal(export, url, tmp_path / "out.zip")


def test_an_experiment_that_is_not_there_is_not_exported(
    url: str, tmp_path: Path
) -> None:
    fill(url)
    said = refusal(export, url, tmp_path / "out.zip", "nosuch")
    assert said.endswith("store.db has no records of nosuch yet")


def test_another_experiment_is_not_imported(url: str, good: Path) -> None:
    said = refusal(import_, url, good, "e20009")
    assert said == f"{good} holds the experiment exp, not e20009"


def test_records_are_not_added_to_records(store_url: str, good: Path) -> None:
    fill(store_url, events=1)
    before = content(store_url)
    said = refusal(import_, store_url, good)
    assert "has records of exp already (1 rows of event): name another" in said
    assert content(store_url) == before


def test_an_experiment_without_records_is_filled(store_url: str, good: Path) -> None:
    fill(store_url, experiment="other", events=0)
    engine = make_engine(store_url, writes=True)
    with engine.begin() as connection:
        connection.execute(insert(EXPERIMENT).values(name="exp"))
    engine.dispose()
    import_(store_url, "exp", good, quiet())
    assert {row[1] for row in content(store_url)["event"]} == {2}


def changed(good: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of an export with one of its files changed; its checksums are right."""
    bad = good.with_name("bad.zip")
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bad, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            new.writestr(member, change(data) if member == name else data)
    return bad


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'"format": 1', b'"format": 2', "was written by a newer daqpv"),
        (VERSION, b"9999", "was written by a newer daqpv"),
        (VERSION, b"0000", "was written by an older daqpv"),
        (b'"severity"', b'"weight"', "other columns of event"),
        (
            b'"event"',
            b'"events"',
            "is no export of daqpv, or is damaged (no table event)",
        ),
        (b'"experiment"', b'"experimenter"', "is no export of daqpv, or is damaged"),
        (b'"format": 1', b'"format": "x"', "is no export of daqpv, or is damaged"),
        (b'{\n  "format"', b"[]{", "is no export of daqpv, or is damaged"),
    ],
)
def test_what_another_daqpv_wrote_is_refused(
    url: str, good: Path, old: bytes, new: bytes, says: str
) -> None:
    bad = changed(good, "manifest.json", lambda data: data.replace(old, new))
    assert says in refusal(import_, url, bad)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data[: len(data) // 2], "no export of daqpv, or is damaged"),
        (lambda data: b"\n".join(data.splitlines()[:-1]), "29 rows of event, not 30"),
        (lambda data: data + data, "60 rows of event, not 30"),
        (lambda data: data.replace(b"[3,", b"[2,"), "2"),
        (lambda data: data.replace(b"[3,", b'[3,"more",'), "is damaged"),
    ],
)
def test_a_file_with_other_rows_leaves_nothing_behind(
    store_url: str, good: Path, change: Callable[[bytes], bytes], says: str
) -> None:
    bad = changed(good, "event.jsonl", change)
    said = refusal(import_, store_url, bad)
    twice = said.startswith(shown(store_url)) and re.search("UNIQUE|uplicate", said)
    assert twice if says == "2" else says in said
    if not store_url.startswith("sqlite"):
        assert all(rows == [] for rows in content(store_url).values())


@pytest.mark.parametrize("place", [0.2, 0.5, 0.99])
def test_a_damaged_file_is_refused(url: str, good: Path, place: float) -> None:
    data = bytearray(good.read_bytes())
    at = int(place * len(data))
    data[at : at + 20] = bytes(20)
    bad = good.with_name("bad.zip")
    bad.write_bytes(data)
    assert "is no export of daqpv, or is damaged" in refusal(import_, url, bad)


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all"])
def test_a_file_that_is_no_zip_is_refused(
    url: str, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "bad.zip").write_bytes(data)
    assert "is no export of daqpv" in refusal(import_, url, tmp_path / "bad.zip")


def test_a_file_that_is_not_there_is_told(url: str, tmp_path: Path) -> None:
    said = refusal(import_, url, tmp_path / "no.zip")
    assert said == f"{tmp_path}/no.zip cannot be read: No such file or directory"


# -- cut short -------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from daqpv.core.job import Job
from daqpv.store.portable.exporting import export
from daqpv.store.portable.importing import import_

def die(progress):
    if progress.step.startswith("event,") and "event, 0 " not in progress.step:
        os.kill(os.getpid(), int(sys.argv[4]))

act = {"export": export, "import": import_}[sys.argv[1]]
job = Job(sys.argv[1])
job.watch(die)
act(sys.argv[2], "exp", Path(sys.argv[3]), job)
"""


def kill(act: str, url: str, file: Path, number: int) -> None:
    """Do it in a process that is killed after the first page of events."""
    command = [sys.executable, "-c", KILLED, act, url, str(file), str(int(number))]
    done = forks.run(command, check=False, capture_output=True, timeout=60)
    assert done.returncode in (-number, 128 + number, 1), done.stderr
    assert done.returncode


def test_an_import_that_is_killed_has_done_nothing(store_url: str, good: Path) -> None:
    kill("import", store_url, good, signal.SIGKILL)
    import_(store_url, "exp", good, quiet())
    assert len(content(store_url)["event"]) == 30


def test_an_export_that_is_interrupted_leaves_nothing(url: str, tmp_path: Path) -> None:
    fill(url)
    kill("export", url, tmp_path / "out.zip", signal.SIGINT)
    assert list(tmp_path.glob("*zip*")) == list(tmp_path.glob(".*zip*")) == []


def test_others_wait_while_an_import_writes_and_nobody_gets_its_numbers(
    store_url: str, good: Path
) -> None:
    """With the same tables: a second experiment that is served meanwhile."""
    fill(store_url, experiment="other", events=5)
    other = make_engine(store_url, writes=True)
    add = text(
        "INSERT INTO event (experiment_id, time, severity, name, device, process, "
        "function, text, fields, who, count) "
        "VALUES (1, 0, 0, '', '', '', '', 'mine', '', '', 1)"
    )
    refused: list[str] = []

    def meanwhile(progress: Progress) -> None:
        if progress.step == "event, 30 of 30":
            with pytest.raises(OperationalError) as told, other.begin() as connection:
                connection.execute(add)
            refused.append(str(told.value))

    job = Job("import")
    job.watch(meanwhile)
    import_(store_url, "exp", good, job)
    assert len(refused) == 1
    with other.begin() as connection:
        connection.execute(add)
    other.dispose()
    rows = content(store_url)["event"]
    mine = [row for row in rows if "mine" in row]
    assert len(rows) == 36
    assert len(mine) == 1
    assert mine[0][0] == max(row[0] for row in rows)
