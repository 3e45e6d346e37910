"""No file of daqpv imports itself by way of others.

All imports count: those for the type checker, those inside functions, and those of the
packages' __init__.py, which Python runs before any module of theirs.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

import daqpv

PACKAGE = Path(daqpv.__file__).parent

Imports = Mapping[str, Collection[str]]


def files(package: Path) -> dict[str, Path]:
    """The files of `package` by their modules' names, those behind links as well."""
    found = {}
    for folder in (package, *(one for one in package.iterdir() if one.is_symlink())):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(package.parent).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def named(tree: ast.AST, modules: Collection[str]) -> Iterator[str]:
    """The names of the modules that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield module if module in modules else node.module


def packages(module: str) -> Iterator[str]:
    """The packages round `module`, whose __init__.py Python runs first."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def imports(paths: Mapping[str, Path]) -> dict[str, set[str]]:
    """What each module imports of the others."""
    found: dict[str, set[str]] = {}
    for name, path in paths.items():
        inside = {name, *packages(name)}
        direct = set(named(ast.parse(path.read_text()), paths))
        first = {package for module in direct for package in packages(module)}
        found[name] = ((direct | (first - inside)) & paths.keys()) - {name}
    return found


def circles(graph: Imports) -> list[frozenset[str]]:
    """The sets of modules of which each imports each other one, directly or not."""

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            new = set(graph[todo.pop()]) - seen
            seen |= new
            todo += new
        return seen

    reach = {module: reachable(module) for module in graph}
    found = {
        frozenset(other for other in reach[module] if module in reach[other])
        for module in graph
        if module in reach[module]
    }
    return sorted(found, key=sorted)


def test_no_file_imports_itself_by_way_of_others() -> None:
    modules = files(PACKAGE)
    assert {"daqpv.serve.server", "daqpv.iocs.ecc"} <= modules.keys()
    found = circles(imports(modules))
    assert not found, "\n".join(" <-> ".join(sorted(circle)) for circle in found)


@pytest.mark.parametrize(
    ("sources", "circle"),
    [
        ({"a": "import p.b", "b": "from p import a"}, {"p.a", "p.b"}),
        ({"a": "from p.b import B", "b": "def f():\n    import p.a"}, {"p.a", "p.b"}),
        ({"a": "import p.b", "b": "if TYPE:\n    from p.a import A"}, {"p.a", "p.b"}),
        (
            {"a": "import p.q.c", "q/__init__": "import p.q.c", "q/c": "import p.a"},
            {"p.a", "p.q", "p.q.c"},
        ),
        ({"a": "import p.b", "b": "import json", "c": "import p.a, p.b"}, set()),
    ],
)  # fmt: skip
def test_circles_are_found(
    sources: dict[str, str], circle: set[str], tmp_path: Path
) -> None:
    package = tmp_path / "p"
    for name, text in {"__init__": "", **sources}.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert circles(imports(files(package))) == ([frozenset(circle)] if circle else [])
