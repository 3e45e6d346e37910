"""The tables of a store, and their version."""

from __future__ import annotations

import shutil
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, inspect, text

from daqpv.errors import StoreError
from daqpv.store.tables import migrate, version
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.models import METADATA
from tests.support.keeping import NEXT
from tests.support.waiting import DEADLINE


def test_the_scripts_make_what_the_models_say(store_url: str) -> None:
    engine = make_engine(store_url, writes=True)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert migrate.versions_in(connection).own == version.newest()
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_an_empty_store_gets_the_tables_and_the_version(store_url: str) -> None:
    engine = make_engine(store_url, writes=True)
    migrate.prepare(engine)
    migrate.prepare(engine)
    with engine.connect() as connection:
        assert migrate.versions_in(connection).own == version.newest()
    migrate.upgrade(engine)  # nothing to do
    engine.dispose()


def test_two_processes_may_make_the_tables_at_once(store_url: str) -> None:
    first, second = (make_engine(store_url, writes=True) for _ in range(2))
    with ThreadPoolExecutor(1) as pool:
        others: list[Future[None]] = []

        def let_the_other_go_ahead(_: Connection) -> None:
            others.append(pool.submit(migrate.prepare, second))
            wait(others, 0.3)  # it must wait until we have committed

        event.listen(first, "commit", let_the_other_go_ahead, once=True)
        migrate.prepare(first)
        others[0].result(DEADLINE)
    with first.connect() as connection:
        assert migrate.versions_in(connection).own == version.newest()
    for engine in (first, second):
        engine.dispose()


@pytest.mark.parametrize(
    ("number", "cure"),
    [("9999", "newer daqpv.*9999"), ("0000", "0000.*daqpv db upgrade")],
)
def test_tables_of_another_version_are_refused(
    store_url: str, number: str, cure: str
) -> None:
    engine = make_engine(store_url, writes=True)
    migrate.prepare(engine)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE alembic_version SET version_num = :v"), {"v": number}
        )
    with pytest.raises(StoreError, match=cure):
        migrate.prepare(engine)
    engine.dispose()


def test_an_older_store_is_upgraded_in_place(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(store_url, writes=True)
    migrate.prepare(engine)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO journal VALUES ('w', 'main@host', 7, 1000000, NULL)")
        )
    scripts = tmp_path / "db"
    shutil.copytree(version.SCRIPTS, scripts)
    script = NEXT.replace("NEWEST", version.newest())
    (scripts / "versions/9000_next.py").write_text(script)
    monkeypatch.setattr(version, "SCRIPTS", scripts)
    with pytest.raises(StoreError, match="daqpv db upgrade"):
        migrate.prepare(engine)
    migrate.upgrade(engine)
    migrate.prepare(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT last, note FROM journal")).all() == [
            (7, None)
        ]
        assert "note" in {c["name"] for c in inspect(connection).get_columns("journal")}
    engine.dispose()
