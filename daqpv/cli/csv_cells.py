"""Makes texts safe for CSV files that spreadsheets open."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_cell(text: str) -> str:
    """`text`, with an apostrophe before it if a spreadsheet took it for a formula.

    Numbers stay as they are: ``-3.5``.

    Source: OWASP, CSV Injection.
    """
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
