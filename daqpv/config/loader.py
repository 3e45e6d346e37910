"""Loads and checks an experiment file, and reports all of its problems at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from daqpv.config.document import Node
from daqpv.config.experiment import Experiment
from daqpv.config.fields import Context
from daqpv.config.files import MAPPING, Files, Joiner, read_files
from daqpv.config.fixed import Fixed
from daqpv.config.kind import AnyKind
from daqpv.config.model import NAME, Conflict, DeviceSettings, Model
from daqpv.config.problems import ConfigProblems, Problem, unknown
from daqpv.config.sentences import Vocabulary, problems_of, wants
from daqpv.core.plugins import guarded
from daqpv.errors import KindError

M = TypeVar("M", bound=Model)

_MAY_BE_EMPTY = ("store", "server")

_NAME_WANTED = (
    "a name is a letter and then at most 23 letters, digits, '_' or '-' (it becomes "
    "part of PV names)"
)


def load(
    path: Path | str,
    kinds: Iterable[AnyKind],
    environ: Mapping[str, str] = os.environ,
    *,
    faults: Mapping[str, str] | None = None,
) -> Experiment:
    """Load and check an experiment file and its included files.

    No message contains a value of an environment variable, except the path of an
    included file.

    Args:
        path: the file.
        kinds: the sections that the file may have, e.g. `installed_kinds().kinds`.
        environ: where ``${VAR}`` comes from.
        faults: sections whose kinds cannot be used, and why: they are left out, and
            `Experiment.faults` lists them.

    Raises:
        ConfigProblems: the file has errors; it holds all of them.
    """
    files = read_files(Path(path), environ)
    return _checked(Path(path), tuple(kinds), files, faults or {})


def load_fixed(path: Path | str, environ: Mapping[str, str] = os.environ) -> Experiment:
    """Load only the keys that belong to no kind: name, prefix, store, server.

    Other keys are ignored, and the experiment has no sections.

    Raises:
        ConfigProblems: one of these keys is wrong, or a file cannot be read.
    """
    files = read_files(Path(path), environ)
    known = Fixed.model_fields
    for i, tree in enumerate(files.trees):
        entries = {key: node for key, node in tree.entries.items() if key in known}
        files.trees[i] = replace(tree, value=entries)
    return _checked(Path(path), (), files, {})


def _checked(
    path: Path, kinds: tuple[AnyKind, ...], files: Files, faults: Mapping[str, str]
) -> Experiment:
    if not files.trees:
        raise ConfigProblems(files.problems)
    experiment = _Check(path, kinds, files, faults).run()
    if experiment is None or files.problems:
        raise ConfigProblems(files.problems)
    return experiment


class _Check:
    """Checks the trees of the files; adds problems to those of reading."""

    def __init__(
        self,
        path: Path,
        kinds: tuple[AnyKind, ...],
        files: Files,
        faults: Mapping[str, str],
    ) -> None:
        self._path = path
        self._kinds = {kind.section: kind for kind in kinds}
        self._left_out = frozenset(faults)
        self._problems = files.problems
        self._complete = files.complete
        many = frozenset(kind.section for kind in kinds if kind.many)
        by_name = many | self._left_out | {"defaults"}
        self._root = Joiner(by_name, files.problems).join(files.trees)
        self._context = Context(
            folder=path.absolute().parent,
            names=self._names() if files.complete else {},
            sections=(*self._kinds, *faults),
        )
        self._nodes: dict[tuple[str, str], Node] = {}
        self._faults = [self._fault(section, faults[section]) for section in faults]

    def run(self) -> Experiment | None:
        self._defaults()
        fixed = self._fixed()
        sections = {kind.section: self._of(kind) for kind in self._kinds.values()}
        if fixed is None:
            return None
        return Experiment(
            path=self._path,
            experiment=fixed.experiment,
            prefix=fixed.prefix,
            store=fixed.store,
            server=fixed.server,
            sections=sections,
            nodes=self._nodes,
            faults=self._faults,
        )

    def _of(self, kind: AnyKind) -> dict[str, Model]:
        """Return the settings of a kind; none if its own code fails."""
        try:
            with guarded(f"{kind}: its settings"):
                return self._many(kind) if kind.many else self._one(kind)
        except KindError as error:
            self._faults.append(self._fault(kind.section, str(error)))
            return {}

    def _fault(self, section: str, text: str) -> Problem:
        """Make the problem of a kind, at its section if the file has one."""
        node = self._root.entries.get(section)
        return node.problem(text) if node else Problem(str(self._path), 0, "", text)

    def _report(self, node: Node, text: str) -> None:
        self._problems.append(node.problem(text))

    def _names(self) -> dict[str, tuple[str, ...]]:
        """Return the names of each section; invalid sections are left out."""
        nodes = {s: self._root.entries.get(s) for s in self._kinds}
        return {
            section: tuple(node.entries) if node else ()
            for section, node in nodes.items()
            if node is None or isinstance(node.value, dict | None)
        }

    def _mapping(self, node: Node | None) -> dict[str, Node]:
        """Return the entries of a mapping that may be absent or empty."""
        if node and not node.broken and not isinstance(node.value, dict | None):
            self._report(node, wants(node, MAPPING))
        return node.entries if node else {}

    def _validated(
        self,
        model: type[M],
        node: Node,
        *,
        whole: bool = True,
        also: Collection[str] = (),
    ) -> M | None:
        try:
            return model.model_validate(node.plain(), context=self._context)
        except ValidationError as error:
            known = Vocabulary(model, also)
            self._problems += problems_of(error, node, known, whole=whole)
            return None

    def _fixed(self) -> Fixed | None:
        """Check the keys that belong to no kind; all other keys are unknown."""
        done = ("defaults", *self._kinds, *self._left_out)
        entries = {
            key: _or_empty(node) if key in _MAY_BE_EMPTY else node
            for key, node in self._root.entries.items()
            if key not in ("include", *done)
        }
        node = replace(self._root, value=dict(entries))
        self._nodes["store", ""] = entries.get("store", self._root)
        return self._validated(Fixed, node, whole=self._complete, also=done)

    def _defaults(self) -> None:
        """Check the defaults by themselves: perhaps no device uses them."""
        many = [kind.section for kind in self._kinds.values() if kind.many]
        for section, node in self._mapping(self._root.entries.get("defaults")).items():
            if section in self._left_out:
                continue
            if section not in many:
                self._report(node, unknown(section, many, "section of named devices"))
            elif node.value is not None:
                self._validated(self._kinds[section].settings, node, whole=False)

    def _one(self, kind: AnyKind) -> dict[str, Model]:
        """Return the settings of a section without names; nothing if it is absent."""
        node = self._root.entries.get(kind.section)
        if node is None:
            return self._followed(kind)
        self._nodes[kind.section, ""] = node
        settings = self._validated(kind.settings, _or_empty(node))
        return {} if settings is None else {"": settings}

    def _followed(self, kind: AnyKind) -> dict[str, Model]:
        """Return the default settings of a kind whose section is left out."""
        cause = self._root if kind.always else self._root.entries.get(kind.follows)
        if cause is None or not cause.entries:
            return {}
        self._nodes[kind.section, ""] = cause
        return {"": kind.settings()}

    def _many(self, kind: AnyKind) -> dict[str, Model]:
        """Return the settings of each device of a section that has no errors."""
        section = self._root.entries.get(kind.section)
        defaults = self._root.entries.get("defaults")
        default = defaults.entries.get(kind.section) if defaults else None
        devices = self._mapping(section)
        self._check_names(devices)
        good: dict[str, DeviceSettings] = {}
        for name, given_node in devices.items():
            own = _or_empty(given_node)
            device = own.under(default) if default else own
            self._nodes[kind.section, name] = device
            settings = self._validated(kind.settings, device, whole=self._complete)
            if settings is None and default:  # the error may be in the default
                with suppress(ValidationError):
                    settings = kind.settings.model_validate(own.plain())
            if settings and not any(node.broken for node in device.walk()):
                good[name] = settings
        for conflict in kind.settings.conflicts(good):
            self._clash(kind.section, conflict)
        return dict(good)

    def _check_names(self, devices: Mapping[str, Node]) -> None:
        folded: dict[str, Node] = {}
        for name, node in devices.items():
            if not NAME.fullmatch(name):
                self._report(node, _NAME_WANTED)
            first = folded.setdefault(name.casefold(), node)
            if first is not node:
                text = f"differs only in case from {first.key} at {first.place}"
                self._report(node, text)

    def _clash(self, section: str, conflict: Conflict) -> None:
        node = _at(self._nodes[section, conflict.name], conflict.key)
        text = conflict.text
        if conflict.other:
            name, key = conflict.other
            other = _at(self._nodes[section, name], key)
            text += f": {other.key} at {other.place}"
        self._report(node, text)


def _or_empty(node: Node) -> Node:
    """Read a key without value (its lines are commented out) as an empty mapping."""
    return replace(node, value={}) if node.value is None else node


def _at(node: Node, key: tuple[str | int, ...]) -> Node:
    """Follow `key` as far as the file has it: a value may be the model's default."""
    for part in key:
        if isinstance(node.value, list) and isinstance(part, int):
            node = node.value[part]
        elif part in node.entries:
            node = node.entries[str(part)]
    return node
