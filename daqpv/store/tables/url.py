"""The URL of a store, as people may see it. This imports no SQLAlchemy."""

from __future__ import annotations

import re


def shown(url: str) -> str:
    """`url` without password, driver and options."""
    plain = re.sub(r"^(\w+)\+\w+:", r"\1:", url).partition("?")[0]
    plain = plain.replace("sqlite:///file:", "sqlite:///")  # one that is not made
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", plain)
