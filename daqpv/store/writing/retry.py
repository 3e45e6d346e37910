"""Offers records that wait in files to the store again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from daqpv.errors import StoreError
from daqpv.store.tables.own import OWN
from daqpv.store.tables.rows import Entry, Source
from daqpv.store.tables.schema import Schema
from daqpv.store.tables.sqlite_file import SCHEME, path_in, refuse_taken_away
from daqpv.store.writing import refused
from daqpv.store.writing.journal import Journal
from daqpv.store.writing.refused import Refused
from daqpv.store.writing.spool import Spool

_BATCH = 1000
_NO_LIMIT = 1e15  # [bytes]


@dataclass(frozen=True, slots=True)
class Retried:
    """The result of offering the records of a file or folder.

    Attributes:
        offered: how many there were.
        refused: how many of them the store has refused again.
        reason: why the last of these.
    """

    offered: int
    refused: int
    reason: str


def retry_refused(
    url: str, experiment: str, file: Path, process: str, schema: Schema = OWN
) -> Retried:
    """Offer the refused records in `file`; those refused again stay in another file.

    The name of the file is that of a writer: after a kill, a second try offers all
    records again, and the store skips those that it has.

    Raises:
        StoreError: the store is away, or the file is not one of refused records.
    """
    file = refused.take(file)
    found = re.fullmatch(r"refused\.([0-9a-f]{32})\.jsonl", file.name)
    if found is None:
        raise StoreError(f"{file}: the name of such a file is {refused.NAME}")
    entries = [*refused.read(file)]
    source = Source(found[1], process)
    again = Refused(file.parent)
    with closing(_journal(url, experiment, again, schema)) as journal:
        for batch in _batches(entries):
            journal.write(source, batch)
    file.unlink()
    return Retried(len(entries), again.kept, again.reason)


def retry_spool(
    url: str, experiment: str, folder: Path, schema: Schema = OWN
) -> Retried:
    """Offer the entries in the spool `folder` of a process that does not run.

    Raises:
        StoreError: the store is away, a process uses the folder, or it is not a spool.
        OSError: the folder cannot be read or written.
    """
    said: list[str] = []
    no_source = Source("0" * 32, "")
    spool = Spool(folder, no_source, schema=schema, limit=_NO_LIMIT, say=said.append)
    if not spool.open():
        raise StoreError(f"{folder}: a process of daqpv uses it; end that first")
    count, again = spool.count, Refused(folder)
    try:
        with closing(_journal(url, experiment, again, schema)) as journal:
            while not spool.is_empty:
                source, entries = spool.read(_BATCH)
                journal.write(source, entries)
                spool.taken()
    finally:
        spool.close()
    return Retried(count, again.kept, again.reason or "; ".join(said))


def _journal(url: str, experiment: str, again: Refused, schema: Schema) -> Journal:
    if url.startswith(SCHEME):
        refuse_taken_away(path_in(url))
    return Journal(url, experiment, again.keep, schema=schema, late=True)


def _batches(entries: Sequence[Entry]) -> Sequence[Sequence[Entry]]:
    return [entries[n : n + _BATCH] for n in range(0, len(entries), _BATCH)]
