"""What stands between the fields of a pattern: how it is found in a line.

All of these take a time that grows with the length of the line, and no faster.
"""

from __future__ import annotations

import re
from typing import Protocol, TypeAlias

Span: TypeAlias = tuple[int, int]
"""Where something begins and ends in a line."""


class Follow(Protocol):
    """What follows a field."""

    @property
    def what(self) -> str:
        """For messages: "expected ',' at ..."."""

    @property
    def ends(self) -> str:
        """A text that would end the field if it held it; "": none."""

    def match(self, line: str, at: int) -> int:
        """Where it ends, if it stands at `at`; -1: it does not."""

    def search(self, line: str, at: int) -> Span | None:
        """Where it stands, at `at` or later."""


class Literal:
    """A text, as it is; a blank in it is any white space, also none.

    Args:
        text: not only white space.
        white: what counts as white space; it may stand before the text, too. "": blanks
            are blanks.
        is_last: the line must end with it.
    """

    def __init__(self, text: str, white: str, *, is_last: bool = False) -> None:
        self.ends = text.strip(" ") if white else text
        self.what = repr(self.ends)
        parts = map(re.escape, self.ends.split(" ") if white else [self.ends])
        body = f"[{white}]*".join(part for part in parts if part)
        body += r"\Z" if is_last else ""
        self._search = re.compile(body).search
        self._match = re.compile(f"[{white}]*{body}" if white else body).match
        self._is_plain = not is_last and (not white or " " not in self.ends)

    def match(self, line: str, at: int) -> int:
        """Where it ends, if it stands at `at`; -1: it does not."""
        if self._is_plain and line.startswith(self.ends, at):
            return at + len(self.ends)
        found = self._match(line, at)
        return -1 if found is None else found.end()

    def search(self, line: str, at: int) -> Span | None:
        """Where it stands, at `at` or later."""
        if self._is_plain:
            start = line.find(self.ends, at)
            return None if start < 0 else (start, start + len(self.ends))
        found = self._search(line, at)
        return None if found is None else found.span()


class Space:
    """White space, one or more characters, between two fields."""

    what = "white space"
    ends = " "

    def __init__(self, white: str) -> None:
        some = re.compile(f"[{white}]+")
        self._match, self._search = some.match, some.search

    def match(self, line: str, at: int) -> int:
        """Where it ends, if it stands at `at`; -1: it does not."""
        found = self._match(line, at)
        return -1 if found is None else found.end()

    def search(self, line: str, at: int) -> Span | None:
        """Where it stands, at `at` or later."""
        found = self._search(line, at)
        return None if found is None else found.span()


class End:
    """The end of the line."""

    what = "the end"
    ends = ""

    def match(self, line: str, at: int) -> int:
        """The length, if `at` is that."""
        return at if at >= len(line) else -1

    def search(self, line: str, at: int) -> Span | None:
        """The length."""
        return len(line), len(line)


class Glued:
    """Nothing: another field follows; after it, or a further one, `later`."""

    what = "the next value"
    ends = ""

    def __init__(self, later: Follow) -> None:
        self._later = later

    def match(self, line: str, at: int) -> int:
        """Here."""
        return at

    def search(self, line: str, at: int) -> Span | None:
        """Where `later` begins: a word stands in place of all fields up to there."""
        found = self._later.search(line, at)
        return None if found is None else (found[0], found[0])
