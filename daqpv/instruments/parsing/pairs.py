"""Lines of keys and values: ``T1=23.1;T2=22.8``. The keys name the values."""

from __future__ import annotations

import re
from collections.abc import Collection

from daqpv.instruments.parsing.values import WHITE, Value, expected, is_word, number

PREFIX = "pairs:"

_TOKEN = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|(\S+))""")
_MOST = 10_000  # pairs of a line


class Pairs:
    """Pairs of a key and a value, in any order; only some of them may come.

    Args:
        text: ``pairs: ; =`` names what stands between two pairs, and what between a
            key and its value; ``" "`` is any white space.
        texts: keys whose values stay texts.

    Raises:
        ValueError: it does not name both.
    """

    is_binary = False
    names: tuple[str, ...] = ()

    def __init__(self, text: str, texts: Collection[str] = ()) -> None:
        found = [next(filter(None, t)) for t in _TOKEN.findall(text[len(PREFIX) :])]
        if len(found) != 2 or found[0] == found[1]:
            raise ValueError(
                "it names two separators, between pairs and between key and value: "
                "pairs: ; ="
            )
        self._between, self._equals = found
        self._texts = frozenset(texts)

    def parse(self, line: str) -> dict[str, Value]:
        """The values by their keys.

        Raises:
            ValueError: a pair has no value or no key, a key comes twice.
        """
        is_space = not self._between.strip()
        values: dict[str, Value] = {}
        at = 0
        for pair in line.split(None if is_space else self._between, _MOST):
            if pair.strip():
                key, equals, text = pair.partition(self._equals)
                key, text = key.strip(WHITE), text.strip(WHITE)
                if not equals or not key or key in values:
                    what = f"a new key with {self._equals!r} and a value"
                    raise expected(what, line, line.find(pair, at) if at else 0)
                values[key] = self._value(key, text, line, at)
            at += 0 if is_space else len(pair) + len(self._between)
        if not values:
            raise expected(f"a key with {self._equals!r} and a value", line, 0)
        return values

    def _value(self, key: str, text: str, line: str, at: int) -> Value:
        found = None if key in self._texts else number(text)
        if found is not None:
            return found
        if key not in self._texts and not is_word(text):
            raise expected(f"a number or a word for {key}", line, at)
        return text

    def format(self, values: object) -> str:
        """Not possible.

        Raises:
            ValueError: always.
        """
        raise ValueError("pairs cannot be written, only read")
