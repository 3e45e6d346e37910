"""Answers that mean a refusal, and commands that must never be sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_LONGEST = 1000  # characters of a text that is compared


class Globs:
    """Texts with ``*`` for any text and ``?`` for a character; the first counts.

    Args:
        meanings: by such texts, what it means if they fit.
        any_case: capital and small letters are the same.
    """

    def __init__(self, meanings: Mapping[str, str], *, any_case: bool = False) -> None:
        flags = re.DOTALL | (re.IGNORECASE if any_case else 0)
        self._patterns = [
            (re.compile(_expression(glob), flags), text)
            for glob, text in meanings.items()
        ]

    @classmethod
    def denied(cls, commands: Iterable[str]) -> Globs:
        """Commands that are denied; instruments seldom tell ``sp`` from ``SP``."""
        return cls({glob: glob for glob in commands}, any_case=True)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def meaning(self, text: str) -> str | None:
        """The meaning of `text`; None: none fits."""
        text = text.strip()[:_LONGEST]
        for pattern, meaning in self._patterns:
            if pattern.fullmatch(text):
                return meaning
        return None


def _expression(glob: str) -> str:
    return re.escape(glob.strip()).replace(r"\*", ".*").replace(r"\?", ".")
