"""What is wrong with a formula, or with its result."""

from __future__ import annotations

from daqpv.errors import quoted


class FormulaError(ValueError):
    """A formula cannot be used, or has no result for these values.

    Attributes:
        what: is wrong, in words, without the formula: "division by zero".
        text: the formula; "" if it is not known.
        column: where it is wrong, from 1; None: no certain place.
    """

    def __init__(self, what: str, *, text: str = "", column: int | None = None) -> None:
        super().__init__(what)
        self.what, self.text, self.column = what, text, column

    def __str__(self) -> str:
        if not self.text:
            return self.what
        place = "" if self.column is None else f", column {self.column}"
        return f"formula {quoted(self.text)}{place}: {self.what}"
