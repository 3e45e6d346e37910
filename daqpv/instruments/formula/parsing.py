"""Makes a tree of a formula, in which nothing is left that formulas do not have.

Names of all three sorts (``pressure``, ``gas.pressure``, ``pv("LAB:X")``) become plain
names of the tree, so neither attributes nor look-ups reach the evaluator.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast

from simpleeval import SimpleEval  # type: ignore[import-untyped]

from daqpv.config import did_you_mean
from daqpv.instruments.formula import hints
from daqpv.instruments.formula.errors import FormulaError
from daqpv.instruments.formula.functions import CONSTANTS
from daqpv.instruments.formula.operators import OPERATORS
from daqpv.instruments.formula.signatures import Signature
from daqpv.instruments.formula.values import BITS, NUMBERS

LENGTH = 4000
"""Most characters of a formula."""

DEPTH = 100
"""So deep may a formula be nested; ``a + b + c`` is two deep."""

CHANNEL = re.compile(
    r"([A-Za-z][A-Za-z0-9_-]{0,23}\.)?[A-Za-z][A-Za-z0-9_-]*"  # instrument.channel
)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PV = re.compile(r"[\x21-\x7e]+")

_N = TypeVar("_N", bound=ast.AST)

_REFUSED: Mapping[type[ast.AST], str] = {
    ast.BitXor: "`^` is written `**` for a power, xor(a, b) for bits",
    ast.MatMult: "there is no operator `@`",
    ast.Is: "`is` is written `==`",
    ast.IsNot: "`is not` is written `!=`",
    ast.Tuple: "a comma outside of a function; the decimal point is `.`",
    ast.JoinedStr: "a text with braces cannot be used",
    ast.Starred: "`*` before an argument cannot be used",
    ast.Lambda: "functions cannot be made",
    ast.NamedExpr: "formulas keep nothing: `:=` cannot be used",
    ast.ListComp: "loops cannot be used: functions take whole arrays",
    ast.GeneratorExp: "loops cannot be used: functions take whole arrays",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a formula may use.

    Attributes:
        names: of values; None: any.
        functions: by name.
        foreign: whether ``pv("...")`` may be used.
    """

    names: Collection[str] | None
    functions: Mapping[str, Signature]
    foreign: bool


def pv_key(pv: str) -> str:
    """The name of a PV among the values of a formula: ``pv("LAB:BEAM:I")``."""
    return f'pv("{pv}")'


def parse(text: str, rules: Rules) -> tuple[ast.expr, tuple[str, ...]]:
    """Parse and check a formula.

    Returns:
        Its tree, and the names that it uses, in their order.

    Raises:
        FormulaError: it cannot be used; with the column.
    """
    text = re.sub(r"\s", " ", text).strip()
    if not text:
        raise FormulaError("a formula without anything in it")
    if len(text) > LENGTH:
        raise FormulaError(f"longer than {LENGTH} characters", text=text)
    if "#" in hints.blanked(text):  # Python takes the rest for a comment
        _refuse_text(text, rules)
    tree = _tree(text, rules)
    if next((depth for _, depth in _walk(tree) if depth > DEPTH), None):
        raise FormulaError(f"nested more than {DEPTH} deep", text=text)
    reader = _Reader(text, rules)
    return reader.read(tree), tuple(reader.used)


def _tree(text: str, rules: Rules) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python warns of is a slip
            statement = SimpleEval.parse(text)
    except SyntaxError as error:
        _refuse_text(text, rules, error)
    except Warning:
        _refuse_text(text, rules)
    except (ValueError, RecursionError, MemoryError):
        raise FormulaError("it cannot be read", text=text) from None
    if not isinstance(statement, ast.Expr):
        _refuse_text(text, rules)
    return statement.value


def _refuse_text(text: str, rules: Rules, error: SyntaxError | None = None) -> NoReturn:
    if found := hints.foreign(text):
        what, column = found
        raise FormulaError(what, text=text, column=column)
    column = max(1, min((error and error.offset) or 1, len(text)))
    said = error.msg if error else ""
    what = hints.dashed(text, rules.names)
    if not what and said not in ("", "invalid syntax"):
        what = said
    raise FormulaError(what or "not understood", text=text, column=column)


def _walk(tree: ast.AST) -> Iterator[tuple[ast.AST, int]]:
    """Each node and its depth, without recursion."""
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]


