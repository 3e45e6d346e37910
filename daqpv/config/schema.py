"""Makes the JSON schema of the experiment file from the kinds, for editors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from daqpv.config.fixed import Fixed
from daqpv.config.kind import AnyKind
from daqpv.config.model import NAME

Schema = dict[str, Any]

_DEFS = "#/$defs/"
_VARIABLE = "Variable"
_SCALARS = ("string", "integer", "number", "boolean")
_NEEDS = ("required", "minProperties")
_NOTES = ("title", "description", "default", "examples")


def schema(kinds: Iterable[AnyKind]) -> Schema:
    """Make the JSON schema (draft 2020-12) of an experiment file with `kinds`.

    It checks single values. Only `load` checks what needs the whole file: references,
    names given twice, values that conflict. The schema does not fit an included file
    without experiment and prefix.
    """
    kinds = tuple(kinds)
    names, defs = _definitions(Fixed, *(kind.settings for kind in kinds))
    root = defs.pop(names[Fixed])
    properties = dict(root["properties"])
    for key in ("include", "store", "server"):
        properties[key] = _or_nothing(properties[key])
    sections = {kind.section: _DEFS + names[kind.settings] for kind in kinds}
    for kind in kinds:
        entry = _or_nothing({"$ref": sections[kind.section]})
        properties[kind.section] = _named(entry) if kind.many else entry
    many = [kind.section for kind in kinds if kind.many]
    properties["defaults"] = {
        "description": "Settings for all devices of a section; a device's own override",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {s: _or_nothing({"$ref": f"{sections[s]}-part"}) for s in many},
    }
    parts = {f"{name}-part": _part(definition) for name, definition in defs.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "daqpv experiment file",
        "type": "object",
        "additionalProperties": False,
        "required": root["required"],
        "properties": _open(properties),
        "$defs": {**_open(defs | parts), _VARIABLE: _variable()},
    }


def _variable() -> Schema:
    return {
        "description": "text with ${NAME}: taken from the environment",
        "type": "string",
        "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}",
    }


def _or_nothing(entry: Schema) -> Schema:
    """Let a key have no value: its lines may be commented out."""
    return {"anyOf": [entry, {"type": "null"}]}


def _definitions(
    *models: type[BaseModel],
) -> tuple[dict[Any, str], Schema]:
    """Return the name of the definition of each model, and all definitions."""
    references, made = models_json_schema(
        [(model, "validation") for model in models], ref_template=f"{_DEFS}{{model}}"
    )
    names = {
        model: reference["$ref"].removeprefix(_DEFS)
        for (model, _), reference in references.items()
    }
    return names, made["$defs"]


def _named(entry: Schema) -> Schema:
    return {
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": entry,
    }


def _part(node: Any) -> Any:
    """Let any key be absent: a device gives the rest."""
    if isinstance(node, list):
        return [_part(item) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(reference := node.get("$ref"), str):
        return node | {"$ref": f"{reference}-part"}
    needs = [key for key in _NEEDS if isinstance(node.get(key), list | int)]
    return {key: _part(value) for key, value in node.items() if key not in needs}


def _open(node: Any) -> Any:
    """Let every value be text with ``${NAME}`` as well."""
    if isinstance(node, list):
        return [_open(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: v if key == "default" else _open(v) for key, v in node.items()}
    narrows = node.keys() - {"type", *_NOTES}
    if node.get("type") not in _SCALARS or (node["type"] == "string" and not narrows):
        return node
    notes = {key: node.pop(key) for key in _NOTES if key in node}
    return notes | {"anyOf": [node, {"$ref": f"{_DEFS}{_VARIABLE}"}]}
