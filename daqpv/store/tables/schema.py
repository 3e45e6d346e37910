"""Holds the kinds of records of a store, and turns a record into a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daqpv.core import Event, EventSeverity
from daqpv.core.records.kind import RecordKind
from daqpv.core.records.plain import cut
from daqpv.core.records.table import WHO, Branch, Table
from daqpv.errors import StoreError
from daqpv.store.tables.rows import Entry


class Schema:
    """The kinds of records of a store.

    Args:
        kinds: of records; one that comes twice counts once.

    Attributes:
        tables: by name.
        branches: of the tables of other distributions, by label.

    Raises:
        StoreError: two kinds have tables of the same name.
    """

    def __init__(self, kinds: Iterable[RecordKind[Any]]) -> None:
        self._kinds: dict[type, RecordKind[Any]] = {}
        self._of_table: dict[str, RecordKind[Any]] = {}
        self.tables: dict[str, Table] = {}
        self.branches: dict[str, Branch] = {}
        for kind in kinds:
            self._add(kind)

    def _add(self, kind: RecordKind[Any]) -> None:
        table = kind.table
        if self.tables.setdefault(table.name, table) is not table:
            raise StoreError(
                f"two kinds of devices keep a table {table.name}: uninstall one"
            )
        self._kinds[kind.record] = kind
        self._of_table.setdefault(table.name, kind)
        if table.branch is not None:
            self.branches[table.branch.label] = table.branch

    @property
    def kinds(self) -> tuple[RecordKind[Any], ...]:
        """All kinds of records."""
        return tuple(self._kinds.values())

    def branch_of(self, table: str) -> Branch | None:
        """The branch whose version a table has; None: daqpv's own."""
        return self.tables[table].branch if table in self.tables else None

    def tables_of(self, branch: Branch) -> list[str]:
        """The names of the tables of a branch."""
        return [name for name, one in self.tables.items() if one.branch == branch]

    def exports(self, table: str) -> bool:
        """Whether ``daqpv db export`` writes a table."""
        kind = self._of_table.get(table)
        return kind is None or kind.export

    def entry(self, number: int, record: Any, process: str) -> Entry:
        """Make the entry of `record`; characters that no engine takes are escaped.

        Args:
            number: of the record.
            record: of any distribution; its faults raise no error here.
            process: for a row whose column `process` is empty.
        """
        try:
            return self._entry(number, record, process)
        except Exception as error:  # a plugin's fault stays its own
            what = f"({type(error).__name__}): {record!r:.1000}"
            event = Event(
                time=0.0,
                severity=EventSeverity.WARNING,
                name="unreadable",
                text=f"A record could not be kept {what}",
            )
            return self._entry(number, event, process)

    def _entry(self, number: int, record: Any, process: str) -> Entry:
        kind = self._kinds[type(record)]
        row = kind.encode(record)
        if row.get("process") == "":
            row["process"] = cut(process, WHO)
        return Entry(number, kind.table.name, row)

    def is_expendable(self, entry: Entry) -> bool:
        """Whether the entry may be left out when there is no room."""
        kind = self._of_table.get(entry.table)
        return kind is not None and kind.expendable(entry.row)
