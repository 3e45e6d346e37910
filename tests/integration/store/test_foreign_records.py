"""Records of another distribution are kept as ours are, in each engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, text

from daqpv.cli import main
from daqpv.config import installed_kinds
from daqpv.core.job import Job
from daqpv.core.records import table as t
from daqpv.core.records.kind import RecordKind
from daqpv.core.records.table import Branch, Table
from daqpv.errors import StoreError
from daqpv.store.portable.exporting import export
from daqpv.store.portable.importing import import_
from daqpv.store.tables import migrate
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.own import EVENT, OWN, schema_of
from daqpv.store.tables.records import records
from daqpv.store.tables.rows import Source
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.state import state_of
from daqpv.store.tables.version import newest
from daqpv.store.writing import refused
from daqpv.store.writing.journal import Journal
from daqpv.store.writing.retry import retry_refused, retry_spool
from daqpv.store.writing.spool import Spool
from tests.support.keeping import event, locked, running


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a gauge has read."""

    gauge: str
    time: float
    pressure: float | None = None
    note: str = ""
    process: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The last calibration of a gauge."""

    gauge: str
    time: float
    points: Any = None
    secret: str = ""


GAUGES = Branch("gauges")
SAMPLE = RecordKind(
    Sample,
    Table(
        name="gauge_sample",
        columns=(
            t.text("gauge", 24),
            t.time("time"),
            t.real("pressure"),
            t.text("note"),
            t.text("process", 120),
        ),
        indexes={"ix_gauge_sample": ("gauge", "time")},
        branch=GAUGES,
    ),
    expendable=lambda row: row["pressure"] is None,
)
CALIBRATION = RecordKind(
    Calibration,
    Table(
        name="gauge_calibration",
        columns=(
            t.text("gauge", 24),
            t.time("time"),
            t.value("points"),
            t.text("secret"),
        ),
        key=("gauge",),
        age="time",
        branch=GAUGES,
    ),
    export=False,
)
SCHEMA = Schema((*OWN.kinds, SAMPLE, CALIBRATION))
SAMPLES = [
    Sample(gauge=f"g{n % 3}", time=1000.0 + n / 4, pressure=n / 7 if n % 5 else None)
    for n in range(2_300)
]
LAST = Calibration(gauge="g1", time=9.0, points=[1, 2.0, {"é": None}])


def quiet() -> Job:
    """A job that nobody watches."""
    return Job("copy")


def found(url: str, kind: RecordKind[Any]) -> list[Any]:
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return [*records(connection, kind, "e1")]
    finally:
        engine.dispose()


def stamped(one: Sample) -> Sample:
    """As it is kept: with the process that it came from."""
    return Sample(
        gauge=one.gauge, time=one.time, pressure=one.pressure, process="main@host"
    )


async def test_records_are_kept_in_order_and_replaced_by_key(
    store_url: str, tmp_path: Path
) -> None:
    async with running(store_url, tmp_path, schema=SCHEMA) as kept:
        for one in SAMPLES:
            kept.store.add(one)
        kept.store.add(event(1))
        kept.store.add(Calibration(gauge="g1", time=5.0, points="old"))
        kept.store.add(LAST)
        await kept.written()
        assert kept.names() == []
    assert found(store_url, SAMPLE) == [*map(stamped, SAMPLES)]
    assert found(store_url, CALIBRATION) == [LAST]


async def test_they_wait_in_the_spool_while_the_store_is_away(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with running(url, tmp_path, schema=SCHEMA) as kept:
        kept.store.add(event(0))
        await kept.written()
        with locked(tmp_path / "store.db"):
            for one in SAMPLES[:30]:
                kept.store.add(one)
            await kept.waiting(30)
    async with running(url, tmp_path, schema=SCHEMA) as kept:
        await kept.written()
    assert found(url, SAMPLE) == [*map(stamped, SAMPLES[:30])]


def test_only_what_is_expendable_may_be_left_out() -> None:
    entries = [SCHEMA.entry(n, one, "") for n, one in enumerate(SAMPLES[:6])]
    found = [entry.number for entry in entries if SCHEMA.is_expendable(entry)]
    assert found == [0, 5]
    assert not SCHEMA.is_expendable(SCHEMA.entry(1, LAST, ""))


def test_a_record_that_nobody_keeps_becomes_an_event() -> None:
    entry = OWN.entry(1, SAMPLES[0], "main@host")
    assert entry.table == "event"
    assert "A record could not be kept (KeyError): Sample(" in entry.row["text"]


def filled(url: str, folder: Path) -> None:
    """A store with samples, made without a process."""

    kept = refused.Refused(folder)
    journal = Journal(url, "e1", kept.keep, schema=SCHEMA)
    batch = [SCHEMA.entry(n, one, "main@host") for n, one in enumerate(SAMPLES[:50], 1)]
    last = SCHEMA.entry(51, LAST, "main@host")
    assert journal.write(Source("a" * 32, "main@host"), [*batch, last]) == []
    journal.close()


def test_an_export_has_them_and_an_import_brings_them_back(
    store_url: str, tmp_path: Path
) -> None:
    filled(store_url, tmp_path)
    out, other = tmp_path / "e1.zip", f"sqlite:///{tmp_path}/other.db"
    manifest = export(store_url, "e1", out, quiet(), SCHEMA)
    assert manifest.tables["gauge_sample"].rows == 50
    assert manifest.branches == {"gauges": "gauges_0001"}
    assert "gauge_calibration" not in manifest.tables  # it does not want to
    import_(other, "e1", out, quiet(), SCHEMA)
    assert found(other, SAMPLE) == [*map(stamped, SAMPLES[:50])]
    assert found(other, CALIBRATION) == []


def test_an_import_is_refused_where_nothing_keeps_them(tmp_path: Path) -> None:
    url, out = f"sqlite:///{tmp_path}/store.db", tmp_path / "e1.zip"
    filled(url, tmp_path)
    export(url, "e1", out, quiet(), SCHEMA)
    with pytest.raises(StoreError, match="tables of gauges in version gauges_0001, wh"):
        import_(f"sqlite:///{tmp_path}/other.db", "e1", out, quiet())
    assert not (tmp_path / "other.db").exists()


def test_a_file_from_where_nothing_kept_them_is_imported(tmp_path: Path) -> None:
    url, out = f"sqlite:///{tmp_path}/store.db", tmp_path / "e1.zip"
    filled(url, tmp_path)
    export(url, "e1", out, quiet())
    other = f"sqlite:///{tmp_path}/other.db"
    import_(other, "e1", out, quiet(), SCHEMA)
    assert found(other, SAMPLE) == []


def test_a_store_of_before_gets_their_tables_when_it_is_written(
    store_url: str, tmp_path: Path
) -> None:
    engine = make_engine(store_url, writes=True)
    migrate.prepare(engine)
    assert state_of(store_url, SCHEMA).versions.of == {}
    engine.dispose()
    filled(store_url, tmp_path)
    state = state_of(store_url, SCHEMA)
    assert (state.versions.own, state.versions.of) == (
        newest(),
        {"gauges": "gauges_0001"},
    )
    assert state.missing == ()
    assert len(found(store_url, SAMPLE)) == 50
    assert state_of(store_url).versions.own == newest()  # others read it as before


def test_what_is_not_installed_any_more_is_kept_until_it_is_again(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    spool = tmp_path / "spool"

    one = Spool(spool, Source("b" * 32, "main@host"), limit=1e9, say=pytest.fail)
    assert one.open()
    one.append([SCHEMA.entry(n, SAMPLES[n], "main@host") for n in (1, 2)])
    one.close()
    done = retry_spool(url, "e1", spool)
    assert (done.refused, done.reason) == (
        2,
        "no installed kind keeps a table gauge_sample",
    )
    done = retry_refused(url, "e1", spool / refused.NAME, "retry@host", SCHEMA)
    assert (done.offered, done.refused) == (2, 0)
    assert found(url, SAMPLE) == [stamped(SAMPLES[1]), stamped(SAMPLES[2])]


# -- versions of their own -------------------------------------------------------------

PLUGIN = """
from dataclasses import dataclass
from pathlib import Path

