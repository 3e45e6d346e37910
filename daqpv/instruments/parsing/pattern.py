"""The pattern of an answer or a command, in any form: docs/instruments/patterns.md."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from daqpv.instruments.parsing.braces import braces
from daqpv.instruments.parsing.documents import PREFIX as JSON
from daqpv.instruments.parsing.documents import Document
from daqpv.instruments.parsing.layout import Layout
from daqpv.instruments.parsing.pairs import PREFIX as PAIRS
from daqpv.instruments.parsing.pairs import Pairs
from daqpv.instruments.parsing.percent import IS_PERCENT, percent
from daqpv.instruments.parsing.regular import Regular
from daqpv.instruments.parsing.values import Value


class _Engine(Protocol):
    """What reads and writes the lines of one sort of pattern."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def is_binary(self) -> bool: ...

    def parse(self, line: str) -> dict[str, Value]: ...

    def format(self, values: Mapping[str, object]) -> str: ...


class Pattern:
    """How an answer is read, or a command is written.

    Args:
        text: ``{pressure:g},{temperature:g}``, ``%(pressure)g``, ``/regex/``,
            ``pairs: ; =``; ``json: $.path`` for one value, `value`, or a mapping of
            names to paths.
        encoding: of lines that come as bytes, if the pattern is not binary.
        texts: names whose values stay texts where a regular expression or pairs would
            make numbers of them.

    Attributes:
        text: as it was given; of paths, with ``json:`` before them.
        names: of the values, in their order; empty for pairs, whose keys name them.
        is_binary: it has fields of bytes; `format` gives bytes, and in `parse` blanks
            are blanks.

    Raises:
        ValueError: it is no pattern; where and why.
    """

    def __init__(
        self,
        text: str | Mapping[str, str],
        *,
        encoding: str = "utf-8",
        texts: Collection[str] = (),
    ) -> None:
        self.text = text if isinstance(text, str) else f"{JSON} {dict(text)}"
        self._encoding = encoding
        try:
            self._engine = _engine(text, texts)
        except ValueError as error:
            raise ValueError(f"pattern {text!r}: {error}") from None
        self.names = self._engine.names
        self.is_binary = self._engine.is_binary
        self._parse = self._engine.parse

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def parse(self, line: str | bytes) -> dict[str, Value]:
        """The values of a line, without its terminator, by their names.

        A word in place of a number is given as text: "OVER". A field that is skipped,
        or optional and missing, is left out.

        Raises:
            ValueError: where and why it does not have this form: "expected ',' at
                character 7 of '1.2E-5;3'".
        """
        if isinstance(line, str) and not self.is_binary:
            return self._parse(line)
        return self._parse(self._characters(line))

    def _characters(self, line: str | bytes) -> str:
        """The line as text; of a binary pattern, one character for each byte."""
        if isinstance(line, str):
            return self._bytes(line).decode("latin-1")
        try:
            return line.decode("latin-1" if self.is_binary else self._encoding)
        except UnicodeError:
            shown = line[:30].hex(" ") + ("..." if len(line) > 30 else "")
            raise ValueError(f"the bytes {shown} are no {self._encoding}") from None

    def _bytes(self, line: str) -> bytes:
        try:
            return line.encode("latin-1")
        except UnicodeError:
            raise ValueError(
                f"{line[:60]!r} has characters that are no bytes"
            ) from None

    def format(self, **values: object) -> str | bytes:
        """The line with these values; bytes if the pattern `is_binary`.

        Raises:
            ValueError: a value is missing, does not fit its form, is NaN or infinite,
                or has control characters; the sentence names it.
        """
        line = self._engine.format(values)
        return self._bytes(line) if self.is_binary else line


def _engine(text: str | Mapping[str, str], texts: Collection[str]) -> _Engine:
    if not isinstance(text, str):
        return Document(text)
    if text.startswith(JSON):
        return Document({"value": text[len(JSON) :].strip()})
    if len(text) > 1 and text.startswith("/") and text.rstrip("i").endswith("/"):
        return Regular(text, texts)
    if text.startswith(PAIRS):
        return Pairs(text, texts)
    layout = Layout(percent(text) if IS_PERCENT.search(text) else braces(text))
    if layout.is_binary and any(ord(character) > 255 for character in text):
        raise ValueError("it has bytes, and characters above 255, which are none")
    return layout
