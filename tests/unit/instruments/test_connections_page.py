"""docs/instruments/connections.md names every sort of connection and its options."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from daqpv.instruments.driver.installed import FILE, driver_kind, schemes

PAGES = Path(__file__).parents[3] / "docs" / "instruments"
TEXT = (PAGES / "connections.md").read_text() + (PAGES / "plc.md").read_text()
KEYS = {line.split("|")[1].strip(" `") for line in TEXT.splitlines() if "|" in line}


def names(key: str) -> set[str]:
    """The words of a first column: "user, password" is two."""
    return {word.strip(" `") for word in key.split(",")}


KNOWN = set().union(*map(names, KEYS))


@pytest.mark.parametrize("scheme", sorted(set(schemes()) - {FILE}))
def test_a_sort_of_connection_is_on_the_page(scheme: str) -> None:
    kind = driver_kind(scheme)
    assert f"{scheme}:" in TEXT
    assert not kind.extra or f"daqpv[{kind.extra}]" in TEXT
    options = set(kind.options.model_fields) if kind.options is not None else set()
    assert options <= KNOWN, options - KNOWN
    if kind.at is not None:
        places = set(TypeAdapter(kind.at).json_schema().get("properties", {}))
        assert places <= KNOWN, places - KNOWN