from daqpv.config import DeviceSettings, Kind
from daqpv.config import installed_kinds
from daqpv.core.records import table as t
from daqpv.core.records.kind import RecordKind
from daqpv.core.records.table import Branch, Table


@dataclass(frozen=True)
class Sample:
    gauge: str
    time: float
    unit: str = ""


BRANCH = Branch("gauges", SCRIPTS)
TABLE = Table(
    name="gauge_sample",
    columns=(t.text("gauge", 24), t.time("time"), COLUMNS),
    branch=BRANCH,
)
KIND = Kind(
    section="gauges",
    settings=DeviceSettings,
    api=1,
    build=lambda *_: None,
    records=[RecordKind(Sample, TABLE)],
)
"""
FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "gauges_0001"
down_revision = None
branch_labels = ("gauges",)
depends_on = "0001"


def upgrade() -> None:
    op.create_table(
        "gauge_sample",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "experiment_id", sa.Integer, sa.ForeignKey("experiment.id"), nullable=False
        ),
        sa.Column("gauge", sa.String(24), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
    )
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "gauges_0002"
down_revision = "gauges_0001"


def upgrade() -> None:
    with op.batch_alter_table("gauge_sample") as batch:
        batch.add_column(
            sa.Column("unit", sa.String(8), nullable=False, server_default="mbar")
        )
"""


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], None]]:
    """Install a distribution with a kind that keeps samples; the second time newer."""
    place = tmp_path / "site"
    scripts = place / "gauges_db"
    scripts.mkdir(parents=True)
    (place / "lab_gauges-0.1.dist-info").mkdir()
    points = "[daqpv.iocs]\ngauges = daqpv_test_gauges:KIND\n"
    (place / "lab_gauges-0.1.dist-info/entry_points.txt").write_text(points)
    metadata = "Metadata-Version: 2.1\nName: lab-gauges\nVersion: 0.1\n"
    (place / "lab_gauges-0.1.dist-info/METADATA").write_text(metadata)
    monkeypatch.syspath_prepend(place)

    def install() -> None:
        is_first = not (scripts / "0001_first.py").exists()
        (scripts / "0001_first.py").write_text(FIRST)
        columns = 't.text("unit", 8, default="mbar")'
        if is_first:
            plugin = PLUGIN.replace(", COLUMNS", "").replace('    unit: str = ""\n', "")
        else:
            (scripts / "0002_unit.py").write_text(SECOND)
            plugin = PLUGIN.replace("COLUMNS", columns)
        plugin = plugin.replace("SCRIPTS", f"Path({str(scripts)!r})")
        (place / "daqpv_test_gauges.py").write_text(plugin)
        sys.modules.pop("daqpv_test_gauges", None)

    yield install
    sys.modules.pop("daqpv_test_gauges", None)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["db", *arguments])


