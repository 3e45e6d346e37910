"""The shape of a text file that nobody has described: separator, header, quotes."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from daqpv.instruments.textfiles.dates import is_time

SEPARATORS = {"tab": "\t", "semicolon": ";", "|": "|", "comma": ",", "space": ""}
"""By the word for `separator`, the likely ones first; "" is any white space."""

COMMENTS = ("#", "%", "//", "!", "*")

_MOST = 500  # lines that are looked at
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_WORDS = frozenset(
    [
        "nan",
        "inf",
        "-inf",
        "none",
        "null",
        "n/a",
        "na",
        "---",
        "--",
        "-",
        "over",
        "ovld",
        "err",
        "error",
    ]
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How the lines of a file are made.

    Attributes:
        separator: the word for it, as in the settings.
        count: columns of a line with data.
        header: lines before the first of them.
        comment: what lines without data begin with, further below, too.
        quote: around columns.
        decimal: the decimal point.
        head: the lines of the header and of comments before the data.
        rows: columns of the lines with data, without quotes and blanks around them.
    """

    separator: str
    count: int
    header: int
    comment: str | None
    quote: str | None
    decimal: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def is_number(text: str) -> bool:
    """Whether a column has a number, with a point or a comma."""
    return _NUMBER.fullmatch(text.strip()) is not None


def is_value(text: str) -> bool:
    """Whether a column has a number, a time, or a word in place of a number."""
    text = text.strip()
    return is_number(text) or text.lower() in _WORDS or is_time(text)


def shape_of(text: str) -> Shape | None:
    """Find the shape of a file; None: it has no lines of values."""
    lines = [line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")]
    if lines and not text.endswith("\n") and len(lines) > 2:
        lines.pop()  # it may be cut
    lines = lines[:_MOST]
    shapes = [_with(lines, word, mark) for word, mark in SEPARATORS.items()]
    scored = [(score, shape) for score, shape in filter(None, shapes)]
    if not scored:
        return None
    return max(scored, key=lambda one: one[0])[1]


def split(line: str, separator: str, quote: str | None) -> list[str]:
    """The columns of a line."""
    if not separator:
        return [cell.strip('"') for cell in line.split()]
    if quote is None or len(separator) > 1:
        return [cell.strip() for cell in line.split(separator)]
    rows = csv.reader([line], delimiter=separator, quotechar=quote)
    return [cell.strip() for cell in next(rows, [])]


def _with(lines: Sequence[str], word: str, mark: str) -> tuple[float, Shape] | None:
    """How well a separator fits, and the shape with it; None: not at all."""
    body = [
        one for one in lines[len(lines) // 3 :] if one.strip() and not _comment(one)
    ]
    quote = '"' if mark and sum('"' in one for one in body) > len(body) / 2 else None
    cells = [split(one, mark, quote) for one in body]
    counts = Counter(len(row) for row in cells)
    if not counts:
        return None
    count, times = counts.most_common(1)[0]
    rows = [row for row in cells if len(row) == count]
    total = sum(len(row) for row in rows)
    share = sum(is_value(cell) for row in rows for cell in row if cell) / max(total, 1)
    if count == 1 and share < 0.5:
        return None
    score = share * times / len(body) + min(count - 1, 3) * 0.1
    return score, _shape(lines, word, count, quote)


def _shape(lines: Sequence[str], word: str, count: int, quote: str | None) -> Shape:
    mark = SEPARATORS[word]
    data = (i for i, line in enumerate(lines) if _is_data(line, mark, count, quote))
    first = next(data, len(lines))
    head = lines[:first]
    comments = {_comment(line) for line in lines if _comment(line)}
    written = [line for line in head if line.strip()]
    only_comments = bool(comments) and all(_comment(line) for line in written)
    below = [line for line in lines[first:] if line.strip() and not _comment(line)]
    rows = [row for row in (split(x, mark, quote) for x in below) if len(row) == count]
    commas = [c for row in rows for c in row if _COMMA.fullmatch(c)]
    return Shape(
        separator=word,
        count=count,
        header=0 if only_comments else len(head),
        comment=min(comments, key=len) if comments else None,
        quote=quote,
        decimal="," if commas and mark != "," else ".",
        head=written,
        rows=rows,
    )


def _is_data(line: str, mark: str, count: int, quote: str | None) -> bool:
    """Whether a line has values: at least half of its columns, that are not empty."""
    if not line.strip() or _comment(line):
        return False
    cells = split(line, mark, quote)
    full = [cell for cell in cells if cell]
    values = [cell for cell in full if is_number(cell) or is_time(cell)]
    return len(cells) == count and len(values) >= max(1, len(full) / 3)


def _comment(line: str) -> str:
    """What a comment begins with; "" for other lines."""
    start = line.lstrip().lstrip('"')
    return next((mark for mark in COMMENTS if start.startswith(mark)), "")
