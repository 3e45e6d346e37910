r"""Patterns that are regular expressions: ``/T=(?P<temperature>[-+.\\d]+) ?C/``."""

from __future__ import annotations

import re
from collections.abc import Collection

from daqpv.instruments.parsing.ambiguity import choices
from daqpv.instruments.parsing.values import Value, compiled, expected, number

LONGEST = (65536, 2000, 300, 120)
"""Characters of a line, by the number of choices in the expression: see `ambiguity`.

A line that does not match takes up to 0.5 s (measured 2026-11); most take microseconds.
"""


class Regular:
    """A regular expression that the whole line has to match; named groups are values.

    Numbers are converted; all else is text.

    Args:
        text: with its slashes; ``i`` after the second one ignores case.
        texts: names whose values stay texts, such as a serial number 00123.

    Raises:
        ValueError: it is none, has no named group, or could take forever.
    """

    is_binary = False

    def __init__(self, text: str, texts: Collection[str] = ()) -> None:
        body, _, flags = text[1:].rpartition("/")
        if flags not in {"", "i"}:
            raise ValueError(f"{flags!r} after the second / is not known: only i is")
        self._regex = compiled(body, re.IGNORECASE if flags else 0)
        number = choices(self._regex)
        if number >= len(LONGEST):
            raise ValueError(
                f"{number} repeats do not tell by the next character whether they go "
                "on, such as .*: that can take too long. Use [^,]* before a comma"
            )
        self._longest = LONGEST[number]
        self.names = tuple(self._regex.groupindex)
        if not self.names:
            raise ValueError("no group has a name: (?P<pressure>...)")
        self._texts = frozenset(texts)

    def parse(self, line: str) -> dict[str, Value]:
        """The values of a line; groups that matched nothing are left out.

        Raises:
            ValueError: it does not match, or is too long.
        """
        if len(line) > self._longest:
            raise ValueError(
                f"{len(line)} characters are too many for this regular expression: "
                f"at most {self._longest}"
            )
        found = self._regex.fullmatch(line)
        if found is None:
            raise expected(f"what matches /{self._regex.pattern}/", line, 0)
        return {
            name: text if name in self._texts else _value(text)
            for name, text in found.groupdict().items()
            if text is not None
        }

    def format(self, values: object) -> str:
        """Not possible.

        Raises:
            ValueError: always.
        """
        raise ValueError("a regular expression cannot be written, only read")


def _value(text: str) -> Value:
    found = number(text)
    return text if found is None else found
