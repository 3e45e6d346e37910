"""Finds descriptions: those of the site, of daqpv, of installed distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daqpv.config import ConfigProblems, Model, Problem, did_you_mean
from daqpv.config.document import Node, read_tree
from daqpv.config.sentences import Vocabulary, problems_of
from daqpv.instruments.descriptions.facts import Facts
from daqpv.instruments.descriptions.merge import merged

GROUP = "daqpv.descriptions"
"""The entry point group in which a distribution names packages with descriptions."""

OWN = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Description:
    """A description of instruments.

    Attributes:
        name: of the model: the name of its file, or one of its `models`.
        path: of its file.
        facts: what it says besides the settings.
        settings: of an instrument, as YAML has them; those of `name` are merged in.
        node: the file; its values know their lines.
    """

    name: str
    path: Path
    facts: Facts
    settings: Mapping[str, Any]
    node: Node

    def problems(self, settings: type[Model]) -> list[Problem]:
        """What is wrong with its settings, for the model of an instrument's."""
        given = {"connection": self.facts.wiring.connections[0], **self.settings}
        try:
            settings.model_validate(given)
        except ValidationError as error:
            known = Vocabulary(settings, tuple(Facts.model_fields))
            return problems_of(error, self.node, known)
        return []


class Library:
    """The descriptions that an experiment file can name.

    The site's are found first, then those of daqpv, then those of other distributions.

    Args:
        site: folder of the site's own, ``descriptions/`` beside the experiment file.
    """

    def __init__(self, site: Path | None = None) -> None:
        self._site = site

    def files(self) -> dict[str, Path]:
        """The files of all descriptions, by name."""
        found: dict[str, Path] = {}
        for folder in self._folders():
            for path in sorted(folder.glob("*.yaml")):
                found.setdefault(path.stem, path)
        return found

    def find(self, name: str) -> Description | None:
        """The description that has `name`, or whose `models` have it.

        Raises:
            ConfigProblems: its file is wrong.
        """
        files = self.files()
        if name in files:
            return _read(name, files[name])
        for stem, path in files.items():
            if found := _variant(name, stem, path):
                return found
        return None

    def all(self, faults: Callable[[ConfigProblems], None]) -> Iterator[Description]:
        """All descriptions, by name; `faults` gets the problems of those left out."""
        for name, path in sorted(self.files().items()):
            try:
                yield _read(name, path)
            except ConfigProblems as error:
                faults(error)

    def near(self, name: str) -> str:
        """``, did you mean 'x'?`` for a name that `find` does not know, or ""."""
        spellings: list[str] = []
        for one in self.all(lambda _: None):
            spellings += [one.name, *one.facts.models]
        return did_you_mean(name, spellings)

    def is_own(self, description: Description) -> bool:
        """Whether it is one of daqpv's, which its tests have checked."""
        return description.path.parent == OWN

    def _folders(self) -> Iterator[Path]:
        if self._site is not None:
            yield self._site
        yield OWN
        yield from of_distributions()


@cache
def of_distributions() -> tuple[Path, ...]:
    """The folders of other distributions; none of their code runs."""
    found: list[Path] = []
    for point in entry_points(group=GROUP):
        try:
            spec = find_spec(point.value)
        except (ImportError, ValueError):  # it was removed, or is no package
            continue
        found += map(Path, (spec and spec.submodule_search_locations) or ())
    return tuple(found)


def _variant(name: str, stem: str, path: Path) -> Description | None:
    """The description of `path`, if one of its further names is `name`."""
    try:
        one = _read(stem, path)
    except ConfigProblems:  # it is not the one that is looked for, as far as we know
        return None
    if name not in one.facts.models:
        return None
    settings = merged(one.facts.models[name], one.settings)
    return Description(name, path, one.facts, settings, one.node)


def _read(name: str, path: Path) -> Description:
    """Read a file, or take it from memory if it has not changed.

    Raises:
        ConfigProblems: it cannot be read, or its facts are wrong.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigProblems([Problem(str(path), 0, "", str(error.strerror))]) from None
    return _parsed(name, path, status.st_mtime_ns, status.st_size)


@cache
def _parsed(name: str, path: Path, changed: int, size: int) -> Description:
    problems: list[Problem] = []
    try:
        node = read_tree(path, str(path), {}, problems)
    except OSError as error:
        problems = [Problem(str(path), 0, "", str(error.strerror or error))]
        node = None
    if node is None or problems:
        raise ConfigProblems(problems)
    if not isinstance(node.value, dict):
        raise ConfigProblems([node.problem("is not a mapping: lines of 'key: value'")])
    if base := node.entries.get("model"):
        raise ConfigProblems([base.problem("a description has no model itself")])
    given = node.plain()
    known = Facts.model_fields
    try:
        facts = Facts.model_validate({k: v for k, v in given.items() if k in known})
    except ValidationError as error:
        raise ConfigProblems(problems_of(error, node, Vocabulary(Facts))) from None
    settings = {key: value for key, value in given.items() if key not in known}
    return Description(name, path, facts, settings, node)
