"""Copies an experiment file into one file, with changed values."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from enum import Enum
from io import StringIO
from pathlib import Path, PurePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from daqpv.config.files import read_files
from daqpv.config.problems import ConfigProblems


def copy_with(
    path: Path | str,
    out: Path | str,
    changes: Mapping[tuple[str, ...], object],
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Write `path`, and all that it includes, to `out` as one file with `changes`.

    Comments stay where they were, and ``${VAR}`` stays as it is written. Relative paths
    stay as well: in the copy they start at the folder of the copy.

    Args:
        path: an experiment file that `load` takes.
        out: the new file; an old one is replaced.
        changes: the new values by their keys: ``("ecc", "CoBo0", "url")``. Mappings
            that are missing are made. A value may be text, a number, a bool, None, an
            enum's member, a path, or a mapping or a list of these.
        environ: as for `load`; every variable of the file must be set.

    Raises:
        ConfigProblems: a file cannot be read, or is not YAML.
        KeyError: a key above the value holds no mapping.
    """
    files = read_files(Path(path), environ)
    if files.problems:
        raise ConfigProblems(files.problems)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000  # do not fold
    merged = CommentedMap()
    for i, file in enumerate(files.paths):
        tree = yaml.load(file.read_text("utf-8-sig"))
        merged = tree if i == 0 else _join(merged, tree)
    merged.pop("include", None)
    for way, value in changes.items():
        _set(merged, way, _plain(value))
    text = StringIO()
    yaml.dump(merged, text)
    Path(out).write_text(text.getvalue(), "utf-8")


def _join(one: Any, other: Any) -> Any:
    """Add the keys of `other` to `one`, and the names of sections that both have."""
    if other is None:
        return one
    remarks = _first_remarks(other.ca.comment, 1)
    for key, value in other.items():
        if one.get(key) is None:
            one[key] = value
            _take_remarks(one, other, key, remarks)
            remarks = []
        elif isinstance(one[key], dict) and isinstance(value, dict):
            remarks += _first_remarks(other.ca.items.get(key), 3)
            for name in value:
                one[key][name] = value[name]
                _take_remarks(one[key], value, name, remarks)
                remarks = []
    return one


def _first_remarks(kept: Any, place: int) -> list[Any]:
    """Return the comments before the first key, where ruamel.yaml keeps them."""
    return list(kept[place] or []) if kept else []


def _take_remarks(one: Any, other: Any, key: str, first: list[Any]) -> None:
    """Take over the comments round a key, and put `first` before them."""
    if key in other.ca.items:
        one.ca.items[key] = other.ca.items[key]
    if first:
        entry = one.ca.items.setdefault(key, [None, None, None, None])
        entry[1] = [*first, *(entry[1] or [])]


def _set(tree: Any, way: tuple[str, ...], value: object) -> None:
    """Set a value; mappings shared by an anchor or ``<<`` are copied before."""
    *parents, last = way
    for key in parents:
        child = tree.get(key)
        child = CommentedMap() if child is None else copy.deepcopy(child)
        if not isinstance(child, CommentedMap):
            raise KeyError(f"{'.'.join(way)}: {key} is no mapping")
        child.yaml_set_anchor(None)
        tree[key] = tree = child
    tree[last] = value


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
