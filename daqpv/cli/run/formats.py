"""Writes runs in the formats of other programs: a row or an object for each run."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from daqpv.cli.csv_cells import csv_cell
from daqpv.core.lines import one_line
from daqpv.core.timing.utc import iso_text, time_text
from daqpv.errors import DaqError
from daqpv.runs import RunRecord, RunValue
from daqpv.runs.record.fields import FactType, RunField, in_order
from daqpv.runs.record.records import FACTS

_FIRST = (  # the first six as attpc-daq names them
    *("number", "kind", "title", "start", "stop", "config"),
    *("live_time", "data", "operator", "comment", "entry", "note"),
)
_FACTS = in_order(FACTS, lambda fact: fact.exported, _FIRST)
_LONGEST_CELL = 32_767  # characters that a cell of a spreadsheet holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The runs to export.

    Attributes:
        runs: by their numbers.
        values: of the observables, by number of the run and name: a RunValue for json,
            for other formats the cell of the row.
        names: of the observables, in their order.
    """

    runs: Sequence[RunRecord]
    values: Mapping[int, Mapping[str, Any]]
    names: Sequence[str]

    def rows(self) -> Iterator[list[Any]]:
        """The head, and a row for each run; unknown values are None."""
        yield [*(fact.exported for fact in _FACTS), *self.names]
        for run in self.runs:
            own = self.values.get(run.number, {})
            cells = (_cell(fact, run) for fact in _FACTS)
            yield [*cells, *map(own.get, self.names)]


def _cell(fact: RunField, run: RunRecord) -> Any:
    value = getattr(run, fact.name)
    if value is None or fact.type in (FactType.NUMBER, FactType.SIZE):
        return value
    if fact.type is FactType.MOMENT:
        return time_text(value, "microseconds")
    return round(value, 6) if fact.type is FactType.DURATION else str(value)


def _csv(runs: Runs, file: TextIO) -> None:
    """A terminal gets no control characters, a spreadsheet no formulas."""
    shown = one_line if file.isatty() else str
    writer = csv.writer(file, lineterminator="\n")
    for row in runs.rows():
        writer.writerow([_text_cell(shown, cell) for cell in row])


def _text_cell(shown: Callable[[str], str], cell: Any) -> Any:
    return shown(csv_cell(cell)) if isinstance(cell, str) else cell


def _json(runs: Runs, file: TextIO) -> None:
    """An array with an object for each run, an object on each line."""
    separator = "["
    for run in runs.runs:
        file.write(f"{separator}\n{json.dumps(_object(run, runs))}")
        separator = ","
    file.write("\n]\n" if separator == "," else "[]\n")


def _object(run: RunRecord, runs: Runs) -> dict[str, Any]:
    own = runs.values.get(run.number, {})
    observables = {name: _observable(own[name]) for name in runs.names if name in own}
    facts = {fact.public_name: _json_value(fact, run) for fact in _FACTS}
    return facts | {"observables": observables}


def _json_value(fact: RunField, run: RunRecord) -> Any:
    value = getattr(run, fact.name)
    is_moment = fact.type is FactType.MOMENT and value is not None
    return iso_text(value) if is_moment else value


def _observable(one: RunValue) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in one.__dataclass_fields__}
    del fields["number"], fields["name"]
    return fields | {"severity": one.severity.name}


Writer = Callable[[Runs, TextIO], None]

TEXTS: dict[str, Writer] = {"csv": _csv, "json": _json}
"""The writers of text formats."""


def write_xlsx(runs: Runs, path: Path) -> None:
    """Write a workbook with one sheet.

    Raises:
        DaqError: openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise DaqError(
            "xlsx needs openpyxl, which is not installed: pip install 'daqpv[xlsx]'. "
            "csv and json need nothing."
        ) from error
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Runs")
    for row in runs.rows():
        sheet.append(_xlsx_cells(sheet, row))
    book.save(path)


def _xlsx_cells(sheet: Any, row: Iterable[Any]) -> Iterator[Any]:
    """Texts as texts: one that begins with "=" is not a formula."""
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415

    for value in row:
        if not isinstance(value, str):
            yield value
            continue
        text = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)
        cell = WriteOnlyCell(sheet, value=text[:_LONGEST_CELL])
        cell.data_type = "s"
        yield cell