def columns(connection: Connection) -> list[tuple[Any, ...]]:
    rows = connection.execute(text("SELECT gauge, unit FROM gauge_sample"))
    return [tuple(row) for row in rows]


def test_the_status_names_them_and_the_upgrade_brings_them_on(
    install: Callable[[], None], store_url: str, tmp_path: Path
) -> None:

    install()
    file = tmp_path / "e1.yaml"
    file.write_text(f"experiment: e1\nprefix: 'A:'\nstore: {store_url}\n")
    assert "gauges: no tables yet (gauge_sample)" in run("status", str(file)).output
    engine = make_engine(store_url, writes=True)
    migrate.upgrade(engine, schema_of(installed_kinds().kinds))  # by their scripts
    result = run("status", str(file))
    assert "gauges: tables of version gauges_0001 (gauge_sample)" in result.output
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO experiment (id, name) VALUES (1, 'e1')"))
        connection.execute(
            text("INSERT INTO gauge_sample VALUES (1, 1, 'g1', 1000000)"),
        )
    install()
    result = run("status", str(file))
    assert result.exit_code == 1
    assert "gauges are of version gauges_0001, wanted is gauges_0002" in result.output
    result = run("upgrade", "--no-backup", str(file))
    assert result.exit_code == 0, result.output
    assert "gauges: tables of version gauges_0002, was gauges_0001" in result.output
    with engine.connect() as connection:
        assert columns(connection) == [("g1", "mbar")]
    assert run("status", str(file)).exit_code == 0
    migrate.upgrade(engine)  # where they are not installed, theirs stay as they are
    with engine.connect() as connection:
        assert migrate.versions_in(connection).of == {"gauges": "gauges_0002"}
    engine.dispose()


def test_two_kinds_that_keep_the_same_table_are_refused() -> None:
    other = RecordKind(Sample, Table(name="gauge_sample", columns=SAMPLE.columns))
    with pytest.raises(StoreError, match="two kinds of devices keep a table gauge_sam"):
        Schema((EVENT, SAMPLE, other))
