"""What people see of a store's URL."""

from __future__ import annotations

import pytest

from daqpv.store.tables.url import shown


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("sqlite:///e20009.db", "sqlite:///e20009.db"),
        ("sqlite+pysqlite:////data/e.db?mode=ro", "sqlite:////data/e.db"),
        ("postgresql://daq:secret@db/lab", "postgresql://daq:***@db/lab"),
        (
            "mysql+pymysql://daq:s%40:x@db:3306/lab?charset=utf8",
            "mysql://daq:***@db:3306/lab",
        ),
        ("postgresql://daq@db/lab", "postgresql://daq@db/lab"),
        ("postgresql://db:5432/lab", "postgresql://db:5432/lab"),
    ],
)
def test_no_password_driver_or_option_is_shown(url: str, seen: str) -> None:
    assert shown(url) == seen
