"""Escapes texts of clients and devices, so that they fit on one line."""

from __future__ import annotations

LONGEST = 2000  # characters of one text that a terminal is given

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPES = {code: repr(chr(code))[1:-1] for code in (*_CONTROLS, *_DIRECTIONS)}


def one_line(text: str) -> str:
    r"""`text` with its control characters escaped: clients and devices write it.

    A line break would forge a line of the log (``\n``), an escape sequence would reach
    a terminal, and a change of direction would reverse the text that follows.
    """
    return text if text.isprintable() else text.translate(_ESCAPES)


def plain(text: str) -> str:
    """`text` for a terminal: its lines stay, each as `one_line`."""
    return "\n".join(one_line(line.expandtabs()) for line in text.split("\n"))


def has_controls(text: str) -> bool:
    """Whether `one_line` changes `text`."""
    return one_line(text) != text


def is_text(text: str) -> bool:
    """Whether `text` can be written in UTF-8.

    Arguments and variables of a process may hold any bytes: Python makes surrogates of
    those that are no UTF-8, and no database, PV or file takes them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shortened(text: str) -> str:
    """`text` for a terminal: of a device's log of a megabyte its beginning."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]} ... ({len(text):,} characters)"
