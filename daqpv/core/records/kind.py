"""Maps a dataclass of records to the table of the store that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

from daqpv.core.records.table import Column, Table

R = TypeVar("R")

Row = Mapping[str, Any]
"""Plain values by the name of the column."""


def _never(row: Row) -> bool:
    return False


class RecordKind(Generic[R]):
    """A kind of record that the store keeps, gives back, exports and imports.

    A kind of device names those that it has (`daqpv.config.Kind.records`). Then
    ``site.store.add(record)`` keeps a record through spool, journal and store.

    Args:
        record: a dataclass. Each of its fields has a column; columns of the table that
            are no fields stay as they are.
        table: that keeps it.
        export: whether ``daqpv db export`` writes its table.
        expendable: of a row, whether it may be left out when there is no room.

    Attributes:
        columns: of the table, those that the record has, in the order of the table.

    Raises:
        TypeError: `record` is not a dataclass, a field has no column, or it lacks the
            key of the table.
    """

    def __init__(
        self,
        record: type[R],
        table: Table,
        *,
        export: bool = True,
        expendable: Callable[[Row], bool] = _never,
    ) -> None:
        self.record = record
        self.table = table
        self.export = export
        self.expendable = expendable
        self.columns = _columns(record, table)
        self.names = tuple(column.name for column in self.columns)
        self._attributes = tuple(column.attribute for column in self.columns)
        self._encoders = tuple(column.encode for column in self.columns)
        self._decoders = tuple(
            (c.attribute, c.decode) for c in self.columns if c.decode
        )
        self._values: Callable[[R], tuple[Any, ...]] = attrgetter(*self._attributes)

    def encode(self, record: R) -> dict[str, Any]:
        """The row of `record`: plain values by column."""
        return {
            name: encode(value)
            for name, encode, value in zip(
                self.names, self._encoders, self._values(record), strict=True
            )
        }

    def decode(self, row: Iterable[Any]) -> R:
        """The record of a row, whose values come in the order of `names`."""
        found = dict(zip(self._attributes, row, strict=True))
        for attribute, decode in self._decoders:
            found[attribute] = decode(found[attribute])
        return self.record(**found)


def _columns(record: type[Any], table: Table) -> tuple[Column, ...]:
    if not (isinstance(record, type) and is_dataclass(record)):
        raise TypeError(f"table {table.name}: {record!r} is not a dataclass")
    names = {one.name for one in fields(record)}
    found = tuple(column for column in table.columns if column.attribute in names)
    here = {column.attribute for column in found}
    if lacking := sorted(names - here):
        what = ", ".join(lacking)
        raise TypeError(
            f"table {table.name} has no column for {record.__name__}.{what}"
        )
    if missing := set(table.key) - {column.name for column in found}:
        what = ", ".join(sorted(missing))
        raise TypeError(
            f"{record.__name__} lacks the key of table {table.name}: {what}"
        )
    if len(found) < 2:
        raise TypeError(f"{record.__name__}: a record has two fields at least")
    return found
