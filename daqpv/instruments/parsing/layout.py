"""Fields with texts between them: reads a line from left to right, and writes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from daqpv.instruments.parsing.forms import Form, Numeric
from daqpv.instruments.parsing.literals import End, Follow, Glued, Literal, Space
from daqpv.instruments.parsing.texts import Fixed, Text
from daqpv.instruments.parsing.values import (
    WHITE,
    Value,
    expected,
    is_word,
    to_float,
)


@dataclass(frozen=True)
class Field:
    """One field of a pattern.

    Attributes:
        name: of the value; "": it is dropped.
        form: of its text.
        width: in characters, if it is given; it counts between fields without a text
            between them, and in binary patterns.
        is_optional: it may be missing.
    """

    name: str
    form: Form
    width: int | None = None
    is_optional: bool = False


Part: TypeAlias = "Field | str"
"""A field, or a text between fields."""

_Step: TypeAlias = tuple[str, Form, Follow, bool]


class Layout:
    """A pattern of fields, compiled.

    Args:
        parts: fields and the texts between them.

    Raises:
        ValueError: a name occurs twice, or the end of a field cannot be known.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        fields = [part for part in parts if isinstance(part, Field)]
        self.is_binary = any(field.form.is_binary for field in fields)
        self.names = tuple(field.name for field in fields if field.name)
        twice = {name for name in self.names if self.names.count(name) > 1}
        if twice:
            raise ValueError(f"{twice.pop()!r} occurs twice")
        self._white = _white(parts, is_binary=self.is_binary)
        self._parts = [self._fitted(parts, n) for n in range(len(parts))]
        self._begin, self._steps = self._compiled()
        self._split = self._splits()

    def _fitted(self, parts: Sequence[Part], n: int) -> Part:
        """The part, with its width where that counts, and its white space."""
        field = parts[n]
        if isinstance(field, str):
            return field
        form, following = field.form, parts[n + 1] if n + 1 < len(parts) else ""
        if isinstance(form, Numeric):
            form = form.after(self._white)
        is_glued = isinstance(following, Field)
        if field.width and (is_glued or self.is_binary):
            form = Fixed(form, field.width)
        if is_glued and not form.ends_itself:
            shown = field.name or "{}"
            raise ValueError(
                f"where {shown!r} ends is not known: the next field follows at once. "
                "Give its width, or a text between them"
            )
        return Field(field.name, form, None, field.is_optional)

    def _compiled(self) -> tuple[Follow | None, list[_Step]]:
        """What the line begins with, and each field with what follows it."""
        steps: list[_Step] = []
        follow: Follow = End()
        begin: Follow | None = None
        for n in reversed(range(len(self._parts))):
            part = self._parts[n]
            if isinstance(part, Field):
                steps.insert(0, (part.name, part.form, follow, part.is_optional))
                follow = Glued(follow)
            elif self.is_binary or part.strip(" "):
                is_last = n > 0 and isinstance(follow, End)
                follow = Literal(part, self._white, is_last=is_last)
            elif 0 < n < len(self._parts) - 1:
                follow = Space(self._white)
            begin = None if isinstance(part, Field) else follow
        if not isinstance(begin, Literal):  # white space, or a field
            begin = None
        return begin, steps

    def _splits(self) -> str | None:
        """The separator, if all fields are real numbers with one text between them."""
        follows = [follow for _, _, follow, _ in self._steps[:-1]]
        seps = {follow.ends for follow in follows}
        if (
            self._begin is not None
            or len(self.names) != len(self._steps)
            or not self._steps
            or len(seps) > 1
            or not isinstance(self._steps[-1][2], End)
            or not all(isinstance(follow, Literal | Space) for follow in follows)
            or not all(_is_real(form) and not opt for _, form, _, opt in self._steps)
        ):
            return None
        separator = seps.pop() if seps else ","
        is_fit = separator == " " or not set(separator) & {
            *" .+-_0123456789",
            *_LETTERS,
        }
        return separator if is_fit else None

    def parse(self, line: str) -> dict[str, Value]:
        """The values of a line.

        Raises:
            ValueError: where and why it does not have this form.
        """
        split = self._split
        if split is not None and line.isascii() and "_" not in line:
            parts = line.split() if split == " " else line.split(split)
            if len(parts) == len(self.names):
                try:
                    return dict(zip(self.names, map(float, parts), strict=True))
                except ValueError:
                    pass  # a word, or an exponent with D
        return self._parse(line)

    def _parse(self, line: str) -> dict[str, Value]:
        line = line.rstrip(self._white) if self._white else line
        at = self._begun(line)
        values: dict[str, Value] = {}
        for name, form, follow, is_optional in self._steps:
            taken, after = form.take(line, at), -1
            if taken is not None:
                value, end = taken
                after = follow.match(line, end)
            elif is_optional and (after := follow.match(line, at)) >= 0:
                at = after
                continue
            if after < 0:
                value, after = self._up_to(follow, form, line, at)
            at = after
            if name:
                values[name] = value
        return values

    def _begun(self, line: str) -> int:
        """Where the first field begins."""
        at = self._first(line, 0)
        if self._begin is not None:
            begun = self._begin.match(line, at)
            if begun < 0:
                raise self._expected(self._begin.what, line, at)
            at = begun
        if not self._steps and at < len(line):
            raise self._expected("the end", line, at)
        return at

    def _first(self, line: str, at: int) -> int:
        """The first character, at `at` or later, that is no white space."""
        white = self._white
        while at < len(line) and line[at] in white:
            at += 1
        return at

    def _up_to(
        self, follow: Follow, form: Form, line: str, at: int
    ) -> tuple[Value, int]:
        """The value in the text up to what follows, and where the next one begins."""
        at = self._first(line, at)
        taken = form.take(line, at)
        end = at if taken is None else taken[1]
        found = follow.search(line, at)
        if found is None:
            raise self._expected(follow.what, line, end if taken else len(line))
        text = line[at : found[0]]
        if self._white:
            text = text.rstrip(self._white)
        value = form.read(text)
        if value is None:
            if taken is not None:
                raise self._expected(follow.what, line, end)
            if not form.takes_words or not line or not is_word(text):
                raise self._expected(form.what, line, at)
            value = text
        return value, found[1]

    def _expected(self, what: str, line: str, at: int) -> ValueError:
        return expected(what, line, at, is_binary=self.is_binary)

    def format(self, values: Mapping[str, object]) -> str:
        """A line with these values.

        Raises:
            ValueError: a value is missing, or cannot be written; its name is named.
        """
        texts = []
        for n, part in enumerate(self._parts):
            if isinstance(part, str):
                texts.append(part)
                continue
            following = self._parts[n + 1] if n + 1 < len(self._parts) else ""
            ending = (
                following.strip(" ") or following if isinstance(following, str) else ""
            )
            texts.append(self._written(part, values, ending))
        return "".join(texts)

    def _written(self, field: Field, values: Mapping[str, object], ending: str) -> str:
        if not field.name:
            raise ValueError("{} stands for any text, and cannot be written")
        if field.name not in values:
            raise ValueError(f"no value for {field.name!r}")
        try:
            text = field.form.write(values[field.name])
        except ValueError as error:
            raise ValueError(f"{field.name}: {error}") from None
        if isinstance(field.form, Text) and ending and ending in text:
            raise ValueError(
                f"{field.name}: {text!r} has {ending!r}, which would end it"
            )
        return text


_LETTERS = {*"eEdDnNaAiIfFtTyY"}


def _is_real(form: Form) -> bool:
    return isinstance(form, Numeric) and form.convert is to_float


def _white(parts: Sequence[Part], *, is_binary: bool) -> str:
    """What counts as white space in a pattern: not what separates its fields."""
    if is_binary:
        return ""
    texts = {c for part in parts if isinstance(part, str) for c in part}
    return "".join(c for c in WHITE if c == " " or c not in texts)
