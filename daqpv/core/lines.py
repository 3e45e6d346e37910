"""Texts of others on one line of ours."""

from __future__ import annotations

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_ESCAPES = {code: repr(chr(code))[1:-1] for code in _CONTROLS}


def one_line(text: str) -> str:
    r"""`text` with its control characters escaped: clients and devices write it.

    A line break would forge a line of the log (``\n``), an escape sequence would reach
    somebody's terminal.
    """
    return text if text.isprintable() else text.translate(_ESCAPES)
