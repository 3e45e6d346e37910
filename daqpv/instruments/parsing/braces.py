"""Patterns with fields in braces: ``{pressure:g},{temperature:g}``."""

from __future__ import annotations

import re

from daqpv.instruments.parsing.forms import Form, Numeric
from daqpv.instruments.parsing.forms import real as real_form
from daqpv.instruments.parsing.forms import whole as whole_form
from daqpv.instruments.parsing.layout import Field, Part
from daqpv.instruments.parsing.raw import raw
from daqpv.instruments.parsing.texts import Choice, Many, Text

SKIPPED = {"", "_", "-"}
"""Names of fields whose value is dropped."""

NAME = re.compile(r"\w[\w.-]*")

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_ARRAY = re.compile(r"(.*?[a-zA-Z])(\W*)\.\.\.", re.DOTALL)
_SPEC = re.compile(
    r"(?:.?[<>=^])?[+\- ]?#?0?(?P<width>\d{1,5})?[,_]?(?:\.\d{1,3})?(?P<type>[a-zA-Z]?)"
)
_BASES = {"d": 10, "x": 16, "X": 16, "o": 8, "b": 2}
_FORMS = "d, x, o, b, e, f, g, s, >f4, <i2, u1, bytes, bcd, or OFF|ON"


def braces(pattern: str) -> list[Part]:
    """The parts of a pattern with braces.

    Raises:
        ValueError: it is none; where and why.
    """
    parts: list[Part] = []
    text, done = "", 0
    for found in _TOKEN.finditer(pattern):
        text += pattern[done : found.start()]
        done = found.end()
        if found[0] in {"{{", "}}"}:
            text += found[0][0]
        elif found[1] is None:
            other = "}" if found[0] == "{" else "{"
            place = f"{found[0]!r} at character {found.start() + 1} has no {other!r}"
            raise ValueError(f"{place}; a brace as it is, is written twice")
        else:
            parts += [text] * bool(text) + [_field(found[1])]
            text = ""
    text += pattern[done:]
    return parts + [text] * bool(text)


def _field(text: str) -> Field:
    name, colon, spec = text.partition(":")
    if name in SKIPPED:
        name = ""
    elif not NAME.fullmatch(name):
        raise ValueError(f"{name!r} in {{{text}}} is no name: letters, digits, _ . -")
    if colon and not spec:
        raise ValueError(f"{{{text}}} has no form after its colon: {_FORMS}")
    try:
        form, width = _form(spec)
    except ValueError as error:
        raise ValueError(f"{{{text}}}: {error}") from None
    return Field(name, form, width)


def _form(spec: str) -> tuple[Form, int | None]:
    """The form that stands after the colon, and its width."""
    if (binary := raw(spec)) is not None:
        return binary, None
    if "|" in spec:
        texts = spec.split("|")
        if len(set(texts)) < len(texts) or "" in texts:
            raise ValueError("one of the texts is empty, or occurs twice")
        return Choice({text: n for n, text in enumerate(texts)}), None
    if array := _ARRAY.fullmatch(spec):
        element = _form(array[1])[0]
        if not isinstance(element, Numeric) or not array[2]:
            raise ValueError("an array is written {name:g,...}, with its separator")
        return Many(element, array[2]), None
    return _text_form(spec)


def _text_form(spec: str) -> tuple[Form, int | None]:
    found = _SPEC.fullmatch(spec)
    sort = found["type"] if found else ""
    if found is None or (spec and sort not in set("dxXobeEfFgGs")):
        raise ValueError(f"{spec!r} is none of the forms {_FORMS}")
    form: Form
    try:
        if sort in _BASES:
            form = whole_form(_BASES[sort], spec)
            form.write(0)
        elif sort in {"s", ""}:
            form = Text(spec)
            form.write("")
        else:
            form = real_form(spec)
            form.write(0.0)
    except ValueError as error:  # Python's own, such as "Precision not allowed ..."
        raise ValueError(f"{spec!r}: {error}") from None
    return form, int(found["width"]) if found["width"] else None
