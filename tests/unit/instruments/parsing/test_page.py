"""The examples of docs/patterns.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daqpv.instruments.parsing import Pattern

PAGE = Path(__file__).parents[4] / "docs" / "patterns.md"
EXAMPLE = re.compile(r"^```pattern\n(.*?)^```$", re.DOTALL | re.MULTILINE)
VALUE = re.compile(r'(\S+) = ("(?:\\.|[^"\\])*"|\[[^\]]*\]|[^,]+)(?:, |$)')


def given(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


def values(text: str) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in VALUE.findall(text)}


def examples() -> Iterator[tuple[str, str, str, str]]:
    for block in EXAMPLE.findall(PAGE.read_text()):
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


def test_the_page_has_examples() -> None:
    assert len(list(examples())) >= 40
