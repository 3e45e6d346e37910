"""The version of a store's tables: what this daqpv wants, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import daqpv
from daqpv.errors import StoreError

_PACKAGE = Path(daqpv.__file__).parent
_SHARED = _PACKAGE / "_share" / "db"
SCRIPTS = _SHARED if _SHARED.is_dir() else _PACKAGE.parent / "db"
"""Alembic's folder, in the wheel or in the source tree."""


def newest() -> str:
    """The version that this daqpv reads and writes."""
    return max(path.name[:4] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))


def refuse_other(found: str, store: str) -> None:
    """Refuse tables of another version than ours.

    Args:
        found: their version.
        store: its URL as people may see it.

    Raises:
        StoreError: they are older, or newer; it says what to do.
    """
    if found > newest():
        raise StoreError(
            f"{store} was written by a newer daqpv (its tables are of version "
            f"{found}, this daqpv knows {newest()}): install that daqpv here, too, or "
            "name another store"
        )
    if found < newest():
        raise StoreError(
            f"{store} was written by an older daqpv (its tables are of version "
            f"{found}, wanted is {newest()}): end all daqpv that use it, then "
            "`daqpv db upgrade FILE`, which makes a backup first"
        )
