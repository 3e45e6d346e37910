"""Reads one YAML file as a tree whose nodes know their file, line and key."""

from __future__ import annotations

import errno
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import nodes as yaml
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from daqpv.config.problems import ConfigProblems, Problem, listed
from daqpv.core.lines import is_text

Value = None | bool | int | float | str | dict[str, "Node"] | list["Node"]

MAX_BYTES = 2**20
"""Largest file [bytes]; a file of ten CoBos has some thousand."""

MAX_VALUES = 100_000
"""Most values of a file, including those that its aliases repeat."""

_MAX_WHOLE = 2**64  # a greater whole number is out of all bounds: infinite

_MAX_DEPTH = 50  # of values within values

_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|\$\{")
_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Node:
    """A value of the file, and its place there.

    Attributes:
        file: as the user named it, or reached it by include.
        line: of its key, or of itself in a list; from 1.
        key: dotted, from the top of the file.
        value: the value, with the environment put in.
        source: the text of the file, if the environment was put in: such a value may
            be a secret and is never printed; else "".
        broken: whether a problem has been reported that makes the value unusable.
    """

    file: str
    line: int
    key: str
    value: Value
    source: str = ""
    broken: bool = False

    @property
    def place(self) -> str:
        """Its place: ``file:line``."""
        return f"{self.file}:{self.line}"

    @property
    def entries(self) -> dict[str, Node]:
        """Its entries, if it is a mapping; else none."""
        return self.value if isinstance(self.value, dict) else {}

    def problem(self, text: str, *, key: str | None = None) -> Problem:
        """Make a problem with this place; `key` if it is about another key."""
        return Problem(self.file, self.line, self.key if key is None else key, text)

    def walk(self) -> Iterator[Node]:
        """Yield it and all below it."""
        yield self
        below = self.value if isinstance(self.value, list) else self.entries.values()
        for node in below:
            yield from node.walk()

    def plain(self) -> Any:
        """Return the value as ordinary Python objects."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def under(self, default: Node) -> Node:
        """A copy that takes the keys that it does not have from `default`."""
        if not (isinstance(self.value, dict) and isinstance(default.value, dict)):
            return self
        merged = default.value | {
            key: node.under(default.value[key]) if key in default.value else node
            for key, node in self.value.items()
        }
        return Node(self.file, self.line, self.key, merged, broken=self.broken)


def below(key: str, part: str | int) -> str:
    """Return the dotted key of `part` under `key`."""
    if isinstance(part, int):
        return f"{key}[{part}]"
    return f"{key}.{part}" if key else part


def read_tree(
    path: Path, shown: str, environ: Mapping[str, str], problems: list[Problem]
) -> Node | None:
    """Read one YAML file (1.2, UTF-8); None if nothing of it can be used.

    Args:
        path: the file.
        shown: how problems name it.
        environ: where ``${VAR}`` comes from.
        problems: gets the errors of the file.

    Raises:
        OSError: the file cannot be read, or is not a regular file.
    """
    content = _content(path)
    try:
        root = _compose(_decode(content, shown), shown)
        if root is None:
            return Node(shown, 1, "", None)
        return _Builder(shown, environ, problems).build(root, "", 1)
    except ConfigProblems as error:
        problems.extend(error.problems)
        return None


def _content(path: Path) -> bytes:
    """Read a regular file; refuse an endless device, and a pipe, which may block."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        kind = os.fstat(file.fileno()).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(kind):
            raise OSError(None, "is a pipe or a device, not a file")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(None, f"is longer than {MAX_BYTES} bytes: no experiment file")
    return content


def _decode(content: bytes, shown: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = (
            f"byte 0x{content[error.start]:02x} is not UTF-8: save the file as UTF-8"
        )
        raise ConfigProblems([Problem(shown, line, "", found)]) from None


def _compose(text: str, shown: str) -> yaml.Node | None:
    loader = YAML(typ="safe", pure=True)
    loader.composer.warn_double_anchors = False
    try:
        root: yaml.Node | None = loader.compose(text)
    except MarkedYAMLError as error:
        raise ConfigProblems([_syntax(shown, error, text)]) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        what = f"control character 0x{ord(text[error.position]):02x}: remove it"
        raise ConfigProblems([Problem(shown, line, "", what)]) from None
    except RecursionError:
        what = "nested too deeply"
        raise ConfigProblems([Problem(shown, 1, "", what)]) from None
    return root


_SYNTAX = (  # message of ruamel.yaml; ours; whether the line is that of its context
    (r"found character '(.)'", "text that begins with '{0}' needs quotes", False),
    (
        "mapping values are not allowed",
        "a ':' is not expected here: text with ': ' needs quotes; else check the "
        "indentation",
        False,
    ),
    ("could not find expected ':'", "a key without ':'", True),
    ("expected ',' or ']'", "the list that begins here with '[' is not closed", True),
    (
        "expected ',' or '}'",
        "the mapping that begins here with '{{' is not closed, or holds text that "
        "needs quotes",
        True,
    ),
    ("found unexpected end of stream", "the quotes that begin here do not end", True),
    (
        "found unknown escape character '(.)'",
        r"'\{0}' means nothing in double quotes: use single quotes",
        False,
    ),
    (
        "expected <block end>",
        "does not fit to the lines above: check the indentation, and the quotes",
        False,
    ),
    ("another document", "a second document: one file holds one", False),
    ("found undefined alias '(.*)'", "no anchor &{0} is defined above", False),
)


def _tab(line: str, column: int) -> str:
    """The error of a tab. YAML 1.2 accepts one beside a value, ruamel.yaml does not."""
    if line[:column].strip():
        return "a tab beside a value: write blanks instead"
    return "a tab: YAML is indented with blanks"


def _syntax(shown: str, error: MarkedYAMLError, content: str) -> Problem:
    """Describe a YAML error in plain words, without text of the file."""
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    mark, text = error.problem_mark, f"not YAML: {said}"
    if mark and r"character '\t'" in said:
        line = content.splitlines()[mark.line]
        return Problem(shown, mark.line + 1, "", _tab(line, mark.column))
    for pattern, words, of_context in _SYNTAX:
        if found := re.search(pattern, said):
            text = words.format(*found.groups())
            mark = error.context_mark if of_context else mark
            break
    mark = mark or error.problem_mark or error.context_mark
    return Problem(shown, mark.line + 1 if mark else 1, "", text)


class _Builder:
    """Converts YAML nodes to nodes."""

    def __init__(
        self, shown: str, environ: Mapping[str, str], problems: list[Problem]
    ) -> None:
        self._shown = shown
        self._environ = environ
        self._problems = problems
        self._open: set[int] = set()  # nodes being built: an alias may refer to them
        self._built = 0

    def build(self, node: yaml.Node, key: str, line: int) -> Node:
        made = Node(self._shown, line, key, None)
        if id(node) in self._open:
            return self._break(made, "refers to itself")
        if len(self._open) > _MAX_DEPTH:
            return self._break(made, "nested too deeply")
        self._built += 1
        if self._built > MAX_VALUES:
            text = f"more than {MAX_VALUES} values, with what aliases (*name) repeat"
            raise ConfigProblems([made.problem(text)])
        self._open.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            self._scalar(node, made)
        elif str(node.tag) not in (f"{_TAG}map", f"{_TAG}seq"):
            self._break(made, f"the YAML tag {node.tag} means nothing here")
        elif isinstance(node, yaml.MappingNode):
            made.value = self._mapping(node, key)
        else:
            made.value = [
                self.build(item, below(key, i), item.start_mark.line + 1)
                for i, item in enumerate(node.value)
            ]
        self._open.remove(id(node))
        return made

    def _break(self, made: Node, text: str) -> Node:
        made.broken = True
        self._problems.append(made.problem(text))
        return made

    def _mapping(self, node: yaml.MappingNode, key: str) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        for name, value in node.value:
            line = name.start_mark.line + 1
            if not isinstance(name, yaml.ScalarNode):
                place = Node(self._shown, line, key, None)
                self._problems.append(
                    place.problem("a key is a word, not a collection")
                )
            elif name.tag == f"{_TAG}merge":
                inherited |= self._merged(value, key, line)
            else:
                made = self.build(value, below(key, name.value), line)
                first = entries.setdefault(name.value, made)
                if first is not made:
                    text = f"is given twice, first at {first.place}"
                    self._problems.append(made.problem(text))
        return inherited | entries

    def _merged(self, node: yaml.Node, key: str, line: int) -> dict[str, Node]:
        """Build the entries of ``<<: *anchor`` or ``<<: [*one, *other]``."""
        many = isinstance(node, yaml.SequenceNode)
        entries: dict[str, Node] = {}
        for part in reversed(node.value if many else [node]):
            made = self.build(part, key, line)
            entries |= made.entries
            if not isinstance(made.value, dict) and not made.broken:
                self._break(made, "<< takes a mapping")
        return entries

    def _scalar(self, node: yaml.ScalarNode, made: Node) -> None:
        text: str = node.value
        match str(node.tag).removeprefix(_TAG):
            case "null":
                pass
            case "bool":
                made.value = text.lower() in ("true", "yes", "on")
            case "int" | "float":
                made.value = _number(text)
            case "str" | "timestamp" | "value":
                self._text(text, made)
            case tag:
                self._break(made, f"the YAML tag {tag} means nothing here")

    def _text(self, text: str, made: Node) -> None:
        """Replace ``${NAME}`` by environment variables."""
        missing: list[str] = []

        def value(found: re.Match[str]) -> str:
            if found[0] == "$${":
                return "${"
            name = found["name"]
            if name is None:
                missing.append("'${' is not followed by NAME}; '$${' is a plain '${'")
            elif name not in self._environ:
                missing.append(f"the environment variable {name} is not set")
            elif not is_text(self._environ[name]):
                missing.append(f"the environment variable {name} is not UTF-8")
            else:
                made.source = text
                return self._environ[name]
            return found[0]

        made.value = _VARIABLE.sub(value, text)
        if missing:
            self._break(made, listed(dict.fromkeys(missing), " and "))


def _number(text: str) -> int | float | str:
    """Read a number of YAML 1.2: ``17``, ``0x17``, ``1e3``, ``.inf``; else text."""
    word = text.lower().replace(".inf", "inf").replace(".nan", "nan").replace("_", "")
    for read in (int, lambda word: int(word, 0), float):  # 017 is seventeen
        try:
            number = read(word)
        except ValueError:
            continue
        is_huge = isinstance(number, int) and abs(number) > _MAX_WHOLE
        return math.copysign(math.inf, number > 0 or -1) if is_huge else number
    return text
