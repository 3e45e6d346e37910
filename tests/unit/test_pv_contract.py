"""The PV contract: each promise has a number and names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "docs" / "pv-contract.md"
PROMISE = re.compile(r"^(\d+)\. (.*(?:\n {3,4}\S.*)*)", re.MULTILINE)


def promises() -> list[tuple[int, str]]:
    """Number and text of each promise."""
    found = PROMISE.findall(CONTRACT.read_text())
    return [(int(number), text) for number, text in found]


def names_of_tests() -> set[str]:
    """The names of all test functions."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def test_promises_are_numbered_without_a_gap() -> None:
    assert [number for number, _ in promises()] == list(range(1, len(promises()) + 1))
    assert len(promises()) > 70


def test_each_promise_names_a_test() -> None:
    without = [number for number, text in promises() if "`test_" not in text]
    assert without == []


def test_each_named_test_exists() -> None:
    there = names_of_tests()
    missing = {
        (number, name)
        for number, text in promises()
        for name in re.findall(r"`(test_\w+)`", text)
        if name not in there
    }
    assert missing == set()
