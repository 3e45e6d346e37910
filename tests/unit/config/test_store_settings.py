from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from daqpv.config import schema
from tests.support.plant import Load, Wrong


def test_a_store_is_settings_or_its_url_alone(loaded: Load) -> None:
    folder = Path.cwd()
    default = loaded("").store
    assert (default.url, default.spool, default.spool_limit) == ("", None, 1e9)
    assert loaded("store:").store == default
    assert loaded("store: none").store.url == "none"
    assert loaded("store: sqlite:///a/b.db").store.url == f"sqlite:///{folder}/a/b.db"
    assert loaded("store: sqlite:////a/b.db").store.url == "sqlite:////a/b.db"
    whole = loaded(
        "store: {url: 'mysql://u:${PW}@h/d', spool: s, spool_limit: 2 GB}", PW="x"
    ).store
    assert whole.url == "mysql://u:x@h/d"
    assert (whole.spool, whole.spool_limit) == (folder / "s", 2e9)


@pytest.mark.parametrize(
    "text", ["postgres://u:secret@h/d", "{url: 'postgresql://u:secret@h'}", "secret"]
)
def test_a_wrong_url_is_not_shown_for_it_may_hold_a_password(
    wrong: Wrong, text: str
) -> None:
    (problem,) = wrong(f"store: {text}")
    assert "wanted is sqlite:///FILE, postgresql://USER" in problem
    assert "secret" not in problem


@pytest.mark.parametrize(
    ("store", "good"),
    [
        ("none", True),
        ({"url": "postgresql://h/d", "spool_limit": "1 GB"}, True),
        (None, True),
        ("postgres://h/d", False),
        ({"urll": "none"}, False),
    ],
)
def test_the_schema_knows_the_store(
    store: dict[str, object] | str | None, good: bool
) -> None:
    made = schema(())
    json.dumps(made)
    file = {"experiment": "e", "prefix": "A:", "store": store}
    assert jsonschema.Draft202012Validator(made).is_valid(file) is good
