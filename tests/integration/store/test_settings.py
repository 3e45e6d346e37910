"""Settings come back from the store as they went in, from each of the engines."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from daqpv.core import DeviceState, Events, Origin, Remembered, Setting
from daqpv.errors import StoreError
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.models import METADATA
from daqpv.store.writing.sql_store import SqlStore
from tests.support.waiting import until

VALUES = [
    None,
    True,
    False,
    0,
    2.5,
    3.0,
    -1e-300,
    1e22,
    2**53 + 1,
    "",
    "cobo0/e20009/e20009",
    "2.5",
    "null",
    "Δ 'quoted' \\ \"twice\"",
    [],
    ["FAST", 1.5, None],
    {"low": 0.1, "mode": "OFF"},
]


def setting(number: int, value: Any, **more: Any) -> Setting:
    defaults = {
        "time": 1.8e9 + number,
        "device": f"ECC:CoBo{number}",
        "field": "config",
        "value": value,
        "file": VALUES[-1 - number % len(VALUES)],
        "origin": Origin("eva", "hut") if number % 2 else None,
    }
    return Setting(**defaults | more)


def store(url: str, folder: Path, experiment: str = "e1") -> SqlStore:
    """Open the store as a daqpv process does."""
    opened = SqlStore(
        url,
        experiment=experiment,
        process="main@host",
        spool=folder / "spool" / "main",
        spool_limit=1e9,
        events=Events(),
    )
    opened.open()
    return opened


def keep(url: str, folder: Path, *settings: Remembered, experiment: str = "e1") -> None:
    """Bring settings into the store, in a process of their own."""
    opened = store(url, folder, experiment)
    for one in settings:
        opened.add(one)
    opened.begin()
    until(lambda: not opened.figures().backlog, "them to be written")
    opened.close()


def read(url: str, folder: Path, experiment: str = "e1") -> list[Remembered]:
    """What a process gets that starts now."""
    opened = store(url, folder, experiment)
    try:
        return sorted(opened.read(), key=lambda one: one.time)
    finally:
        opened.close()


def test_a_new_store_has_none(store_url: str, tmp_path: Path) -> None:
    assert read(store_url, tmp_path) == []


def test_each_value_comes_back(store_url: str, tmp_path: Path) -> None:
    settings = [setting(n, value) for n, value in enumerate(VALUES)]
    keep(store_url, tmp_path, *settings)
    back = read(store_url, tmp_path)
    assert back == settings
    kinds = [(type(one.value), type(one.file)) for one in settings]
    found = [one for one in back if isinstance(one, Setting)]
    assert [(type(one.value), type(one.file)) for one in found] == kinds


def test_a_state_is_kept_beside_the_setting_of_its_name(
    store_url: str, tmp_path: Path
) -> None:
    chosen = setting(0, "a/b/c")
    state = DeviceState(time=2e9, device="ECC:CoBo0", field="config", value=[1, 2.0])
    keep(store_url, tmp_path, chosen, state)
    assert read(store_url, tmp_path) == [chosen, state]
    later = replace(state, time=2e9 + 1, value=None)
    waiting = store(store_url, tmp_path)
    waiting.add(later)
    waiting.begin()
    waiting.close()  # in the store or in the spool
    assert read(store_url, tmp_path) == [chosen, later]


def test_the_newest_is_kept_whatever_comes_last(store_url: str, tmp_path: Path) -> None:
    keep(store_url, tmp_path, setting(0, 1.0), setting(0, 2.0, time=1.9e9))
    keep(store_url, tmp_path, setting(0, 3.0, time=1.85e9))
    assert [one.value for one in read(store_url, tmp_path)] == [2.0]


def test_what_waits_in_the_spool_is_read_though_the_store_is_away(
    tmp_path: Path,
) -> None:
    url = "postgresql://daqpv:secret@127.0.0.1:1/daqpv"
    first = store(url, tmp_path)
    first.add(setting(0, 1.0))
    first.add(setting(0, 2.0, time=1.9e9))
    first.close()
    second = store(url, tmp_path)
    found = second.read()
    assert next(found).value == 2.0
    with pytest.raises(StoreError, match="in the store alone do not hold"):
        next(found)
    second.close()


def test_each_experiment_has_its_own(store_url: str, tmp_path: Path) -> None:
    keep(store_url, tmp_path, setting(0, 1.0))
    keep(store_url, tmp_path, setting(0, 2.0), experiment="e2")
    assert [one.value for one in read(store_url, tmp_path)] == [1.0]


def test_ten_thousand_are_read_quickly(store_url: str, tmp_path: Path) -> None:
    keep(store_url, tmp_path, setting(0, "a/b/c"))
    engine = make_engine(store_url, writes=True)
    table = METADATA.tables["setting"]
    with engine.begin() as connection:
        row = connection.execute(select(table)).one()._asdict()
        rows = [row | {"device": f"ECC:C{n}"} for n in range(1, 10_000)]
        connection.execute(insert(table), rows)
    engine.dispose()
    begin = time.process_time()
    assert len(read(store_url, tmp_path)) == 10_000
    assert time.process_time() - begin < 2.0  # 0.1 on an idle machine
