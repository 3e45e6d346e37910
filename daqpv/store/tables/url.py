"""Formats the URL of a store for display, without SQLAlchemy."""

from __future__ import annotations

import re


def shown(url: str) -> str:
    """`url` without password, driver and options."""
    plain = re.sub(r"^(\w+)\+\w+:", r"\1:", url).partition("?")[0]
    plain = plain.replace("sqlite:///file:", "sqlite:///")  # a file that must exist
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", plain)
