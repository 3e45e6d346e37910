"""Converts errors of pydantic to problems: plain sentences with their line."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daqpv.config.document import Node, below
from daqpv.config.problems import Problem, did_you_mean, listed, nearest, unknown

_UNKNOWN = "extra_forbidden"
_SHOULD_BE = "Input should be "

_WANTED: dict[str, str] = {
    "wanted": "{wanted}",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "path_type": "the path of a file",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} or fewer",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "union_tag_invalid": "{expected_tags}",
}
"""The expected value, by the type of pydantic's error; filled from its context."""


_CHOICES = ("enum", "literal_error", "union_tag_invalid")
"""Errors whose text lists the valid values, in quotes."""

_OF_WHOLE = ("missing", "union_tag_not_found", "value_error", "assertion_error")
"""Errors that a mapping may have only because it is incomplete."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The keys that a mapping may have.

    Attributes:
        model: whose fields they are.
        also: further keys at the top.
    """

    model: type[BaseModel]
    also: Collection[str] = ()

    def at(self, loc: Sequence[int | str]) -> list[str]:
        """Find the keys that are known at `loc`."""
        models = [self.model]
        for part in loc:
            fields = [m.model_fields[part] for m in models if part in m.model_fields]
            if fields:
                models = [m for f in fields for m in _models_in(f.annotation)]
        keys = [f.alias or key for m in models for key, f in m.model_fields.items()]
        return keys if loc else [*keys, *self.also]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def problems_of(
    error: ValidationError, node: Node, known: Vocabulary, *, whole: bool = True
) -> list[Problem]:
    """Describe every error of validating `node`: one sentence per mistake.

    Several errors at one place (the members of a union) are one. A key that is missing
    because it is misspelt is reported once, and errors at a broken node are not
    repeated. If `node` is not `whole`, missing keys are no error.
    """
    details = error.errors(include_url=False)
    misspelt = {
        (*parents, nearest(str(key), known.at(parents)))
        for *parents, key in (d["loc"] for d in details if d["type"] == _UNKNOWN)
    }
    by_place: dict[Problem, list[str]] = {}
    for detail in details:
        loc, absent = _meant(detail)
        place = _locate(node, loc)
        if place is None or (*loc, absent) in misspelt:
            continue
        if not whole and detail["type"] in _OF_WHOLE and isinstance(place.value, dict):
            continue
        key = below(place.key, absent) if absent else place.key
        texts = by_place.setdefault(place.problem("", key=key), [])
        said = _say(detail, place, known)
        if said not in texts:
            texts.append(said.removeprefix(wants(place, "")) if texts else said)
    return [replace(at, text=", or ".join(texts)) for at, texts in by_place.items()]


def _meant(detail: ErrorDetails) -> tuple[tuple[int | str, ...], str]:
    """Return the place of an error, and the key that is absent there, or ""."""
    loc, kind = detail["loc"], detail["type"]
    if kind == "missing":
        return loc[:-1], str(loc[-1])
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        tag = detail["ctx"]["discriminator"].strip("'")
        return (loc, tag) if kind == "union_tag_not_found" else ((*loc, tag), "")
    return loc, ""


def _locate(node: Node, loc: tuple[int | str, ...]) -> Node | None:
    """Follow `loc` to the nearest node; None if that is broken.

    Names of union members and the like, which pydantic puts into `loc`, are skipped.
    """
    for part in loc:
        if isinstance(node.value, list) and isinstance(part, int):
            node = node.value[part]
        else:
            node = node.entries.get(str(part), node)
    return None if node.broken else node


def shown(node: Node) -> str:
    """Format the value of a node; a value from the environment is hidden."""
    if node.source:
        return f"the value of {node.source}"
    match node.value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return "true" if node.value else "false"
        case str() as text:
            return repr(_cut(text))
        case number:
            return _cut(str(number))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def wants(node: Node, what: str) -> str:
    """Say that the value of a node is not `what`."""
    return f"{shown(node)} is given; wanted is {what}"


def _say(detail: ErrorDetails, node: Node, known: Vocabulary) -> str:
    kind = detail["type"]
    if kind in _SAY:
        return _SAY[kind](detail, node, known)
    if kind in _WANTED or detail["msg"].startswith(_SHOULD_BE):
        return _say_wanted(detail, node, known)
    return _say_own(detail, node, known)


def _say_wanted(detail: ErrorDetails, node: Node, known: Vocabulary) -> str:
    context = detail.get("ctx", {})
    kind = detail["type"]
    said = detail["msg"].removeprefix(_SHOULD_BE)
    what = _WANTED.get(kind, "{said}").format_map({"said": said, **context})
    if kind in _CHOICES:
        what = what.replace("'", "")
    if kind == "wanted" and isinstance(node.value, dict):
        return f"wanted is {what}"  # of its keys together
    text = wants(node, what)
    if kind == "string_type" and isinstance(node.value, bool | int | float):
        text += ": put it in quotes"
    if kind == "string_type" and isinstance(node.value, dict):
        text += ": put a text with braces in quotes"
    if kind in _CHOICES and not node.source:
        text += did_you_mean(str(node.value), re.split(", | or ", what))
    return text


def _say_missing(detail: ErrorDetails, node: Node, known: Vocabulary) -> str:
    return "is missing"


def _say_unknown(detail: ErrorDetails, node: Node, known: Vocabulary) -> str:
    *parents, key = detail["loc"]
    return unknown(str(key), known.at(parents))


def _say_no_such_name(detail: ErrorDetails, node: Node, known: Vocabulary) -> str:
    facts = detail["ctx"]
    section, names = facts["section"], facts["names"]
    if node.source:
        return f"{section} has no such name: {shown(node)}"
    text = f"{section} has no {shown(node)}"
    near = did_you_mean(str(node.value), names)
    return text + (near or f" (it has: {listed(names)})")


def _say_own(detail: ErrorDetails, node: Node, known: Vocabulary) -> str:
    """Return the text of a kind's own validator, unless it may contain a secret."""
    if sources := [part.source for part in node.walk() if part.source]:
        return f"does not take the value of {listed(sources, ' and ')}"
    return str(detail.get("ctx", {}).get("error", detail["msg"]))


_SAY: Mapping[str, Callable[[ErrorDetails, Node, Vocabulary], str]] = {
    "missing": _say_missing,
    "union_tag_not_found": _say_missing,
    _UNKNOWN: _say_unknown,
    "no_such_name": _say_no_such_name,
}
