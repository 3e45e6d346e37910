"""What an examination of a device finds, step by step, without serving it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one step of an examination.

    Attributes:
        step: a word: ``connection``, ``exchange``, ``parse``, ``clock``, ``port``.
        good: whether this step has succeeded.
        text: a sentence: what was found, and where.
        cure: what to do about it, in a sentence. A good finding that has one is a
            warning. A problem may have its cure in `text`.
        facts: the same for programs: numbers, texts, lists and mappings of them.
    """

    step: str
    good: bool
    text: str
    _: KW_ONLY
    cure: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_warning(self) -> bool:
        """Whether it works, and something should be done."""
        return self.good and bool(self.cure)

    def __str__(self) -> str:
        return f"{self.text} {self.cure}" if self.cure else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """How a device is to be examined.

    Attributes:
        until: when it must have ended, by the event loop's clock [s].
        served_by: the process that serves the device now, and may hold its only
            connection; "": none.
        is_direct: connect to the device, even if another process serves it.
    """

    until: float
    served_by: str = ""
    is_direct: bool = False
