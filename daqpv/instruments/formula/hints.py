"""What to say of a text that is no formula: most are written in another language."""

from __future__ import annotations

import re
from collections.abc import Collection

_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")

_FOREIGN = (
    (re.compile(r"&&"), "`&&` is written `and`"),
    (re.compile(r"\|\|"), "`||` is written `or`"),
    (re.compile(r"<>|#"), "`not equal` is written `!=`"),
    (re.compile(r"!(?!=)"), "`!` is written `not`"),
    (re.compile(r"\?"), "`a ? b : c` is written `b if a else c`"),
    (re.compile(r"\bif\s*\("), "`if(a, b, c)` is written `b if a else c`"),
    (re.compile(r":="), "formulas keep nothing: `:=` cannot be used"),
    (re.compile(r"(?<![=!<>])=(?!=)"), "`equal` is written `==`"),
    (re.compile(r"\^"), "`^` is written `**` for a power, xor(a, b) for bits"),
    (re.compile(r"`"), 'a name with `-` is written ch("NAME"), without backquotes'),
    (re.compile(r";"), "a formula is one expression, without `;`"),
    (re.compile(r"[\"']"), "a text has no end"),
)


def blanked(text: str) -> str:
    """The formula with blanks in place of the texts in it; columns stay."""
    return _STRING.sub(lambda found: " " * len(found[0]), text)


def foreign(text: str) -> tuple[str, int] | None:
    """What is written otherwise in formulas, and its column from 1; None: nothing."""
    code = blanked(text)
    found = [(match, hint) for sign, hint in _FOREIGN if (match := sign.search(code))]
    if not found:
        return None
    match, hint = min(found, key=lambda one: one[0].start())
    return hint, match.start() + 1


def dashed(text: str, names: Collection[str] | None) -> str:
    """How a name with ``-`` is written, if the formula seems to have one; else ""."""
    code = blanked(text)
    for name in names or ():
        if "-" in name and name in code:
            return f'the channel {name} is written ch("{name}")'
    return ""