class _Reader:
    """Copies a tree, if each of its nodes is one that formulas have."""

    def __init__(self, text: str, rules: Rules) -> None:
        self.used: dict[str, None] = {}
        self._text, self._rules = text, rules
        self._readers: Mapping[type[ast.AST], Callable[[Any], ast.AST]] = {
            ast.BinOp: self._operation,
            ast.UnaryOp: self._operation,
            ast.Compare: self._comparison,
            ast.BoolOp: self._parts,
            ast.IfExp: self._parts,
            ast.Subscript: self._parts,
            ast.Slice: self._parts,
            ast.List: self._parts,
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._dotted,
            ast.Call: self._call,
        }

    def read(self, node: _N) -> _N:
        """Return a copy of `node`."""
        reader = self._readers.get(type(node))
        if reader is None:
            self._refuse(_REFUSED.get(type(node), "this cannot be used"), node)
        return cast(_N, reader(node))

    def _refuse(self, what: str, node: ast.AST) -> NoReturn:
        at = len(self._text.encode()[: getattr(node, "col_offset", 0)].decode()) + 1
        raise FormulaError(what, text=self._text, column=at)

    def _parts(self, node: ast.AST) -> ast.AST:
        copy = type(node)(**dict(ast.iter_fields(node)))
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                setattr(copy, field, self.read(value))
            elif field in ("values", "comparators", "elts"):
                setattr(copy, field, [self.read(one) for one in value])
        return ast.copy_location(copy, node)

    def _operation(self, node: ast.BinOp | ast.UnaryOp) -> ast.AST:
        if type(node.op) not in OPERATORS:
            self._refuse(_REFUSED[type(node.op)], node)
        return self._parts(node)

    def _comparison(self, node: ast.Compare) -> ast.AST:
        for operator in node.ops:
            if type(operator) not in OPERATORS:
                self._refuse(_REFUSED[type(operator)], node)
        return self._parts(node)

    def _constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if isinstance(value, int) and value.bit_length() > BITS:
            self._refuse("the number is too large", node)
        if type(value) not in NUMBERS and not isinstance(value, str):
            self._refuse(f"{ast.unparse(node)[:20]} is neither number nor text", node)
        return node

    def _name(self, node: ast.Name) -> ast.expr:
        names = self._rules.names
        if node.id in CONSTANTS and (names is None or node.id not in names):
            return ast.copy_location(ast.Constant(CONSTANTS[node.id]), node)
        if not _PLAIN.fullmatch(node.id):
            self._refuse(f"{node.id!r} is not the name of a channel", node)
        return self._value(node.id, node)

    def _dotted(self, node: ast.Attribute) -> ast.expr:
        if not isinstance(node.value, ast.Name):
            self._refuse("a dot only joins an instrument and its channel", node)
        name = f"{node.value.id}.{node.attr}"
        if not all(_PLAIN.fullmatch(part) for part in name.split(".")):
            self._refuse(f"{name!r} is not the name of a channel", node)
        return self._value(name, node)

    def _value(self, name: str, node: ast.AST) -> ast.expr:
        names = self._rules.names
        if names is not None and name not in names:
            self._refuse(self._unknown(name, names), node)
        self.used[name] = None
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def _unknown(self, name: str, names: Collection[str]) -> str:
        if what := hints.dashed(self._text, names):
            return what
        if name in self._rules.functions:
            return f"{name} is a function: {self._rules.functions[name].form}"
        known = [*names, *CONSTANTS]
        return f"unknown name {name!r}{did_you_mean(name, known)}"

    def _call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name):
            self._refuse("only functions can be called", node)
        name = node.func.id
        if node.keywords:
            self._refuse("arguments have no names", node)
        if name in ("ch", "pv"):
            return self._quoted(name, node)
        functions = self._rules.functions
        if name not in functions:
            near = did_you_mean(name, [*functions, "ch", "pv"])
            self._refuse(f"unknown function {name!r}{near}", node)
        if wrong := functions[name].wrong(len(node.args)):
            self._refuse(wrong, node)
        args = [self.read(one) for one in node.args]
        return ast.copy_location(ast.Call(node.func, args, []), node)

    def _quoted(self, sort: str, node: ast.Call) -> ast.expr:
        match node.args:
            case [ast.Constant(str(name))]:
                pass
            case _:
                self._refuse(f'{sort} takes one text: {sort}("NAME")', node)
        if sort == "ch":
            if not CHANNEL.fullmatch(name):
                self._refuse(f"{name!r} is not the name of a channel", node)
            return self._value(name, node)
        if not self._rules.foreign:
            self._refuse("other PVs cannot be used here", node)
        if not _PV.fullmatch(name) or '"' in name:
            self._refuse(f"{name!r} is not the name of a PV", node)
        self.used[pv_key(name)] = None
        return ast.copy_location(ast.Name(pv_key(name), ast.Load()), node)
