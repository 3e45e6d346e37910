"""The names and units of columns, from the header of a text file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from daqpv.instruments.textfiles.shape import (
    COMMENTS,
    SEPARATORS,
    Shape,
    is_value,
    split,
)

_BRACKETS = re.compile(r"(.*?)[\s_]*[\[(\{]([^\])}]*)[\])}]\s*")
_SLASH = re.compile(r"(.*?\S)\s+/\s*(\S{1,12})|(.*?[A-Za-z])\s+in\s+(\S{1,12})")
_COLON = re.compile(r"(.+?):\s*([^\s:]{1,8})")
_UNITS = frozenset(
    [
        "s",
        "ms",
        "us",
        "min",
        "h",
        "degc",
        "°c",
        "c",
        "degf",
        "°f",
        "f",
        "k",
        "v",
        "mv",
        "uv",
        "kv",
        "a",
        "ma",
        "ua",
        "na",
        "pa",
        "ohm",
        "kohm",
        "mohm",
        "hz",
        "khz",
        "mhz",
        "mbar",
        "bar",
        "torr",
        "pa",
        "hpa",
        "kpa",
        "mpa",
        "psi",
        "%",
        "%rh",
        "rh",
        "m",
        "mm",
        "cm",
        "um",
        "km",
        "m/s",
        "km/h",
        "l/min",
        "slm",
        "sccm",
        "w",
        "kw",
        "mw",
        "wh",
        "kwh",
        "g",
        "kg",
        "mg",
        "deg",
        "°",
        "rad",
        "w/m2",
        "w/m^2",
        "w/m²",
        "ppm",
        "ppb",
        "db",
        "dbm",
        "t",
        "mt",
        "gauss",
        "lux",
        "lx",
        "counts",
        "cps",
        "cpm",
        "ts",
        "rn",
        "mm/h",
        "µm",
        "µs",
        "°",
    ]
)


class Title(NamedTuple):
    """What the header says of a column.

    Attributes:
        name: as it is written there.
        units: of it; "": it has none.
    """

    name: str
    units: str = ""


def titles_of(shape: Shape) -> Sequence[Title] | None:
    """The titles of all columns; None: the header has none."""
    rows = [row for line in shape.head if (row := _cells(line, shape))]
    named = [n for n, row in enumerate(rows) if _has_names(row)]
    if not named:
        return None
    at = named[0]
    for n in named:  # the last names, if units do not follow them
        if not _has_units(rows[n]):
            at = n if n == at or not _has_units(rows[n - 1]) else at
    if len(named) > 1 and _follows(rows, named):
        at = named[0]
    units = next((row for row in rows[at + 1 :] if _has_units(row)), None)
    titles = [_title(cell) for cell in rows[at]]
    if units is None:
        return titles
    bare = [unit.strip("[](){} ") for unit in units]
    return [
        Title(title.name, title.units or _unit(unit))
        for title, unit in zip(titles, bare, strict=True)
    ]


def channel_name(title: str, taken: Sequence[str], number: int) -> str:
    """A name for the channel: letters, digits and _ of the title, at most 24."""
    words = title.replace("°", "deg").replace("µ", "u").replace("%", "pct")
    name = re.sub(r"[^A-Za-z0-9_]+", "_", words).strip("_")[:24].rstrip("_")
    if not name:
        name = f"c{number}"
    if not name[0].isalpha():
        name = f"c{name}"[:24]
    base, again = name, 2
    while name in taken:
        name = f"{base[:21]}_{again}"
        again += 1
    return name


def _cells(line: str, shape: Shape) -> list[str] | None:
    """The cells of a line of the header, if it has one for each column."""
    bare = line.strip().lstrip("".join(COMMENTS)).strip() if _marked(line) else line
    for mark in (SEPARATORS[shape.separator], *SEPARATORS.values()):
        quote = '"' if '"' in bare and mark else None
        cells = split(bare, mark, quote)
        while len(cells) > shape.count and not cells[-1]:
            cells.pop()
        while len(cells) > shape.count and not cells[0]:
            cells.pop(0)
        if len(cells) == shape.count and (mark or shape.separator == "space"):
            return cells
    return None


def _marked(line: str) -> bool:
    return line.lstrip().startswith(COMMENTS)


def _has_names(row: Sequence[str]) -> bool:
    full = [cell for cell in row if cell]
    words = [cell for cell in full if re.search(r"[^\W\d_]", cell)]
    values = [cell for cell in full if is_value(cell)]
    return len(words) > 0.5 * len(row) and len(values) <= 0.34 * len(full)


def _has_units(row: Sequence[str]) -> bool:
    """Whether most of the cells are units, and some are known."""
    full = [cell.strip("[](){} ").lower() for cell in row if cell.strip("[](){} -")]
    known = [cell for cell in full if cell in _UNITS]
    brackets = [cell for cell in row if re.fullmatch(r"[\[(].*[\])]", cell.strip())]
    return bool(full) and max(len(known), len(brackets)) >= 0.5 * len(full)


def _follows(rows: Sequence[Sequence[str]], named: Sequence[int]) -> bool:
    """Whether units stand below the first names."""
    return any(_has_units(row) for row in rows[named[0] + 1 :])


def _title(cell: str) -> Title:
    text = cell.strip().strip('"').strip()
    for regex in (_BRACKETS, _SLASH):
        if (found := regex.fullmatch(text)) is not None:
            name, unit = [part for part in found.groups() if part is not None][:2]
            if name.strip():
                return Title(name.strip(), _unit(unit))
    head, _, tail = text.rpartition("_")
    if head and tail.lower() in _UNITS and (len(tail) > 1 or tail in "VK"):
        return Title(head, _unit(tail))
    if (found := _COLON.fullmatch(text)) and found[2].lower() in _UNITS:
        return Title(found[1], _unit(found[2]))
    return Title(text)


def _unit(text: str) -> str:
    """Units of at most 15 bytes."""
    return text.strip() if len(text.strip().encode()) <= 15 else ""
