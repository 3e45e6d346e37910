"""The examples of docs/instruments/patterns.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from daqpv.instruments.parsing import Pattern, Times

PAGE = Path(__file__).parents[4] / "docs" / "instruments" / "patterns.md"
EXAMPLE = re.compile(r"^```(pattern|time)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
VALUE = re.compile(r'(\S+) = ("(?:\\.|[^"\\])*"|\[[^\]]*\]|[^,]+)(?:, |$)')


def given(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


def values(text: str) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in VALUE.findall(text)}


def examples() -> Iterator[tuple[str, str, str, str]]:
    for sort, block in EXAMPLE.findall(PAGE.read_text()):
        if sort == "time":
            continue
        pattern, *rest = block.splitlines()
        for line in rest:
            left, arrow, right = re.split(r"\s+([→←]) ", line.strip())
            yield given(pattern), given(left), arrow, right


@pytest.mark.parametrize(("pattern", "line", "arrow", "right"), list(examples()))
def test_an_example(pattern: str, line: str, arrow: str, right: str) -> None:
    made = Pattern(pattern)
    if arrow == "←":
        if line.startswith("error: "):
            with pytest.raises(ValueError, match=re.escape(line[7:])):
                made.format(**values(right))
        else:
            assert made.format(**values(right)) == line
    elif right.startswith("error: "):
        with pytest.raises(ValueError, match=re.escape(right[7:])):
            made.parse(line)
    else:
        found = made.parse(line)
        plain = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in found.items()}
        assert plain == values(right)


def times() -> list[list[str]]:
    blocks = EXAMPLE.findall(PAGE.read_text())
    return [block.splitlines() for sort, block in blocks if sort == "time"]


@pytest.mark.parametrize("block", times(), ids=lambda block: block[0])
def test_the_times_of_a_block(block: list[str]) -> None:
    form, _, zone = block[0].partition(" in ")
    made, after = Times([form], zone or "UTC"), None
    for line in block[1:]:
        text, right = re.split(r"\s+→ ", line.strip())
        if right.startswith("error: "):
            with pytest.raises(ValueError, match=re.escape(right[7:])):
                made.read([text], after=after)
        else:
            after = made.read([text], after=after)
            assert after == datetime.fromisoformat(right).timestamp()


def test_the_page_has_examples() -> None:
    assert len(list(examples())) >= 40
    assert len(times()) >= 5
