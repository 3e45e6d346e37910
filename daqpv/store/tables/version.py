"""Compares the versions of a store's tables with those of this daqpv."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import daqpv
from daqpv.core.records.table import Branch, numbers_in
from daqpv.errors import StoreError
from daqpv.store.tables.schema import Schema

_PACKAGE = Path(daqpv.__file__).parent
_SHARED = _PACKAGE / "_share" / "db"
SCRIPTS = _SHARED if _SHARED.is_dir() else _PACKAGE.parent / "db"
"""Alembic's folder, in the wheel or in the source tree."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions in a store as Alembic keeps them: one of each branch.

    Attributes:
        own: of daqpv's own tables; None: no tables.
        of: those of other branches, by label.
    """

    own: str | None
    of: dict[str, str]


NO_TABLES = Versions(None, {})


def versions_of(rows: Iterable[str]) -> Versions:
    """The versions in the rows of Alembic's table."""
    own, others = None, {}
    for row in rows:
        if found := re.fullmatch(r"([a-z][a-z0-9]*)_[0-9]{4}", row):
            others[found[1]] = row
        else:
            own = row
    return Versions(own, others)


def newest() -> str:
    """The version of our tables that this daqpv reads and writes."""
    return max(numbers_in(SCRIPTS / "versions"))


def refuse_other(found: str, store: str) -> None:
    """Refuse tables of ours of another version.

    Args:
        found: their version.
        store: its URL for display.

    Raises:
        StoreError: they are older or newer; with the cure.
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


def refuse_others(found: Versions, schema: Schema, store: str) -> None:
    """Refuse tables of any branch that have another version.

    Raises:
        StoreError: they are older or newer; with the cure.
    """
    if found.own is not None:
        refuse_other(found.own, store)
    for label, branch in schema.branches.items():
        if label in found.of:
            _refuse_other_branch(found.of[label], branch, store)


def is_older(found: Versions, schema: Schema) -> bool:
    """Whether there are tables that ``daqpv db upgrade`` brings to a newer version."""
    branches = schema.branches.items()
    is_own_older = found.own is not None and found.own < newest()
    return is_own_older or any(
        found.of.get(label, branch.newest) < branch.newest for label, branch in branches
    )


def _refuse_other_branch(found: str, branch: Branch, store: str) -> None:
    what = f"{store}: the tables of {branch.label} are of version {found}"
    if found > branch.newest:
        raise StoreError(
            f"{what}, and what is installed here knows {branch.newest}: install the "
            "newer one here, too"
        )
    if found < branch.newest:
        raise StoreError(
            f"{what}, wanted is {branch.newest}: end all daqpv that use it, then "
            "`daqpv db upgrade FILE`, which makes a backup first"
        )
