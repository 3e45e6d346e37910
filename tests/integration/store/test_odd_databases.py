"""Databases that are set up otherwise than daqpv wants: no record is lost in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from daqpv.cli import main
from daqpv.errors import StoreError
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.models import METADATA
from daqpv.store.tables.version import newest
from tests.support.keeping import event, record, retry, running
from tests.support.store import StoreServer

CURE = r"encoding LATIN1: .*createdb --template template0 --encoding UTF8"


async def test_an_empty_database_of_a_poor_encoding_is_refused(
    latin1: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=CURE):
        async with running(latin1, tmp_path):
            pass
    result = CliRunner().invoke(main, ["db", "status", _file(tmp_path, latin1)])
    assert result.exit_code == 1
    assert "encoding LATIN1" in result.stderr


async def test_a_database_of_a_poor_encoding_that_is_in_use_loses_nothing(
    latin1: str, tmp_path: Path, store_servers: Callable[[str], StoreServer]
) -> None:
    engine = make_engine(latin1, writes=True)
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:v)"), {"v": newest()}
        )
    engine.dispose()
    async with running(latin1, tmp_path) as kept:
        await kept.until(lambda: "store encoding" in kept.names())
        kept.store.add(record(2.0, "plain"))
        kept.store.add(event(1, text="alpha 日本"))
        kept.store.add(record(3.0, "alpha 日本"))
        await kept.written()
        figures = kept.store.figures()
        assert (figures.online, figures.refused) == (True, 2)
        assert await kept.asked("SELECT title FROM run") == [("plain",)]
    result = CliRunner().invoke(main, ["db", "status", _file(tmp_path, latin1)])
    assert result.exit_code == 1
    assert "encoding LATIN1" in result.stderr
    good = store_servers("postgresql").database()
    result = retry(tmp_path, good, kept.spool)
    assert result.exit_code == 0, result.output
    async with running(good, tmp_path) as kept:
        assert await kept.texts() == ["alpha 日本"]
        assert await kept.asked("SELECT title FROM run") == [("alpha 日本",)]


def _file(folder: Path, url: str) -> str:
    file = folder / "e.yaml"
    file.write_text(f"experiment: e1\nprefix: 'A:'\nstore: '{url}'\n")
    return str(file)


async def test_a_latin1_database_of_mariadb_takes_every_text(
    tmp_path: Path, store_servers: Callable[[str], StoreServer]
) -> None:
    url = store_servers("mariadb").database("CHARACTER SET latin1")
    async with running(url, tmp_path) as kept:
        kept.store.add(event(1, text="alpha 日本 🍺"))
        await kept.written()
        assert await kept.texts() == ["alpha 日本 🍺"]
        assert kept.store.figures().refused == 0


async def test_a_mariadb_that_would_cut_values_refuses_them(
    tmp_path: Path, store_servers: Callable[[str], StoreServer]
) -> None:
    server = store_servers("mariadb")
    url = server.database()
    strict = "SET GLOBAL sql_mode = DEFAULT"
    with server.set_up("SET GLOBAL sql_mode = ''", after=strict):
        async with running(url, tmp_path) as kept:
            kept.store.add(event(1, count=2**40))
            kept.store.add(event(2))
            await kept.written()
            assert await kept.texts() == ["event 2"]
            assert kept.store.figures().refused == 1


async def test_a_mariadb_of_small_packets_refuses_what_is_larger(
    tmp_path: Path, store_servers: Callable[[str], StoreServer]
) -> None:
    server = store_servers("mariadb")
    url = server.database()
    normal = "SET GLOBAL max_allowed_packet = DEFAULT"
    with server.set_up("SET GLOBAL max_allowed_packet = 65536", after=normal):
        async with running(url, tmp_path) as kept:
            for n in range(300):
                kept.store.add(event(n, text=f"event {n} {'x' * 1000}"))
            kept.store.add(event(300, text="x" * 100_000))
            kept.store.add(event(301))
            await kept.written()
            figures = kept.store.figures()
            assert (figures.online, figures.refused) == (True, 1)
            assert "max_allowed_packet" in figures.refused_reason
            assert len(await kept.texts()) == 301
    assert retry(tmp_path, url, kept.spool).exit_code == 0
