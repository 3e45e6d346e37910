"""Reads an experiment file with its included files, and joins them to one tree."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daqpv.config.document import Node, read_tree
from daqpv.config.problems import Problem
from daqpv.config.sentences import wants


@dataclass(slots=True)
class Files:
    """The files of an experiment.

    Attributes:
        trees: one per file, the experiment file first, then its included files in
            order.
        paths: the file of each tree.
        problems: of reading; more are added while the trees are checked.
        complete: False if a file could not be used: keys may be missing.
    """

    trees: list[Node] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    complete: bool = True


def read_files(path: Path, environ: Mapping[str, str]) -> Files:
    """Read an experiment file and its included files, each file once."""
    reader = _Reader(environ)
    reader.read(path, str(path))
    return reader.files


_FILE = re.compile(r"[^\0]+")


class _Reader:
    """Reads files, depth first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.files = Files()
        self._environ = environ
        self._open: list[Path] = []  # from the experiment file to the one being read

    def read(self, path: Path, shown: str, at: Node | None = None) -> None:
        """Read `path`; problems name it `shown`; `at` is the node that includes it."""
        try:
            tree = read_tree(path, shown, self._environ, self.files.problems)
        except OSError as error:
            self._fail(_unreadable(path, shown, error, at))
            return
        if tree is None:
            self.files.complete = False
        elif tree.value is None and at is None:
            self._fail(tree.problem("is empty; 'daqpv init' writes a first file"))
        elif not isinstance(tree.value, dict | None):
            self._fail(tree.problem("is not a mapping: lines of 'key: value'"))
        else:
            real = Path(os.path.realpath(path))
            self.files.trees.append(tree)
            self.files.paths.append(real)
            self._open.append(real)
            self._include(tree, path)
            self._open.pop()

    def _fail(self, problem: Problem) -> None:
        self.files.complete = False
        self.files.problems.append(problem)

    def _include(self, tree: Node, path: Path) -> None:
        include = tree.entries.get("include")
        if include is None or (include.value is None and not include.broken):
            return
        items = include.value if isinstance(include.value, list) else [include]
        for item in items:
            if item.broken:
                self.files.complete = False
            elif not isinstance(item.value, str) or not _FILE.fullmatch(item.value):
                self._fail(item.problem("names of files are wanted"))
            else:
                self._include_one(item, path.parent / item.value, tree.file)

    def _include_one(self, item: Node, path: Path, by: str) -> None:
        real = Path(os.path.realpath(path))
        if real in self._open:
            what = "itself" if real == self._open[-1] else "a file that includes it"
            self.files.problems.append(item.problem(f"the file includes {what}"))
        elif real not in self.files.paths:
            self.read(path, str(Path(by).parent / str(item.value)), item)


_REASONS: dict[type[OSError], str] = {
    FileNotFoundError: "no such file",
    IsADirectoryError: "is a directory, not a file",
    PermissionError: "may not be read: check its permissions",
}


def _unreadable(path: Path, shown: str, error: OSError, at: Node | None) -> Problem:
    reason = _REASONS.get(type(error), error.strerror or str(error))
    if at is None:
        return Problem(shown, 0, "", reason)
    return at.problem(f"{at.source or path}: {reason}")


MAPPING = "a mapping (name: settings)"
"""The form of a section of named devices, in messages."""


@dataclass(frozen=True, slots=True)
class Joiner:
    """Joins the trees of several files.

    Attributes:
        by_name: the keys whose entries are joined name by name.
        problems: gets the keys that are given twice.
    """

    by_name: frozenset[str]
    problems: list[Problem]

    def join(self, trees: list[Node]) -> Node:
        """Join `trees`; of a key that is given twice the first counts."""
        first = trees[0]
        joined: dict[str, Node] = {}
        for tree in trees:
            for key, node in tree.entries.items():
                if key not in joined:
                    joined[key] = node
                elif key in self.by_name:
                    joined[key] = self._join_names(joined[key], node)
                elif key != "include" and (key, node.value) != ("version", 1):
                    self._twice(joined[key], node)
        return Node(first.file, first.line, "", joined)

    def _join_names(self, one: Node, other: Node) -> Node:
        if one.value is None:
            return other
        if not isinstance(other.value, dict | None):
            self.problems.append(other.problem(wants(other, MAPPING)))
        if not isinstance(one.value, dict):
            return one
        names = dict(one.value)
        for name, node in other.entries.items():
            if names.setdefault(name, node) is not node:
                self._twice(names[name], node)
        return Node(one.file, one.line, one.key, names)

    def _twice(self, first: Node, second: Node) -> None:
        text = f"is given twice, first at {first.place}"
        self.problems.append(second.problem(text))
