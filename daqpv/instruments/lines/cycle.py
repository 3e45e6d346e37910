"""What has come in one cycle of questions."""

from __future__ import annotations

from collections.abc import Mapping

from daqpv.errors import LinkError
from daqpv.instruments.driver import Frame, Raw


class Cycle:
    """Gathers the answers of one cycle.

    Args:
        values: that are there already.

    Attributes:
        good: answers that were read well.
        bad: what came in place of answers.
        failed: questions without an answer.
        error: of the last one.
        is_spoilt: an exchange has failed: the connection may be closed.
    """

    __slots__ = ("_values", "bad", "error", "failed", "good", "is_spoilt")

    def __init__(self, values: dict[str, Raw]) -> None:
        self._values = values
        self.good = self.failed = 0
        self.bad: list[str] = []
        self.error: LinkError | None = None
        self.is_spoilt = False

    def take(self, values: Mapping[str, Raw]) -> None:
        """Take the values of an answer."""
        self._values.update(values)
        self.good += 1

    def fail(self, error: LinkError, faults: Mapping[str, Raw]) -> None:
        """Note that a question had no answer."""
        self._values.update(faults)
        self.failed += 1
        self.error = error

    def frame(self, late: int) -> Frame:
        """All of it."""
        return Frame(values=self._values, good=self.good, bad=self.bad, late=late)
