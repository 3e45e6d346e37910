"""The table of docs/runs.md is that of the cells which the tests walk."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.truth.causes import CAUSES
from tests.e2e.truth.cells import CELLS, STATES
from tests.e2e.truth.table import table

DOCS = Path(__file__).parents[3] / "docs" / "runs.md"


def test_the_docs_have_the_table_of_the_cells() -> None:
    assert table() in DOCS.read_text(), "python -m tests.e2e.truth.table"


def test_each_cause_has_a_cell_for_each_state() -> None:
    assert {one.name: set(STATES) for one in CAUSES} == {
        name: set(row) for name, row in CELLS.items()
    }
