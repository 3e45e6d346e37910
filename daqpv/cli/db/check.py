"""Checks the store of an experiment before it is used, without any change."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from daqpv.cli.default_paths import refuse_leftovers, spool_path, store_url
from daqpv.config import Experiment
from daqpv.errors import StoreError
from daqpv.store.tables.engine import make_engine
from daqpv.store.tables.own import OWN
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.sqlite_file import SCHEME, path_in, refuse_orphan
from daqpv.store.tables.state import refuse_unusable, state_of
from daqpv.store.tables.url import shown


def check_store(experiment: Experiment, schema: Schema = OWN) -> str:
    """Check the store (not "none") and the spool; return its state in words.

    Raises:
        StoreError: `daqpv serve` would refuse it: its driver is not installed, its
            folder cannot be written, its tables are not ours.
    """
    url = store_url(experiment)
    make_engine(url).dispose()  # it does not connect
    refuse_leftovers(experiment)
    _refuse_unwritable(spool_path(experiment), "the spool")
    if url.startswith(SCHEME):
        path = Path(path_in(url))
        _refuse_unwritable(path, "the store")
        refuse_orphan(str(path))
        if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
            raise StoreError(f"{path}: wanted is a file that daqpv may write")
    try:
        state = state_of(url, schema)
    except StoreError as error:
        if url.startswith(SCHEME) and not _is_locked(error):  # the file is no database
            raise
        return f"{shown(url)} is away ({error}); its records would wait in the spool"
    refuse_unusable(state, url, schema)
    own = state.versions.own
    tables = f"tables of version {own}" if own else "no tables yet"
    return f"{shown(url)}, {tables}"


def _is_locked(error: StoreError) -> bool:
    cause = getattr(error.__cause__, "orig", None)
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _refuse_unwritable(path: Path, what: str) -> None:
    """Refuse a path whose folder, or the nearest existing one above, is read-only."""
    folder = path.parent
    while not folder.exists():
        if what == "the store":
            raise StoreError(f"{folder}: there is no such folder for {what}")
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(f"{folder}: {what} cannot be written to this folder")
