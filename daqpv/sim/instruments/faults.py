"""Faults of simulated instruments, for tests and demonstrations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Faults:
    """What a simulated instrument does wrong, from now on.

    Attributes:
        silent: it answers nothing.
        late: it answers so much later [s].
        garbage: its answers have other characters.
        cut: its answers end half-way, without a terminator.
        refuse: it refuses what it is asked: by the line of `acknowledge` that does, or
            else by the answer to what it does not know.
        times: so many answers are wrong, then all is well again; None: without end.
    """

    silent: bool = False
    late: float = 0.0
    garbage: bool = False
    cut: bool = False
    refuse: bool = False
    times: int | None = None

    def used(self) -> None:
        """One more answer was wrong; clears all when `times` are over."""
        if self.times is not None:
            self.times -= 1
            if self.times <= 0:
                self.clear()

    def clear(self) -> None:
        """All is well again."""
        self.silent = self.garbage = self.cut = self.refuse = False
        self.late, self.times = 0.0, None

    @property
    def is_any(self) -> bool:
        """Whether something is wrong."""
        return bool(self.silent or self.late or self.garbage or self.cut or self.refuse)

    def spoiled(self, answer: bytes, end: bytes) -> bytes:
        """An answer as it is sent now.

        Args:
            answer: with its terminator.
            end: the terminator.
        """
        if self.silent:
            return b""
        if self.garbage:
            body = answer.removesuffix(end)
            return bytes((byte * 7 + 31) % 94 + 33 for byte in body) + end
        return answer[: max(1, len(answer) // 2)] if self.cut else answer
