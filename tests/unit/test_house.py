"""Rules of the tests that no other tool holds."""

from __future__ import annotations

import ast
from pathlib import Path

TOP = Path(__file__).parents[2]


def imported(file: Path) -> set[str]:
    """Names of the modules that a file imports."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    plain = {n.name for one in nodes if isinstance(one, ast.Import) for n in one.names}
    return plain | {
        name
        for one in nodes
        if isinstance(one, ast.ImportFrom)
        for name in (one.module or "", *(f"{one.module}.{n.name}" for n in one.names))
    }


def test_no_test_imports_a_test_or_a_conftest() -> None:
    wrong = {
        f"{file.relative_to(TOP)} imports {name}"
        for folder in ("tests", "benchmarks")
        for file in (TOP / folder).rglob("*.py")
        for name in imported(file)
        if name.startswith("tests.")
        and any(p == "conftest" or p.startswith("test_") for p in name.split("."))
    }
    assert not wrong, "what tests share belongs in tests/support"
