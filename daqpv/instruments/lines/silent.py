"""Questions that have no answer do not hold up the others."""

from __future__ import annotations

from collections.abc import Iterable

from daqpv.instruments.lines.plan import Question


class Silent:
    """The questions that had no answer when they were asked last.

    They come after the others, and one of them in a cycle: each costs a time-out.
    """

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}  # the one asked longest ago comes first

    def note(self, question: Question) -> None:
        """It had no answer."""
        self._texts.pop(question.text, None)
        self._texts[question.text] = None

    def answered(self, question: Question) -> None:
        """It had an answer."""
        if self._texts:
            self._texts.pop(question.text, None)

    def in_turn(self, due: Iterable[Question]) -> Iterable[Question]:
        """The questions of a cycle in the order in which they are asked."""
        if not self._texts:
            return due
        lively = [one for one in due if one.text not in self._texts]
        places = {text: place for place, text in enumerate(self._texts)}
        silent = [one for one in due if one.text in places]
        silent.sort(key=lambda one: places[one.text])
        return lively + (silent[:1] if lively else silent)
