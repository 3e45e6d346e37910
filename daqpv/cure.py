"""What an operator can do about a failure, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cure:
    """A put that helps: each display renders it in its own way.

    Its text is what an operator types in a terminal; a screen makes a button of it.

    Attributes:
        device: prefix of the device's PVs; "AT:ECC:CoBo0:".
        signal: of the PV; "Command".
        value: to put: a number, a label or a text.
        is_long: the PV is a long string, which caput writes with -S.
    """

    device: str
    signal: str
    value: object
    is_long: bool = False

    @property
    def pv(self) -> str:
        """Name of the PV to put to."""
        return f"{self.device}{self.signal}"

    def __str__(self) -> str:
        caput = "caput -S" if self.is_long else "caput"
        return f"{caput} {self.pv} {_word(str(self.value))}"


def _word(text: str) -> str:
    """`text` as one word of a command line."""
    return f'"{text}"' if " " in text else text
