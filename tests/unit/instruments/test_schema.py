"""Editors accept what daqpv accepts: short forms are in the JSON schema, too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from ruamel.yaml import YAML

from daqpv.config import installed_kinds, schema
from daqpv.instruments.descriptions import Facts, Library

PAGES = Path(__file__).parents[3] / "docs" / "instruments"
HEAD = {"experiment": "e1", "prefix": "T:"}


@cache
def validator() -> Any:
    return Draft202012Validator(schema(installed_kinds().kinds))


def problems(file: dict[str, Any]) -> list[str]:
    plain = json.loads(json.dumps(HEAD | file))
    found = map(best_match, ([one] for one in validator().iter_errors(plain)))
    return [f"{list(one.absolute_path)}: {one.message}" for one in found]


def examples() -> Iterator[Any]:
    """The experiment files in the pages on instruments."""
    for page in sorted(PAGES.glob("*.md")):
        blocks = re.findall(r"^```yaml.*?\n(.*?)^```", page.read_text(), re.S | re.M)
        for block in blocks:
            found = YAML(typ="safe", pure=True).load(block)
            if isinstance(found, dict) and isinstance(found.get("instruments"), dict):
                yield pytest.param(found, id=page.name)


@pytest.mark.parametrize("file", list(examples()))
def test_the_examples_of_the_pages_fit_the_schema(file: dict[str, Any]) -> None:
    assert problems(file) == []


@pytest.mark.parametrize("name", sorted(Library().files()))
def test_descriptions_fit_the_schema(name: str) -> None:
    found = YAML(typ="safe", pure=True).load(Library().files()[name].read_text())
    keys = {key: found[key] for key in found if key not in Facts.model_fields}
    assert problems({"instruments": {"A": keys}}) == []


@pytest.mark.parametrize(
    "keys",
    [
        {"channels": {"p": {"hihgh": 1}}},
        {"channels": {"p": {"words": {"OVER": "bad"}}}},
        {"channels": {"p": {"states": 5}}},
        {"read": {"aks": "P"}},
        {"simulator": {"rules": {"answer": "1"}}},
    ],
)
def test_mistakes_do_not_fit_the_schema(keys: dict[str, Any]) -> None:
    assert problems({"instruments": {"A": keys}})
