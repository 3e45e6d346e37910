"""Forms of texts, choices and arrays, and of any form in a certain width."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from daqpv.instruments.parsing.forms import Form, Numeric, Taken, as_whole
from daqpv.instruments.parsing.values import Value, compiled, to_float


def _plain(value: object) -> str:
    """The text of a value, without characters that could end the line.

    Raises:
        ValueError: it has such characters.
    """
    text = value if isinstance(value, str) else str(value)
    bad = next((c for c in text if ord(c) < 32 or ord(c) == 127), None)
    if bad is not None:
        raise ValueError(f"the text {text!r} has the control character {bad!r}")
    return text


@dataclass(frozen=True)
class Text:
    """All up to what follows, without white space at its ends."""

    spec: str = ""
    what = "a text"
    ends_itself = False
    takes_words = False
    is_binary = False

    def take(self, line: str, at: int) -> Taken | None:
        """None: its end is not known."""
        return None

    def read(self, text: str) -> Value | None:
        """Any text."""
        return text

    def write(self, value: object) -> str:
        """The text, or str() of another value."""
        return format(_plain(value), self.spec)


@dataclass(frozen=True)
class Letters:
    """The characters that a regular expression finds: a word, a set, a number of them.

    Attributes:
        regex: without groups, of single repeats, so that it takes linear time.
    """

    what: str
    regex: str
    spec: str = ""
    ends_itself = True
    takes_words = False
    is_binary = False

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return compiled(self.regex)

    def take(self, line: str, at: int) -> Taken | None:
        """What the expression matches at `at`."""
        found = self._regex.match(line, at)
        return None if found is None else (found[0].strip(), found.end())

    def read(self, text: str) -> Value | None:
        """The text, if the expression matches all of it."""
        return text if self._regex.fullmatch(text) else None

    def write(self, value: object) -> str:
        """The text, or str() of another value."""
        text = format(_plain(value), self.spec)
        if self.read(text) is None:
            raise ValueError(f"{text!r} is not {self.what}")
        return text


@dataclass(frozen=True)
class Choice:
    """One of some texts; its value is a number: the position, or as given.

    Attributes:
        numbers: the values by their texts.
    """

    numbers: dict[str, int]
    ends_itself = True
    takes_words = True
    is_binary = False

    @property
    def what(self) -> str:
        """For messages."""
        return "one of " + ", ".join(self.numbers)

    def take(self, line: str, at: int) -> Taken | None:
        """The longest of the texts that stands at `at`."""
        for text in sorted(self.numbers, key=len, reverse=True):
            if line.startswith(text, at):
                return self.numbers[text], at + len(text)
        return None

    def read(self, text: str) -> Value | None:
        """The number of this text."""
        return self.numbers.get(text)

    def write(self, value: object) -> str:
        """The text of a number, or the text itself."""
        if isinstance(value, str):
            if value in self.numbers:
                return value
            raise ValueError(f"{value!r} is not {self.what}")
        wanted = as_whole(value)
        for text, number in self.numbers.items():
            if number == wanted:
                return text
        raise ValueError(f"no text has the number {wanted}: {self.what}")


@dataclass(frozen=True)
class Fixed:
    """Another form in a certain number of characters."""

    form: Form
    width: int
    is_most: bool = False
    """The width is the largest, not the only one."""

    ends_itself = True

    @property
    def what(self) -> str:
        """For messages."""
        return f"{self.form.what} of {self.width} characters"

    @property
    def takes_words(self) -> bool:
        """As the other form."""
        return self.form.takes_words

    @property
    def is_binary(self) -> bool:
        """As the other form."""
        return self.form.is_binary

    def take(self, line: str, at: int) -> Taken | None:
        """The value in exactly, or at most, so many characters."""
        if self.is_most:
            at += len(line) - at - len(line[at:].lstrip())
        text = line[at : at + self.width]
        if self.is_most and self.form.ends_itself:
            taken = self.form.take(text, 0)
            return None if taken is None else (taken[0], at + taken[1])
        value = self.read(text)
        return None if value is None else (value, at + len(text))

    def read(self, text: str) -> Value | None:
        """The value, if the text has that length."""
        if len(text) > self.width or (len(text) < self.width and not self.is_most):
            return None
        inner = text.strip(" \0")
        value = self.form.read(inner)
        return inner if value is None and self.takes_words and inner else value

    def write(self, value: object) -> str:
        """The text, if it has that length."""
        text = self.form.write(value)
        if len(text) > self.width or (len(text) < self.width and not self.is_most):
            raise ValueError(f"{text!r} has not {self.width} characters")
        return text


@dataclass(frozen=True)
class Many:
    """An array: numbers with a separator between them.

    Attributes:
        form: of the elements.
        separator: " ": any white space.
    """

    form: Numeric
    separator: str
    what = "numbers"
    ends_itself = False
    takes_words = True
    is_binary = False

    def take(self, line: str, at: int) -> Taken | None:
        """None: its end is not known."""
        return None

    def read(self, text: str) -> Value | None:
        """An array of floats, or of 64-bit integers; None: one is no number."""
        import numpy as np  # noqa: PLC0415 - its import is slow

        inner = text.strip()
        parts = inner.split(self.separator.strip(" ") or None) if inner else []
        if self.is_real and inner.isascii() and "_" not in inner:
            with contextlib.suppress(ValueError):  # 10 times as fast as below
                return np.array([*map(float, parts)])
        values = [self.form.read(part.strip()) for part in parts]
        if None in values:
            return None
        try:
            return np.array(values, dtype=float if self.is_real else np.int64)
        except OverflowError:
            return None

    @property
    def is_real(self) -> bool:
        """Whether the elements are floats."""
        return self.form.convert is to_float

    def write(self, value: object) -> str:
        """The elements, joined."""
        elements: Sequence[Any] = value.tolist() if hasattr(value, "tolist") else value  # type: ignore[assignment]
        if isinstance(elements, str) or not hasattr(elements, "__iter__"):
            raise ValueError(f"{value!r} is no array")
        return self.separator.join(self.form.write(one) for one in elements)
