"""Problems of an experiment file: place, text, and the nearest valid word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from daqpv.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One error of an experiment file.

    Attributes:
        file: as the user named it, or reached it by include.
        line: from 1; 0 when the file could not be opened.
        key: dotted, ``ecc.CoBo0.url``; "" when the file itself is wrong.
        text: the error, in a sentence.
    """

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return (
            f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"
        )


class ConfigProblems(ConfigError):  # noqa: N818 (they are many)
    """All errors of an experiment file, one problem per line.

    Attributes:
        problems: sorted by file and line.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, known: Iterable[str]) -> str:
    """Find the word of `known` that is most like `word`; "" if none is like it."""
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), folded, n=1)
    return folded[near[0]] if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``, did you mean 'x'?`` with the nearest of `known`, or ""."""
    near = nearest(word, known)
    return f", did you mean {near!r}?" if near else ""


def unknown(word: str, known: Iterable[str], what: str = "key") -> str:
    """Say that `word` is unknown, with the nearest word of `known`, or else all."""
    known = tuple(known)
    near = did_you_mean(word, known)
    return (
        f"unknown {what}{near}" if near else f"unknown {what} (known: {listed(known)})"
    )


def listed(words: Iterable[str], last: str = ", ") -> str:
    """Join `words` with commas, and with `last` before the last one."""
    *most, final = tuple(words) or ("none",)
    return f"{', '.join(most)}{last}{final}" if most else final
